import type { Migration } from './migration.ts';

export const schemaHistory: Migration = {
  version: 2,
  rebuild: false,
  up(db) {
    db.exec(`
      -- Which version of Infernet brought the schema where it stands. An older one that finds a newer schema reads it, to
      -- say which version is needed: keep its form.
      CREATE TABLE schema_history (
        version INTEGER PRIMARY KEY,
        infernet TEXT NOT NULL,
        at INTEGER NOT NULL
      ) STRICT;
    `);
  },
};
