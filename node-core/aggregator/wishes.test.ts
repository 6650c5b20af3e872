import { describe, expect, it } from 'vitest';
import { Market } from '../simulation/market.ts';

describe('the owner’s word on providers', () => {
  it('gives a blocked one nothing, and says so where others were chosen', async () => {
    const market = await Market.open([{}, {}, {}]);
    const [blocked] = market.providers;
    const peerId = blocked?.peerId ?? '';
    market.client.config.aggregator.blockedProviders.push(peerId);
    expect((await market.call('peers.list', {})).peers.find((peer) => peer.peerId === peerId)?.mark).toBe('blocked');
    const { ended } = await market.run({}, 40);
    expect(ended?.state).toBe('done');
    const assigned = market.events('replica.assigned');
    expect(assigned.filter(({ provider }) => provider === peerId)).toEqual([]);
    expect(assigned[0]?.others).toEqual(
      expect.arrayContaining([expect.objectContaining({ provider: peerId, why: 'blocked' })]),
    );
    // Without any other, the plan says what stands in the way.
    market.client.config.aggregator.blockedProviders.push(...market.providers.map((provider) => provider.peerId));
    const plan = await market.call('jobs.plan', { template: 'colours', inputs: [{ n: 1 }], budgetMicro: '100000' });
    expect(plan).toMatchObject({ candidates: [], missing: [expect.stringContaining('blocked or left out by you')] });
  });

  it('gives it to one who is favoured, as long as there is room', async () => {
    const market = await Market.open([{}, {}, {}]);
    const peerId = market.providers[2]?.peerId ?? '';
    market.client.config.aggregator.favouredProviders.push(peerId);
    const policy = { type: 'replicate', copies: 1, quorum: 1, tieBreakers: 0 } as const;
    const { jobId } = await market.run({ policy }, 10);
    expect(market.events('replica.assigned').map(({ provider }) => provider)).toEqual([peerId]);
    const { shards } = await market.call('jobs.why', { jobId });
    expect(shards[0]?.replicas[0]?.terms).toContainEqual({
      name: 'favoured',
      value: 1,
      words: 'favoured by the owner',
    });
  });

  it('keeps one job to those that it names, or from those', async () => {
    const market = await Market.open([{}, {}, {}]);
    const [first, second, third] = market.providers.map(({ peerId }) => peerId) as [string, string, string];
    const taken = () => new Set(market.events('replica.assigned').map(({ provider }) => provider));
    await market.run({ providers: { only: [first, second] } }, 40);
    expect([...taken()].sort()).toEqual([first, second].sort());
    const before = market.events('replica.assigned').length;
    const { ended } = await market.run({ providers: { never: [first] } }, 40);
    expect(ended?.state).toBe('done');
    const later = market.events('replica.assigned').slice(before);
    expect([...new Set(later.map(({ provider }) => provider))].sort()).toEqual([second, third].sort());
    expect(later[0]?.others).toEqual(
      expect.arrayContaining([expect.objectContaining({ provider: first, why: 'not-wanted' })]),
    );
  });
});
