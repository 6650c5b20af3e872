import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { canonicalJson } from './codec/canonical.ts';
import { priceOf } from './discovery/node-record.ts';
import { protocolLimits } from './limits.ts';
import { Cid, Json, Micro, micro, ReplicaId, replicaIdOf, ShardId, shardIdOf } from './primitives.ts';

const amount = fc.bigInt({ min: 0n, max: 10n ** 24n - 1n }).map(String);

describe('amounts', () => {
  it.each(['0', '1', '999999999999999999999999'])('%s is one', (text) => {
    expect(Micro.parse(text)).toBe(text);
  });

  it.each(['', '-1', '01', '1.0', '1e3', ' 1', '1'.repeat(25), 1, null])('%j is none', (value) => {
    expect(Micro.safeParse(value).success).toBe(false);
  });

  it('are added, subtracted, multiplied and compared exactly, above 2⁵³ too', () => {
    fc.assert(
      fc.property(amount, amount, fc.nat(1_000_000), (a, b, factor) => {
        expect(micro.add(a, b)).toBe(String(BigInt(a) + BigInt(b)));
        expect(micro.subtract(micro.add(a, b), b)).toBe(a);
        expect(micro.times(a, factor)).toBe(String(BigInt(a) * BigInt(factor)));
        expect(micro.less(a, b)).toBe(BigInt(a) < BigInt(b));
        expect([micro.min(a, b), micro.max(a, b)].map(BigInt)).toEqual(
          [BigInt(a), BigInt(b)].sort((x, y) => (x < y ? -1 : x > y ? 1 : 0)),
        );
        if (micro.less(a, b)) expect(() => micro.subtract(a, b)).toThrow(RangeError);
      }),
    );
    fc.assert(
      fc.property(fc.array(amount), (amounts) => {
        expect(micro.sum(amounts)).toBe(amounts.reduce(micro.add, micro.zero));
      }),
    );
  });

  it('of a shard are a fixed part and a part per item', () => {
    expect(priceOf({ shardMicro: '1000', itemMicro: '100' }, 10)).toBe('2000');
    expect(priceOf({ shardMicro: '0', itemMicro: '9007199254740993' }, 3)).toBe('27021597764222979');
    expect(priceOf({ shardMicro: '7', itemMicro: '0' }, 1000)).toBe('7');
  });
});

describe('ids', () => {
  const jobId = '0123456789abcdef0123456789abcdef';
  const provider = '12D3KooWQK1wnefoLrcVHbbnf5tLzbopUd3K3bFAoJpA7YJgL5pV';

  it('of replicas name job, shard, attempt and provider', () => {
    const shardId = shardIdOf(jobId, 12);
    expect(ShardId.parse(shardId)).toBe('0123456789abcdef0123456789abcdef.12');
    expect(ReplicaId.parse(replicaIdOf(shardId, 3, provider))).toBe('0123456789abcdef0123456789abcdef.12.3.7YJgL5pV');
  });

  it('match their schemas up to the limits of a job', () => {
    const shardId = shardIdOf(jobId, protocolLimits.itemsPerJobMax - 1);
    expect(ShardId.safeParse(shardId).success).toBe(true);
    expect(ReplicaId.safeParse(replicaIdOf(shardId, 99_999, provider)).success).toBe(true);
  });

  it('in base32 are content ids', () => {
    expect(Cid.safeParse('bafyreihomymr426wqpprwjadunmd5u5ucsfpdalftccfp5o3xjgvop2tvi').success).toBe(true);
    expect(Cid.safeParse('QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N').success).toBe(false);
  });
});

describe('JSON payloads', () => {
  const nested = (depth: number): unknown => JSON.parse('['.repeat(depth) + ']'.repeat(depth));

  it('are whatever has canonical bytes, and are kept as they came', () => {
    fc.assert(
      fc.property(fc.json({ maxDepth: 10 }), (text) => {
        const value: unknown = JSON.parse(text);
        const parsed = Json.parse(value);
        expect(canonicalJson(parsed)).toBe(canonicalJson(value));
      }),
    );
  });

  it('keep a key that JavaScript treats specially: it is part of the hash', () => {
    const value: unknown = JSON.parse('{"__proto__":{"a":1},"constructor":2}');
    expect(canonicalJson(Json.parse(value))).toBe('{"__proto__":{"a":1},"constructor":2}');
  });

  it('have a depth', () => {
    expect(Json.safeParse(nested(protocolLimits.jsonDepthMax)).success).toBe(true);
    expect(Json.safeParse(nested(protocolLimits.jsonDepthMax + 1)).success).toBe(false);
    // As deep as a frame of 1 MiB can hold: refused, and not a stack overflow.
    expect(Json.safeParse(nested(500_000)).success).toBe(false);
  });

  it.each([
    ['undefined', undefined],
    ['NaN', Number.NaN],
    ['a bigint', 1n],
    ['a date', new Date(0)],
    ['undefined inside', { a: undefined }],
    ['a lone surrogate', ['\ud800']],
    ['a lone surrogate in a key', { '\ud800': 1 }],
  ])('refuse %s', (_, value) => {
    expect(Json.safeParse(value).success).toBe(false);
  });
});
