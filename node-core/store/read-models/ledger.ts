/** What was paid and received, newest first. */
import type Database from 'better-sqlite3';
import type { LedgerQuery, LedgerRow } from '../../ports/index.ts';
import { EpochMs, Micro, PeerId } from '../../protocol/primitives.ts';
import { z } from '../../protocol/zod.ts';
import type { Projector } from './projector.ts';

export const ledgerProjector: Projector = {
  tables: ['ledger'],
  prepare(db) {
    const insert = db.prepare(`
      INSERT INTO ledger (seq, at, peer, direction, amount_micro, cumulative_micro, replica_id)
      VALUES (?, ?, ?, ?, ?, ?, ?)`);
    return ({ seq, at, event }) => {
      switch (event.type) {
        case 'payment.paid':
          insert.run(seq, at, event.peer, 'paid', event.priceMicro, event.cumulativeMicro, event.replicaId);
          break;
        case 'payment.received': {
          const { voucher, amountMicro, replicas } = event;
          // One voucher may pay for several replicas; only where it pays for one can the row name it.
          const only = replicas.length === 1 && replicas[0]?.priceMicro === amountMicro ? replicas[0].replicaId : null;
          insert.run(seq, at, voucher.body.payer, 'received', amountMicro, voucher.body.cumulativeMicro, only);
          break;
        }
      }
    };
  },
};

const Rows = z.array(
  z
    .object({
      seq: z.int(),
      at: EpochMs,
      peer: PeerId,
      direction: z.enum(['paid', 'received']),
      amount_micro: Micro,
      cumulative_micro: Micro,
      replica_id: z.string().nullable(),
    })
    .transform(
      (row): LedgerRow => ({
        seq: row.seq,
        at: row.at,
        peer: row.peer,
        direction: row.direction,
        amountMicro: row.amount_micro,
        cumulativeMicro: row.cumulative_micro,
        replicaId: row.replica_id,
      }),
    ),
);

const columns = 'seq, at, peer, direction, amount_micro, cumulative_micro, replica_id';

export function queryLedger(db: Database.Database, query: LedgerQuery): LedgerRow[] {
  const before = query.before ?? Number.MAX_SAFE_INTEGER;
  return Rows.parse(
    query.peer === undefined
      ? db.prepare(`SELECT ${columns} FROM ledger WHERE seq < ? ORDER BY seq DESC LIMIT ?`).all(before, query.limit)
      : db
          .prepare(`SELECT ${columns} FROM ledger WHERE peer = ? AND seq < ? ORDER BY seq DESC LIMIT ?`)
          .all(query.peer, before, query.limit),
  );
}
