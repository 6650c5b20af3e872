import type { Migration } from './migration.ts';

export const initial: Migration = {
  version: 1,
  rebuild: false,
  up(db) {
    db.exec(`
      -- The truth: everything below "read models" can be made from it again.
      CREATE TABLE log (
        seq INTEGER PRIMARY KEY,
        at INTEGER NOT NULL,
        type TEXT NOT NULL,
        event TEXT NOT NULL,
        crc INTEGER NOT NULL
      ) STRICT;
      CREATE INDEX log_by_type ON log (type, seq);

      CREATE TABLE snapshot (
        id INTEGER PRIMARY KEY CHECK (id = 1),
        seq INTEGER NOT NULL,
        state TEXT NOT NULL,
        signature TEXT NOT NULL
      ) STRICT;

      CREATE TABLE blobs (
        hash TEXT NOT NULL UNIQUE,
        content BLOB NOT NULL
      ) STRICT;

      -- Read models.
      CREATE TABLE jobs (
        seq INTEGER PRIMARY KEY,
        job_id TEXT NOT NULL UNIQUE,
        label TEXT NOT NULL,
        state TEXT NOT NULL,
        template TEXT NOT NULL,
        template_name TEXT NOT NULL,
        items INTEGER NOT NULL,
        shards_total INTEGER NOT NULL,
        shards_accepted INTEGER NOT NULL,
        paid_micro TEXT NOT NULL,
        spent_micro TEXT NOT NULL,
        budget_micro TEXT NOT NULL,
        created_at INTEGER NOT NULL,
        ended_at INTEGER,
        code TEXT,
        reason TEXT NOT NULL,
        results_hash TEXT,
        search TEXT NOT NULL
      ) STRICT;
      CREATE INDEX jobs_by_state ON jobs (state, seq);
      -- Covers the text search, which so reads a tenth of the table.
      CREATE INDEX jobs_by_search ON jobs (seq, state, search);

      CREATE TABLE ledger (
        seq INTEGER PRIMARY KEY,
        at INTEGER NOT NULL,
        peer TEXT NOT NULL,
        direction TEXT NOT NULL,
        amount_micro TEXT NOT NULL,
        cumulative_micro TEXT NOT NULL,
        replica_id TEXT
      ) STRICT;
      CREATE INDEX ledger_by_peer ON ledger (peer, seq);

      -- An entry may concern several jobs and peers; each table is its own index.
      CREATE TABLE entry_jobs (
        job_id TEXT NOT NULL,
        seq INTEGER NOT NULL,
        PRIMARY KEY (job_id, seq)
      ) STRICT, WITHOUT ROWID;
      CREATE TABLE entry_peers (
        peer_id TEXT NOT NULL,
        seq INTEGER NOT NULL,
        PRIMARY KEY (peer_id, seq)
      ) STRICT, WITHOUT ROWID;
    `);
  },
};
