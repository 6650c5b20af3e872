/** The list of this node's own jobs, newest first, with search. */
import type Database from 'better-sqlite3';
import type { JobRow, JobsQuery } from '../../ports/index.ts';
import { jobStates } from '../../protocol/job/states.ts';
import { Cid, EpochMs, Id, Micro, micro, Sha256 } from '../../protocol/primitives.ts';
import { z } from '../../protocol/zod.ts';
import type { Projector } from './projector.ts';

export const jobsProjector: Projector = {
  tables: ['jobs'],
  prepare(db) {
    const create = db.prepare(`
      INSERT OR IGNORE INTO jobs
        (seq, job_id, label, state, template, template_name, items, shards_total, shards_accepted, paid_micro,
         spent_micro, budget_micro, created_at, ended_at, code, reason, results_hash, search)
      VALUES (?, ?, ?, 'planning', ?, ?, ?, 0, 0, '0', '0', ?, ?, NULL, NULL, '', NULL, ?)`);
    const plan = db.prepare(
      "UPDATE jobs SET state = 'running', shards_total = ? WHERE job_id = ? AND ended_at IS NULL",
    );
    const wait = db.prepare('UPDATE jobs SET code = ?, reason = ? WHERE job_id = ? AND ended_at IS NULL');
    const goOn = db.prepare(
      "UPDATE jobs SET code = NULL, reason = '' WHERE job_id = ? AND ended_at IS NULL AND code IS NOT NULL",
    );
    const accept = db.prepare(
      'UPDATE jobs SET shards_accepted = shards_accepted + 1 WHERE job_id = ? AND ended_at IS NULL',
    );
    const paidOf = db.prepare('SELECT paid_micro FROM jobs WHERE job_id = ?').pluck();
    const pay = db.prepare('UPDATE jobs SET paid_micro = ? WHERE job_id = ?');
    const end = db.prepare(`
      UPDATE jobs SET state = ?, code = ?, reason = ?, results_hash = ?, shards_accepted = ?, shards_total = ?,
        spent_micro = ?, ended_at = ?
      WHERE job_id = ? AND ended_at IS NULL`);
    const forget = db.prepare('UPDATE jobs SET results_hash = NULL WHERE job_id = ?');

    return ({ seq, at, event }) => {
      switch (event.type) {
        case 'job.created': {
          const { jobId, job } = event;
          const search = `${job.label}\n${job.templateName}\n${jobId}`.toLowerCase();
          create.run(seq, jobId, job.label, job.template, job.templateName, job.items, job.budgetMicro, at, search);
          break;
        }
        case 'job.planned':
          plan.run(event.counts.length, event.jobId);
          break;
        case 'job.waiting':
          wait.run(event.code, event.reason, event.jobId);
          break;
        case 'replica.assigned':
          // There is no event for the end of a wait: this is what ends it.
          goOn.run(event.jobId);
          break;
        case 'shard.accepted':
          accept.run(event.jobId);
          break;
        case 'payment.paid': {
          const paid = Micro.safeParse(paidOf.get(event.jobId));
          if (paid.success) pay.run(micro.add(paid.data, event.priceMicro), event.jobId);
          break;
        }
        case 'job.ended':
          end.run(
            event.state,
            event.code,
            event.reason,
            event.resultsHash,
            event.shardsAccepted,
            event.shardsTotal,
            event.spentMicro,
            at,
            event.jobId,
          );
          break;
        case 'job.forgotten':
          forget.run(event.jobId);
          break;
      }
    };
  },
};

const Row = z
  .object({
    seq: z.int(),
    job_id: Id,
    label: z.string(),
    state: z.enum(jobStates),
    template: Cid,
    template_name: z.string(),
    items: z.int(),
    shards_total: z.int(),
    shards_accepted: z.int(),
    paid_micro: Micro,
    spent_micro: Micro,
    budget_micro: Micro,
    created_at: EpochMs,
    ended_at: EpochMs.nullable(),
    code: z.string().nullable(),
    reason: z.string(),
    results_hash: Sha256.nullable(),
  })
  .transform(
    (row): JobRow => ({
      seq: row.seq,
      jobId: row.job_id,
      label: row.label,
      state: row.state,
      template: row.template,
      templateName: row.template_name,
      items: row.items,
      shardsTotal: row.shards_total,
      shardsAccepted: row.shards_accepted,
      // A replica may still be paid after the job has ended (a late copy that was accepted), and the figure at the
      // end may already count what is paid a moment later: the larger of both is right either way.
      spentMicro: micro.max(row.paid_micro, row.spent_micro),
      budgetMicro: row.budget_micro,
      createdAt: row.created_at,
      endedAt: row.ended_at,
      code: row.code,
      reason: row.reason,
      resultsHash: row.results_hash,
    }),
  );
const Rows = z.array(Row);

const columns = Object.keys(Row.in.shape).join(', ');

/** Jobs, newest first. `text` is looked for in label, template name and job id, in any case of letters. */
export function queryJobs(db: Database.Database, query: JobsQuery): JobRow[] {
  const { from, conditions, values } = select(query);
  const matching = `SELECT seq FROM ${from} WHERE seq < ? AND ${conditions} ORDER BY seq DESC LIMIT ? OFFSET ?`;
  const before = query.before ?? Number.MAX_SAFE_INTEGER;
  return Rows.parse(
    db
      .prepare(`SELECT ${columns} FROM jobs WHERE seq IN (${matching}) ORDER BY seq DESC`)
      .all(before, ...values, query.limit, query.skip ?? 0),
  );
}

export function countJobs(db: Database.Database, query: Pick<JobsQuery, 'state' | 'text'>): number {
  const { from, conditions, values } = select(query);
  return z.int().parse(
    db
      .prepare(`SELECT COUNT(*) FROM ${from} WHERE ${conditions}`)
      .pluck()
      .get(...values),
  );
}

function select(query: Pick<JobsQuery, 'state' | 'text'>): { from: string; conditions: string; values: unknown[] } {
  const text = query.text?.trim().toLowerCase() ?? '';
  const conditions = ['TRUE'];
  const values: unknown[] = [];
  if (query.state !== undefined) {
    conditions.push('state = ?');
    values.push(query.state);
  }
  if (text !== '') {
    conditions.push('instr(search, ?) > 0');
    values.push(text);
  }
  return {
    from: text === '' ? 'jobs' : 'jobs INDEXED BY jobs_by_search',
    conditions: conditions.join(' AND '),
    values,
  };
}

export function queryJob(db: Database.Database, jobId: string): JobRow | null {
  const row = db.prepare(`SELECT ${columns} FROM jobs WHERE job_id = ?`).get(jobId);
  return row === undefined ? null : Row.parse(row);
}
