export { Checks } from './checks.ts';
export { Reputation } from './reputation.ts';
