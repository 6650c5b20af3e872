import { beforeAll, describe, expect, it } from 'vitest';
import { ApiError, type MethodInput, type MethodName, nodeMethods } from '../protocol/index.ts';
import { Market } from '../simulation/market.ts';

const nobody = 'f'.repeat(32);
/** They ask whoever started the node, which is nobody here. */
const needHost: readonly MethodName[] = ['settings.set', 'peers.mark', 'identity.export'];

describe('a node that did a job', () => {
  let market: Market;
  let jobId: string;

  beforeAll(async () => {
    market = await Market.open([{}, {}, { config: { provider: { templates: ['none'] } } }]);
    ({ jobId } = await market.run({ label: 'the first' }, 20));
    await market.pass(10_000);
  });

  it('answers every method in the form that it promises', async () => {
    const inputs = [{ n: 1 }];
    const params: { readonly [M in MethodName]?: MethodInput<M> } = {
      'jobs.plan': { template: 'colours', inputs, budgetMicro: '10000' },
      'jobs.get': { jobId },
      'jobs.results': { jobId },
      'jobs.why': { jobId },
      'jobs.stop': { jobId },
      'jobs.spec': { jobId },
      'provider.switch': { on: false },
      'provider.pause': { paused: false },
      'peers.reputation': { peerId: market.providers[0]?.peerId ?? '' },
    };
    for (const method of Object.keys(nodeMethods) as MethodName[]) {
      if (needHost.includes(method) || ['node.stop', 'jobs.submit', 'jobs.cancel'].includes(method)) continue;
      const result = await market.call(method, params[method] ?? {});
      expect(() => nodeMethods[method].result.parse(result), method).not.toThrow();
    }
  });

  it('says what it is and whom it knows', async () => {
    const status = await market.call('node.status', {});
    expect(status).toMatchObject({ peerId: market.client.peerId, state: 'online', knownProviders: 2, jobsActive: 0 });
    const { peers } = await market.call('peers.list', {});
    expect(peers.filter(({ self }) => self)).toHaveLength(1);
    const worked = peers.filter(({ offers }) => offers.length > 0);
    expect(worked).toHaveLength(2);
    for (const peer of worked) expect(peer).toMatchObject({ live: true, reputation: { good: 2 }, channel: {} });
    const idle = await market.call('provider.status', {}, market.providers[2]);
    expect(idle).toMatchObject({ on: true, offers: [], notOffered: [{ template: 'colours' }] });
  });

  it('shows the evidence of a score, page by page, and the parts are its sums', async () => {
    const peerId = market.providers[0]?.peerId ?? '';
    const { score, parts, evidence, next } = await market.call('peers.reputation', { peerId });
    expect(evidence).toHaveLength(2);
    const client = market.client.peerId;
    for (const each of evidence)
      expect(each).toMatchObject({ what: 'good', footing: 'own', client, signers: [client, peerId], kept: 1, adds: 1 });
    expect([parts.own, next]).toEqual([{ good: 2, bad: 0 }, null]);
    expect(score).toBe(4 / 6);
    const first = await market.call('peers.reputation', { peerId, limit: 1 });
    expect(first.evidence).toEqual(evidence.slice(0, 1));
    const second = await market.call('peers.reputation', { peerId, limit: 1, after: first.next ?? 0 });
    expect([second.evidence, second.next]).toEqual([evidence.slice(1), null]);
    // The other provider was told by the client, for whom it has worked too.
    await market.pass(10_000);
    const told = await market.call('peers.reputation', { peerId }, market.providers[1]);
    expect(told.evidence).toMatchObject([
      { footing: 'patron', witness: client, weight: 1 },
      { footing: 'patron', witness: client, weight: 1 },
    ]);
    const sum = told.evidence.reduce((total, { adds }) => total + adds, 0);
    expect(told.parts.patrons.good).toBeCloseTo(sum, 9);
    expect(told.score).toBeCloseTo((2 + sum) / (4 + sum), 9);
  });

  it('lists and shows the job, its results, its payments and its log', async () => {
    const { jobs } = await market.call('jobs.list', {});
    const summary = { jobId, label: 'the first', state: 'done', items: 20, shardsAccepted: 2, spentMicro: '8000' };
    expect(jobs).toMatchObject([summary]);
    expect((await market.call('jobs.list', { text: 'second' })).jobs).toEqual([]);
    expect((await market.call('jobs.list', { state: 'failed' })).jobs).toEqual([]);
    expect(await market.call('jobs.get', { jobId })).toMatchObject({ ...summary, shards: [] });
    const { outputs } = await market.call('jobs.results', { jobId });
    expect(outputs[3]).toEqual({ index: 3, output: { label: 'yellow' }, how: 'checked' });
    const spec = await market.call('jobs.spec', { jobId });
    expect([spec.label, spec.inputs.length, spec.policy]).toEqual([
      'the first',
      20,
      { type: 'replicate', copies: 2, quorum: 2, tieBreakers: 1 },
    ]);
    expect((await market.call('jobs.plan', spec)).shards).toBe(2);
    const { rows } = await market.call('wallet.ledger', {});
    expect(rows.map(({ direction, amountMicro }) => [direction, amountMicro])).toEqual(Array(4).fill(['paid', '2000']));
    const page = await market.call('wallet.ledger', { limit: 2, before: rows[1]?.seq ?? 0 });
    expect(page.rows).toEqual(rows.slice(2));
    const log = await market.call('logs.query', { jobId, types: ['job.created', 'job.ended'] });
    expect(log.entries.map(({ room, event }) => [room, event])).toMatchObject([
      ['aggregator', { type: 'job.created' }],
      ['aggregator', { type: 'job.ended' }],
    ]);
    const rest = await market.call('logs.query', { after: log.next, limit: 1 });
    expect(rest.entries.every(({ seq }) => seq === log.next + 1)).toBe(true);
  });

  it('looks for words in the log, backwards, and says how far it looked', async () => {
    const { logSeq } = await market.call('node.status', {});
    const found = await market.call('logs.query', { jobId, text: 'COLOURS', limit: 1000 });
    expect(found.searched).toEqual({ from: 1, to: logSeq });
    const withWord = found.entries.filter(({ event }) => JSON.stringify(event).includes('colours'));
    expect([found.entries.length > 0, withWord.length]).toEqual([true, found.entries.length]);
    const more = await market.call('logs.query', { jobId, text: 'colours', textTypes: ['job.ended'], limit: 1000 });
    expect(more.entries.length).toBe(found.entries.length + 1);
    const before = await market.call('logs.query', { jobId, text: 'colours', before: 3 });
    expect(before.searched).toEqual({ from: 1, to: 2 });
    const needs = market.call('peers.mark', { peerId: market.client.peerId, mark: 'blocked' });
    await expect(needs).rejects.toThrow(/this node itself takes no mark/);
  });

  it.each<[string, MethodName, object, RegExp]>([
    [
      'a job without inputs',
      'jobs.submit',
      { template: 'colours', inputs: [], budgetMicro: '1' },
      /jobs.submit: .*at least one input item.*inputs/s,
    ],
    ['no budget', 'jobs.submit', { template: 'colours', inputs: [1] }, /budgetMicro/],
    ['an id that is none', 'jobs.get', { jobId: 'x' }, /jobs.get: .*expected an id of 32 hex digits.*jobId/s],
    ['a page that is too large', 'wallet.ledger', { limit: 10_000 }, /limit/],
    [
      'a quorum above the copies',
      'jobs.plan',
      { template: 'colours', inputs: [1], budgetMicro: '1', policy: { type: 'replicate', copies: 2, quorum: 3 } },
      /quorum must not exceed copies/,
    ],
  ])('names what is wrong with %s', async (_, method, params, message) => {
    const call = market.call(method, params as never);
    await expect(call).rejects.toMatchObject({ kind: 'invalid-params', message: expect.stringMatching(message) });
  });

  it('says why these providers, and why not others', async () => {
    const { shards, more } = await market.call('jobs.why', { jobId });
    expect([shards.length, more]).toEqual([2, 0]);
    for (const { outcome, replicas } of shards) {
      expect(outcome).toBe('accepted (checked)');
      expect(replicas.map((replica) => [replica.role, replica.outcome])).toEqual(Array(2).fill(['copy', 'accepted']));
      const [first, second] = replicas;
      expect(first?.terms.find(({ name }) => name === 'price')).toMatchObject({
        value: 1,
        words: 'the cheapest of all',
      });
      const product = first?.terms.reduce((all, { value }) => all * value, 1) ?? 0;
      expect(first?.score).toBeCloseTo(product, 2);
      // Of two providers the other one is the one that was not chosen; and the second copy goes to another one.
      expect(first?.others).toMatchObject([{ provider: second?.provider, words: expect.any(String) }]);
      expect(second?.others).toMatchObject([{ provider: first?.provider, why: 'tried' }]);
    }
    const one = await market.call('jobs.why', { jobId, shardId: `${jobId}.1` });
    expect(one.shards.map(({ shardId }) => shardId)).toEqual([`${jobId}.1`]);
    expect(await market.call('jobs.why', { jobId, limit: 1 })).toMatchObject({ more: 1 });
    await expect(market.call('jobs.why', { jobId: nobody })).rejects.toMatchObject({ kind: 'not-found' });
  });

  it('tells unknown jobs from those that have ended', async () => {
    for (const method of ['jobs.get', 'jobs.results', 'jobs.cancel'] as const) {
      await expect(market.call(method, { jobId: nobody })).rejects.toMatchObject({
        kind: 'not-found',
        message: expect.stringMatching(/no job f+ is known here/),
      });
    }
    await expect(market.call('jobs.cancel', { jobId })).rejects.toThrow(/has ended already: it is done/);
  });

  it('plans before it spends', async () => {
    const inputs = Array.from({ length: 20 }, (_, n) => ({ n }));
    const plan = await market.call('jobs.plan', { template: 'colours', inputs, budgetMicro: '100' });
    expect(plan).toMatchObject({ shards: 2, readers: 2, expectedMicro: '8000', reserveMicro: '12000' });
    expect(plan.candidates).toHaveLength(2);
    expect(plan.missing).toEqual([expect.stringMatching(/budget of 100 .* below the expected 8000/)]);
    const three = { type: 'replicate', copies: 3, quorum: 2 } as const;
    const more = await market.call('jobs.plan', { template: 'colours', inputs, budgetMicro: '1000000', policy: three });
    expect(more.missing).toEqual([expect.stringMatching(/3 different providers of colours are needed, 2 known/)]);
  });
});

