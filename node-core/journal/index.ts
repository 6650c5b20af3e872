export { Journal, JournalError } from './journal.ts';
export type { Projection, View } from './projection.ts';
