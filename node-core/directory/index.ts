export { Directory } from './directory.ts';
export type { Candidate } from './types.ts';