describe('a job under way', () => {
  it('is shown with its shards, its progress and what came so far', async () => {
    const market = await Market.open([{ manner: { itemMs: 200 } }, { manner: { itemMs: 200 } }]);
    const progress: number[] = [];
    market.client.node.api.subscribe(0, (item) => {
      if (item.kind === 'progress') progress.push(item.itemsDone);
    });
    const jobId = await market.submit({}, 40);
    await market.until('shard.accepted');
    const detail = await market.call('jobs.get', { jobId });
    expect(detail).toMatchObject({ state: 'running', shardsTotal: 4, shardsAccepted: 1, endedAt: null });
    expect(detail.shards[0]).toMatchObject({ state: 'accepted', how: 'checked', replicas: [{ itemsDone: 10 }, {}] });
    expect(Object.keys(detail.shards[0]?.replicas[0]?.terms ?? {})).toContain('inFlight');
    const { outputs, state } = await market.call('jobs.results', { jobId });
    expect([state, outputs.length, outputs.filter(({ how }) => how === 'checked').length]).toEqual(['running', 40, 10]);
    expect((await market.call('jobs.list', {})).jobs).toMatchObject([{ jobId, state: 'running', shardsAccepted: 1 }]);
    expect((await market.call('node.status', {})).jobsActive).toBe(1);
    await market.call('jobs.cancel', { jobId, reason: 'seen enough' });
    await market.end(jobId);
    expect(await market.call('jobs.get', { jobId })).toMatchObject({ state: 'cancelled', reason: 'seen enough' });
    const after = await market.call('jobs.results', { jobId });
    expect(after.outputs.filter(({ how }) => how === 'checked').length % 10).toBe(0);
  });

  it('is refused when too many are', async () => {
    const market = await Market.open([], { config: { aggregator: { jobsActiveMax: 3 } } });
    const { api } = market.client.node;
    const spec = { template: 'colours', inputs: [{ n: 1 }], budgetMicro: '1000' };
    const all = Array.from({ length: 5 }, () => api.call('jobs.submit', spec));
    const settled = Promise.allSettled(all);
    await market.pass(1_000);
    const outcomes = await settled;
    expect(outcomes.map(({ status }) => status).sort()).toEqual(
      [...Array(3).fill('fulfilled'), ...Array(2).fill('rejected')].sort(),
    );
    await expect(market.call('jobs.submit', spec)).rejects.toThrow(
      /3 jobs are under way, at most 3 \(aggregator.jobsActiveMax\)/,
    );
  });
});

