import { initial } from './0001-initial.ts';
import { schemaHistory } from './0002-schema-history.ts';
import type { Migration } from './migration.ts';

/** In order; the place in the list is the version. */
export const migrations: readonly Migration[] = [initial, schemaHistory];
