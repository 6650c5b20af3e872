import { describe, expect, it } from 'vitest';
import { FairQueue, type Standing } from './fair-queue.ts';

interface Shard {
  readonly client: string;
  readonly items?: number;
  readonly priority?: number;
  readonly admittedAt?: number;
}

const ageMs = 10_000;
let lastSeq = 0;
const shards = (count: number, shard: Shard) =>
  Array.from({ length: count }, () => ({
    replicaId: `${shard.client}-${++lastSeq}`,
    seq: lastSeq,
    items: 10,
    priority: 5,
    admittedAt: 0,
    ...shard,
  }));

/** The clients in the order in which their shards run; strangers' names begin with an s. */
function order(waiting: ReturnType<typeof shards>, standings: Record<string, Partial<Standing>> = {}, now = 0): string {
  const queue = new FairQueue({
    standing: (client) => ({ isStranger: client.startsWith('s'), creditUsed: 0, ...standings[client] }),
    ageMs: () => ageMs,
  });
  let left = waiting;
  const taken: string[] = [];
  for (let next = queue.take(left, now); next !== null; next = queue.take(left, now)) {
    const { replicaId } = next;
    taken.push(next.client);
    left = left.filter((work) => work.replicaId !== replicaId);
  }
  return taken.join(' ');
}

describe('the provider’s queue', () => {
  it('takes clients in turn, however many shards one has', () => {
    expect(order([...shards(5, { client: 'a' }), ...shards(2, { client: 'b' }), ...shards(1, { client: 'c' })])).toBe(
      'a b c a b a a a',
    );
  });

  it('counts items, so that large shards bring no more than small ones', () => {
    const waiting = [...shards(3, { client: 'big', items: 40 }), ...shards(8, { client: 'a', items: 10 })];
    expect(order(waiting)).toBe('big a a a a big a a a a big');
  });

  it('lets nobody save up turns while it wants nothing', () => {
    const queue = new FairQueue({ standing: () => ({ isStranger: false, creditUsed: 0 }), ageMs: () => ageMs });
    for (const shard of shards(20, { client: 'a' })) queue.take([shard], 0);
    let waiting = [...shards(4, { client: 'b' }), ...shards(4, { client: 'a' })];
    const taken: string[] = [];
    for (let i = 0; i < 4; i++) {
      const next = queue.take(waiting, 0);
      waiting = waiting.filter((work) => work !== next);
      taken.push(next?.client ?? '');
    }
    // The last one that a had counts, and none before it.
    expect(taken).toEqual(['b', 'b', 'a', 'b']);
  });

  it('gives all strangers together one turn, and lets them take turns within it', () => {
    const waiting = ['s1', 's2', 's3'].flatMap((client) => shards(2, { client }));
    expect(order([...waiting, ...shards(4, { client: 'known' })])).toBe('s1 known s2 known s3 known s1 known s2 s3');
  });

  it('asks within a round who uses less of its credit', () => {
    const waiting = [...shards(2, { client: 'a' }), ...shards(2, { client: 'b' })];
    expect(order(waiting, { a: { creditUsed: 0.9 }, b: { creditUsed: 0.1 } })).toBe('b a b a');
  });

  it('follows priorities, of strangers up to the usual one only', () => {
    const urgent = { priority: 9 };
    const waiting = [...shards(2, { client: 'a' }), ...shards(2, { client: 'b', ...urgent })];
    expect(order(waiting)).toBe('b b a a');
    const withStranger = [...shards(2, { client: 'a' }), ...shards(2, { client: 's', ...urgent })];
    expect(order(withStranger)).toBe('a s a s');
    // Its own shards a client orders as it likes, stranger or not.
    const [late, early] = [shards(1, { client: 's', priority: 2 }), shards(1, { client: 's', ...urgent })];
    const queue = new FairQueue({ standing: () => ({ isStranger: true, creditUsed: 0 }), ageMs: () => ageMs });
    expect(queue.take([...late, ...early], 0)).toBe(early[0]);
  });

  it('lets no priority hold others back for ever', () => {
    const old = shards(1, { client: 'a', priority: 0, admittedAt: 0 });
    const queue = new FairQueue({ standing: () => ({ isStranger: false, creditUsed: 0 }), ageMs: () => ageMs });
    let now = 0;
    for (; now < 20 * ageMs; now += 1_000) {
      const urgent = shards(1, { client: 'b', priority: 9, admittedAt: now });
      if (queue.take([...old, ...urgent], now) === old[0]) break;
    }
    // Nine priorities lie between them; then it is a matter of turns.
    expect(now).toBe(9 * ageMs);
  });
});