describe('a provider without jobs', () => {
  const codes = async (market: Market, node = market.providers[0]) => {
    const { findings } = await market.call('provider.why', {}, node);
    return findings.map(({ code, weight }) => `${code} ${weight}`);
  };

  it('is told that it is off, alone, or offers nothing', async () => {
    const market = await Market.open([], { provider: true, config: { provider: { templates: ['none'] } } });
    const { findings } = await market.call('provider.why', {});
    expect(findings.map(({ code, weight }) => `${code} ${weight}`)).toEqual([
      'alone blocks',
      'no-offers blocks',
      'no-demand hinders',
      'not-offered note',
    ]);
    for (const { weight, advice } of findings) expect(advice === '').toBe(weight === 'note');
    await market.call('provider.switch', { on: false });
    expect(await codes(market, market.client)).toContain('off blocks');
  });

  it('is told of a price above the others’, and what it declined', async () => {
    const quoteTtlMs = 60_000;
    const dear = { provider: { defaultPrice: { shardMicro: '9000', itemMicro: '100' }, quoteTtlMs } };
    const market = await Market.open([{ config: dear }, {}, {}]);
    await market.run({}, 20);
    const [provider] = market.providers;
    const { findings, offers, demand } = await market.call('provider.why', {}, provider);
    expect(findings.map(({ code }) => code)).toContain('price');
    expect(findings.find(({ code }) => code === 'price')?.text).toMatch(
      /colours: place 3 of 3 by price \(0\.20, and 1\.00 at best\): 5 times the price of the cheapest/,
    );
    expect(offers).toMatchObject([{ templateName: 'colours', place: 3, of: 3 }]);
    // It was asked, and others were chosen.
    expect(demand).toMatchObject({ quotes: 1, assignments: 0, taken: 0, clients: 1 });
    expect(findings.map(({ code }) => code)).toContain('no-demand');

    provider?.config.provider.blockedClients.push(market.client.peerId);
    // While its quote holds it is not asked again.
    await market.pass(2 * quoteTtlMs);
    await market.run({}, 20);
    const after = await market.call('provider.why', {}, provider);
    expect(after.demand.declined).toMatchObject([
      { code: 'policy', count: 1, advice: expect.stringContaining('blocked') },
    ]);
    expect(after.findings.map(({ code }) => code)).toEqual(expect.arrayContaining(['declined', 'lists']));
    // Who works hears that it does.
    expect(await codes(market, market.providers[1])).toContain('working note');
  });
});

