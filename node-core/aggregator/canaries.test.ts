import { describe, expect, it } from 'vitest';
import type { Json } from '../protocol/index.ts';
import { Market } from '../simulation/market.ts';
import { withoutCanary } from './canaries.ts';
import type { AggregatorContext, KnownTemplate } from './context.ts';
import { judgeCopies, type RevealedCopy } from './judge.ts';
import type { Job, Shard } from './state.ts';

const config = { verification: { canaryPpm: 500_000 } };
const single = { type: 'sample', ratePpm: 0 } as const;

/** A market that has kept items from a job of two copies, and then runs one of single copies. */
async function trained(providers: number, manner = {}) {
  const market = await Market.open(
    Array.from({ length: providers }, (_, i) => (i === 0 ? { manner } : {})),
    { config },
  );
  await market.run({}, 100);
  const { jobId, ended } = await market.run({ policy: single, budgetMicro: '10000000' }, 400);
  const assigned = market.events('replica.assigned').filter((event) => event.jobId === jobId);
  return { market, jobId, ended, assigned };
}

describe('canaries', () => {
  it('are kept from shards on which all agreed, and mixed into single copies, which are no larger for it', async () => {
    const { market, jobId, ended, assigned } = await trained(5);
    expect(market.events('canary.kept').length).toBeGreaterThan(0);
    const planned = market.events('job.planned').find((event) => event.jobId === jobId);
    const withOne = assigned.filter(({ canary }) => canary !== undefined);
    expect(withOne.length).toBeGreaterThan(0);
    for (const { shardId, priceMicro } of withOne) {
      const index = Number(shardId.split('.')[1]);
      expect(planned?.places).toContain(index);
      expect(planned?.counts[index]).toBeLessThan(10);
      expect(priceMicro).toBe(String(1000 + 100 * ((planned?.counts[index] ?? 0) + 1)));
    }
    // Nothing of them is in the results, and they are no shard's check of ten.
    expect(ended).toMatchObject({ state: 'done', itemsAccepted: 400 });
    expect(await market.outcome(jobId)).toEqual({ wrong: 0, missing: 0, how: ['unchecked-by-policy'] });
    const checks = market.events('check.recorded').filter(({ canary }) => canary);
    expect(checks).toHaveLength(withOne.length);
    for (const check of checks) expect(check).toMatchObject({ compared: 1, differed: 0, ok: true });
  });

  it('are never given to who was given the item before', async () => {
    const { market, assigned } = await trained(5);
    const kept = new Map(market.events('canary.kept').map(({ hash, seenBy }) => [hash, new Set(seenBy)]));
    for (const { canary, provider } of assigned) {
      if (canary === undefined) continue;
      const seen = kept.get(canary.of);
      expect(seen?.has(provider)).toBe(false);
      seen?.add(provider);
    }
  });

  it('find out who cheats although nothing is sampled; its shard is checked by another', async () => {
    const cheat = { share: 1, label: 'pink', afterItems: 100 };
    const { market } = await trained(5, { cheat });
    const [cheater] = market.providers;
    const audited = market.events('shard.audited').filter(({ why }) => why === 'canary');
    expect(audited.length).toBeGreaterThan(0);
    expect(market.events('canary.dropped')).toHaveLength(audited.length);
    const wrong = market.events('check.recorded').filter(({ differed, canary }) => canary && differed === 1);
    expect(new Set(wrong.map(({ provider }) => provider))).toEqual(new Set([cheater?.peerId]));
  });

  it('are none where the owner wants none', async () => {
    const market = await Market.open([{}, {}, {}], { config: { verification: { canaryPpm: 0 } } });
    await market.run({}, 50);
    await market.run({ policy: single }, 50);
    expect(market.events('canary.kept')).toEqual([]);
    expect(market.events('job.planned').every(({ places }) => places === undefined)).toBe(true);
  });
});

describe('a canary', () => {
  const template = { template: { verifier: 'exact', honestDisagreementPpm: 0 } } as unknown as KnownTemplate;
  const context = {
    checks: { isExplained: () => false },
    verification: { badProbabilityPpm: 1000 },
  } as unknown as AggregatorContext;
  const job = { job: { policy: { ...single, tieBreakers: 2 }, template: 't', model: null } } as unknown as Job;
  const shard = {
    audit: 'canary',
    disagreements: 0,
    count: 2,
    canary: { at: 1, hash: 'h', of: 'o' },
  } as unknown as Shard;
  const copy = (provider: string, outputs: Json[]): RevealedCopy =>
    ({
      replica: { replicaId: provider, provider, role: 'copy', commitment: { body: { taskHash: 'same' } } },
      revealed: { outputs, opening: { itemHashes: outputs.map((output) => JSON.stringify(output)), reveal: {} } },
    }) as unknown as RevealedCopy;

  it('is no part of the answer, nor of what copies are compared by', () => {
    expect(withoutCanary(['a', 'canary', 'b'], shard)).toEqual(['a', 'b']);
    const judgement = judgeCopies(job, shard, template, [copy('a', [1, 9, 2]), copy('b', [1, 8, 2])], context);
    expect(judgement).toMatchObject({ kind: 'agreed', outputs: [1, 2] });
    expect(judgement.verdicts.map(({ verdict }) => verdict)).toEqual(['accepted', 'accepted']);
  });

  it('of a quorum must be one answer, where others are to believe its evidence', () => {
    const against = (others: [Json, Json]) =>
      judgeCopies(
        job,
        shard,
        template,
        [copy('a', [5, 9, 5]), ...others.map((said, i) => copy(`b${i}`, [1, said, 2]))],
        context,
      ).verdicts.map(({ verdict, evidence }) => [verdict, evidence?.quorum.length]);
    expect(against([8, 8])[0]).toEqual(['rejected', 2]);
    expect(against([8, 7])[0]).toEqual(['undecided', undefined]);
  });
});
