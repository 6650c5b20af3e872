export { type BadWork, type GoodWork, Reputation, type ReputationOptions } from './reputation.ts';
export type { Score } from './scores.ts';