describe('a node', () => {
  it('that nobody is connected to is alone', async () => {
    const market = await Market.open([]);
    expect(await market.call('node.status', {})).toMatchObject({ state: 'alone', connectedPeers: 0 });
  });

  it('answers nothing before it has started and after it has stopped', async () => {
    const market = await Market.open([]);
    const { api } = market.client.node;
    await market.client.stop();
    await expect(api.call('node.status', {})).rejects.toMatchObject({ kind: 'unavailable' });
    await expect(api.call('node.status', {})).rejects.toThrow(ApiError);
  });

  it('becomes a provider, and stops being one, by a switch that lasts', async () => {
    const market = await Market.open([{}]);
    const on = await market.call('provider.switch', { on: true });
    expect(on).toMatchObject({ on: true, offers: [{ templateName: 'colours' }] });
    await market.pass(15_000);
    expect(await market.call('node.status', {}, market.providers[0])).toMatchObject({ knownProviders: 1 });
    market.client.crash();
    await market.start(market.client);
    expect(await market.call('provider.status', {})).toMatchObject({ on: true });
    await market.call('provider.switch', { on: false });
    await market.pass(30_000);
    expect(await market.call('node.status', {}, market.providers[0])).toMatchObject({ knownProviders: 0 });
  });

  it('forgets results by their retention, and says so', async () => {
    const market = await Market.open([{}, {}], { config: { aggregator: { resultsKeepMs: 60_000 } } });
    const { jobId } = await market.run({}, 10);
    await market.pass(70_000);
    await expect(market.call('jobs.results', { jobId })).rejects.toThrow(/were deleted: they are kept for/);
    expect(market.client.disk.blobs.size).toBe(0);
    expect(await market.call('jobs.get', { jobId })).toMatchObject({ state: 'done' });
  });
});
