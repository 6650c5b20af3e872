export { Journal, JournalError, type JournalOptions } from './journal.ts';
export type { Projection, View } from './projection.ts';
