export { type CheckResult, Checks } from './checks.ts';
export { Reputation } from './reputation.ts';
