export { Reputation } from './reputation.ts';
