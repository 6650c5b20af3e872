export { Directory } from './directory.ts';
export type { Candidate, Load } from './types.ts';
