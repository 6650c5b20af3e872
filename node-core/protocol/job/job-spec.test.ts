import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { protocolLimits } from '../limits.ts';
import { JobSpec, planShards, VerificationPolicy } from './job-spec.ts';

const jobId = 'a'.repeat(32);

describe('planShards', () => {
  const plan = fc.integer({ min: 1, max: 500 }).chain((bytesMax) =>
    fc.record({
      bytesMax: fc.constant(bytesMax),
      itemsPerShard: fc.integer({ min: 1, max: 20 }),
      sizes: fc.array(fc.integer({ min: 0, max: bytesMax }), { maxLength: 200 }),
    }),
  );

  it('covers every item once, in order, within both limits', () => {
    fc.assert(
      fc.property(plan, ({ sizes, itemsPerShard, bytesMax }) => {
        const shards = planShards(jobId, sizes, itemsPerShard, bytesMax);
        let next = 0;
        for (const [i, shard] of shards.entries()) {
          expect(shard).toMatchObject({ shardId: `${jobId}.${i}`, index: i, start: next });
          expect(shard.count).toBeGreaterThanOrEqual(1);
          expect(shard.count).toBeLessThanOrEqual(itemsPerShard);
          const bytes = sizes.slice(next, next + shard.count).reduce((sum, size) => sum + size, 0);
          expect(bytes).toBeLessThanOrEqual(bytesMax);
          next += shard.count;
        }
        expect(next).toBe(sizes.length);
      }),
    );
  });

  it('closes a shard only when the next item does not fit', () => {
    fc.assert(
      fc.property(plan, ({ sizes, itemsPerShard, bytesMax }) => {
        const shards = planShards(jobId, sizes, itemsPerShard, bytesMax);
        for (const shard of shards.slice(0, -1)) {
          const withNext = sizes.slice(shard.start, shard.start + shard.count + 1).reduce((sum, size) => sum + size, 0);
          expect(shard.count === itemsPerShard || withNext > bytesMax).toBe(true);
        }
      }),
    );
  });

  it('names the item that alone is too large, and the limit', () => {
    expect(() => planShards(jobId, [3, 4, 11, 2], 10, 10)).toThrow(
      new RangeError('input item 2 has 11 bytes; at most 10 bytes (inlineBytesMax) travel inside a message'),
    );
  });

  it('plans nothing of nothing', () => {
    expect(planShards(jobId, [], 10, 10)).toEqual([]);
  });
});

describe('job specification', () => {
  const minimal = { template: 'text-classification', inputs: ['a'], budgetMicro: '1000' };

  it('needs template, inputs and budget; the rest has defaults', () => {
    expect(JobSpec.parse(minimal)).toEqual({
      ...minimal,
      model: null,
      params: {},
      itemsPerShard: 10,
      policy: { type: 'replicate', copies: 2, quorum: 2, tieBreakers: 1 },
      deadlineMs: 600_000,
      priority: 5,
      ownNode: 'if-alone',
      stream: false,
      label: '',
      retryOf: null,
      aggregator: null,
    });
  });

  it.each([
    ['no input', { inputs: [] }],
    ['an input that is not JSON', { inputs: [undefined] }],
    ['a negative budget', { budgetMicro: '-1' }],
    ['a budget as a number', { budgetMicro: 5 }],
    ['a budget with a fraction', { budgetMicro: '0.5' }],
    ['too large a shard', { itemsPerShard: protocolLimits.itemsPerShardMax + 1 }],
    ['no time', { deadlineMs: 0 }],
  ])('refuses %s', (_, change) => {
    expect(JobSpec.safeParse({ ...minimal, ...change }).success).toBe(false);
  });

  it('wants a quorum that is a majority of the copies and not more than them', () => {
    for (let copies = 1; copies <= 7; copies++) {
      for (let quorum = 1; quorum <= 7; quorum++) {
        const { success } = VerificationPolicy.safeParse({ type: 'replicate', copies, quorum });
        expect(success, `${quorum} of ${copies}`).toBe(quorum <= copies && quorum > copies / 2);
      }
    }
  });
});
