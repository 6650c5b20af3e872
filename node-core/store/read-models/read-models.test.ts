/** Tables against the log that they are made from: the naive answer, computed from all entries, is the measure. */
import { rmSync } from 'node:fs';
import type Database from 'better-sqlite3';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { EntriesQuery } from '../../ports/index.ts';
import type { LogEntry, NodeEvent } from '../../protocol/events/events.ts';
import { openDatabase } from '../database.ts';
import { GroupCommit } from '../group-commit.ts';
import { defaultLimits } from '../limits.ts';
import { readEntries } from '../log-table.ts';
import {
  entriesOf,
  jobCreated,
  jobEnded,
  jobIdOf,
  jobStory,
  makeTestFolder,
  paid,
  peerIdOf,
  received,
  replicaAssigned,
  replicaOf,
  stopped,
} from '../testing.ts';
import { queryEntries } from './entries.ts';
import { rebuildReadModels } from './index.ts';
import { countJobs, queryJob, queryJobs } from './jobs.ts';
import { queryLedger } from './ledger.ts';

interface Opened {
  readonly db: Database.Database;
  append(events: readonly NodeEvent[]): LogEntry[];
  remove(): void;
}

function open(): Opened {
  const folder = makeTestFolder();
  const { db } = openDatabase(folder, { checkAll: false });
  const writer = new GroupCommit(db, folder, defaultLimits);
  return {
    db,
    append(events) {
      const entries = entriesOf(events, writer.lastSeq);
      const request = {
        id: 1,
        bytes: 0,
        op: 'append',
        blobs: [],
        durability: 'normal',
        entries: JSON.stringify(entries),
      } as const;
      expect(writer.write([request])).toEqual([{ id: 1, fault: null }]);
      return entries;
    },
    remove() {
      db.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

const event = fc.oneof(
  fc.nat(12).chain((job) => fc.constantFrom(...jobStory(job))),
  fc
    .tuple(fc.nat(12), fc.nat(4), fc.nat())
    .map(([job, peer, amount]) => paid(job, peerIdOf(peer), `${amount}`, `${amount}`)),
  fc
    .tuple(fc.nat(12), fc.nat(4), fc.nat())
    .map(([job, peer, amount]) => received(job, peerIdOf(peer), `${amount}`, `${amount}`)),
  fc.tuple(fc.nat(12), fc.nat(4)).map(([job, peer]) => replicaAssigned(job, peerIdOf(peer))),
  fc.nat(4).map((peer): NodeEvent => ({ type: 'peer.left', peerId: peerIdOf(peer), how: 'silent' })),
  fc.array(fc.nat(12), { maxLength: 3 }).map(
    (jobs): NodeEvent => ({
      type: 'work.forgotten',
      replicaIds: jobs.map((job) => replicaOf(job, peerIdOf(1)).replicaId),
    }),
  ),
  fc.constant(stopped('for now')),
);

const tables = ['jobs', 'ledger', 'entry_jobs', 'entry_peers'] as const;
const dump = (db: Database.Database): unknown =>
  tables.map((table) => db.prepare(`SELECT * FROM ${table} ORDER BY 1, 2`).all());

test('the log gives back what was appended, and tables made anew from it are what they were, whatever the order of events', () => {
  fc.assert(
    fc.property(fc.array(event, { maxLength: 60 }), (events) => {
      const store = open();
      try {
        const log = store.append(events);
        expect([...readEntries(store.db, 0)]).toEqual(log);
        const before = dump(store.db);
        store.db.transaction(() => rebuildReadModels(store.db)).immediate();
        expect(dump(store.db)).toEqual(before);
      } finally {
        store.remove();
      }
    }),
    { numRuns: 30 },
  );
});

describe('entries', () => {
  const jobOf = (entry: LogEntry): string[] => {
    const { event } = entry;
    if ('jobId' in event) return [event.jobId];
    const replicas =
      event.type === 'work.forgotten'
        ? event.replicaIds
        : event.type === 'payment.received'
          ? event.replicas.map((r) => r.replicaId)
          : [];
    return replicas.map((id) => id.slice(0, 32));
  };
  const peerOf = ({ event }: LogEntry): string | undefined => {
    if ('provider' in event) return event.provider;
    if ('peer' in event) return event.peer;
    if ('peerId' in event) return event.peerId;
    return event.type === 'payment.received' ? event.voucher.body.payer : undefined;
  };
  const naive = (
    log: readonly LogEntry[],
    { after, before, limit, jobId, peerId, types, text }: EntriesQuery,
  ): LogEntry[] => {
    const found = log
      .filter((entry) => entry.seq > after && (before === undefined || entry.seq < before))
      .filter((entry) => jobId === undefined || jobOf(entry).includes(jobId))
      .filter((entry) => peerId === undefined || peerOf(entry) === peerId)
      .filter((entry) => types?.includes(entry.event.type) ?? true)
      .filter(
        ({ event }) =>
          text === undefined ||
          text.types.includes(event.type) ||
          JSON.stringify(event).toLowerCase().includes(text.part.toLowerCase()),
      );
    return before === undefined ? found.slice(0, limit) : found.slice(Math.max(0, found.length - limit));
  };

  test('every combination of filters gives what a filter over the whole log gives', () => {
    const optional = <T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> =>
      fc.option(arbitrary, { nil: undefined });
    const query = fc.record({
      after: fc.nat(50),
      before: optional(fc.integer({ min: 1, max: 90 })),
      limit: fc.nat(30),
      jobId: optional(fc.nat(12).map(jobIdOf)),
      peerId: optional(fc.nat(4).map(peerIdOf)),
      types: optional(
        fc.array(fc.constantFrom('payment.paid', 'job.created', 'node.stopped', 'replica.assigned', 'no.such'), {
          maxLength: 4,
        }),
      ),
      text: optional(
        fc.record({
          part: fc.constantFrom('ACCEPTED', 'type', '%', '_', '\\', 'stop', 'no such'),
          types: fc.constantFrom<readonly string[]>([], ['job.created'], ['payment.paid', 'no.such']),
        }),
      ),
    });
    fc.assert(
      fc.property(
        fc.array(event, { maxLength: 80 }),
        fc.array(query, { minLength: 10, maxLength: 30 }),
        (events, queries) => {
          const store = open();
          try {
            const log = store.append(events);
            for (const { after, before, limit, jobId, peerId, types, text } of queries) {
              const asked: EntriesQuery = {
                after,
                limit,
                ...(before === undefined ? {} : { before }),
                ...(jobId === undefined ? {} : { jobId }),
                ...(peerId === undefined ? {} : { peerId }),
                ...(types === undefined ? {} : { types }),
                ...(text === undefined ? {} : { text }),
              };
              expect(queryEntries(store.db, asked)).toEqual(naive(log, asked));
            }
          } finally {
            store.remove();
          }
        },
      ),
      { numRuns: 30 },
    );
  });
});

describe('jobs', () => {
  let store: Opened;
  beforeAll(() => {
    store = open();
  });
  afterAll(() => store.remove());
  const row = (job: number) => queryJob(store.db, jobIdOf(job));

  test('a row follows its job', () => {
    const jobId = jobIdOf(1);
    const peer = peerIdOf(1);
    const [created] = store.append([jobCreated(1, 'Reviews')]);
    expect(row(1)).toEqual({
      seq: created?.seq,
      jobId,
      label: 'Reviews',
      state: 'planning',
      template: `b${'a'.repeat(58)}`,
      templateName: 'sentiment',
      items: 3,
      shardsTotal: 0,
      shardsAccepted: 0,
      spentMicro: '0',
      budgetMicro: '5000',
      createdAt: created?.at,
      endedAt: null,
      code: null,
      reason: '',
      resultsHash: null,
    });
    store.append([
      { type: 'job.planned', jobId, counts: [2, 1] },
      { type: 'job.waiting', jobId, code: 'no-capacity', reason: 'all are busy' },
    ]);
    expect(row(1)).toMatchObject({ state: 'running', shardsTotal: 2, code: 'no-capacity', reason: 'all are busy' });
    store.append([replicaAssigned(1, peer), paid(1, peer, '70', '70'), paid(1, peer, '50', '120')]);
    expect(row(1)).toMatchObject({ code: null, reason: '', spentMicro: '120' });
    const [ended] = store.append([jobEnded(1, '150')]);
    expect(row(1)).toMatchObject({
      state: 'done',
      spentMicro: '150',
      shardsTotal: 1,
      shardsAccepted: 1,
      endedAt: ended?.at,
    });
    expect(row(1)?.resultsHash).not.toBeNull();
    // A copy that was judged late: the sum passes what the job said at its end.
    store.append([paid(1, peer, '60', '180'), { type: 'job.waiting', jobId, code: 'price', reason: 'late' }]);
    expect(row(1)).toMatchObject({ state: 'done', spentMicro: '180', code: null });
    store.append([{ type: 'job.forgotten', jobId }]);
    expect(row(1)?.resultsHash).toBeNull();
  });

  test('an end without a beginning is passed over', () => {
    store.append([jobEnded(999), paid(998, peerIdOf(1), '1', '1')]);
    expect(row(999)).toBeNull();
    expect(row(998)).toBeNull();
  });

  test('search finds label, template name and job id in any case, takes % and _ as they are, and turns pages', () => {
    store.append([
      jobCreated(100, 'Grüne ÄPFEL', 'classify'),
      jobCreated(101, '100 % sure', 'summarise'),
      jobCreated(102, 'snake_case', 'summarise'),
      jobEnded(101),
    ]);
    const found = (text: string): string[] => queryJobs(store.db, { limit: 10, text }).map(({ label }) => label);
    expect(found('äpfel')).toEqual(['Grüne ÄPFEL']);
    expect(found(' SUMMAR ')).toEqual(['snake_case', '100 % sure']);
    expect(found('%')).toEqual(['100 % sure']);
    expect(found('e_c')).toEqual(['snake_case']);
    expect(found(jobIdOf(101))).toEqual(['100 % sure']);
    expect(found('nothing like it')).toEqual([]);
    expect(queryJobs(store.db, { limit: 10, text: 'summarise', state: 'done' }).map(({ label }) => label)).toEqual([
      '100 % sure',
    ]);

    expect(countJobs(store.db, { text: 'summarise' })).toBe(2);
    expect(countJobs(store.db, { text: 'summarise', state: 'done' })).toBe(1);

    const all = queryJobs(store.db, { limit: 1000 });
    expect(countJobs(store.db, {})).toBe(all.length);
    expect(queryJobs(store.db, { limit: 2, skip: 1 })).toEqual(all.slice(1, 3));
    expect(all.map(({ seq }) => seq)).toEqual(all.map(({ seq }) => seq).toSorted((a, b) => b - a));
    const paged = [];
    for (let page = queryJobs(store.db, { limit: 2 }); page.length > 0; ) {
      paged.push(...page);
      page = queryJobs(store.db, { limit: 2, before: page.at(-1)?.seq ?? 0 });
    }
    expect(paged).toEqual(all);
  });

  test.each([
    ['the list', undefined, undefined],
    ['one state', 'done', undefined],
    ['a text', undefined, 'x'],
    ['a text in one state', 'done', 'x'],
  ] as const)('%s is read from an index in the order of its rows, without sorting them all', (_, state, text) => {
    const plans: string[] = [];
    const spy = new Proxy(store.db, {
      get: (db, key) => {
        if (key !== 'prepare') return Reflect.get(db, key);
        return (sql: string) => {
          const statement = db.prepare(sql);
          return {
            all: (...values: unknown[]) => {
              plans.push(JSON.stringify(db.prepare(`EXPLAIN QUERY PLAN ${sql}`).all(...values)));
              return statement.all(...values);
            },
          };
        };
      },
    });
    queryJobs(spy, { limit: 5, ...(state === undefined ? {} : { state }), ...(text === undefined ? {} : { text }) });
    expect(plans).toHaveLength(1);
    expect(plans[0]).not.toContain('TEMP B-TREE');
    expect(plans[0]).not.toMatch(/SCAN jobs"/);
  });
});

test('the ledger has both directions, newest first, by peer and by page', () => {
  const store = open();
  const [a, b] = [peerIdOf(1), peerIdOf(2)];
  store.append([paid(1, a, '10', '10'), received(2, b, '5', '5'), paid(3, b, '7', '7'), received(4, a, '20', '20')]);
  const amounts = (query: Parameters<typeof queryLedger>[1]): string[] =>
    queryLedger(store.db, query).map((row) => `${row.direction} ${row.amountMicro}`);
  expect(amounts({ limit: 10 })).toEqual(['received 20', 'paid 7', 'received 5', 'paid 10']);
  expect(amounts({ limit: 10, peer: a })).toEqual(['received 20', 'paid 10']);
  expect(amounts({ limit: 1, peer: b })).toEqual(['paid 7']);
  expect(amounts({ limit: 10, before: 3 })).toEqual(['received 5', 'paid 10']);
  expect(queryLedger(store.db, { limit: 1 })[0]).toEqual({
    seq: 4,
    at: 1_700_000_000_003,
    peer: a,
    direction: 'received',
    amountMicro: '20',
    cumulativeMicro: '20',
    replicaId: replicaOf(4, peerIdOf(0)).replicaId,
  });
  store.remove();
});
