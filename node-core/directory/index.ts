export { Directory } from './directory.ts';
export type { Candidate, FitQuery, FitTerms, Load } from './types.ts';
