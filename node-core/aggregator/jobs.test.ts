import { describe, expect, it } from 'vitest';
import { receiptFault } from '../protocol/index.ts';
import { Market } from '../simulation/market.ts';

/** A shard of 10 items at the default price, micro-credits. */
const shardMicro = 2000;

/** Both sides of every pair, when everything is delivered. */
async function settle(market: Market): Promise<void> {
  await market.pass(30_000);
  const { peers, reservedMicro } = await market.wallet();
  expect(reservedMicro).toBe('0');
  for (const provider of market.providers.filter(({ up }) => up)) {
    const theirs = (await market.wallet(provider)).peers.find(({ peerId }) => peerId === market.client.peerId);
    const ours = peers.find(({ peerId }) => peerId === provider.peerId);
    expect(theirs?.receivedMicro ?? '0').toBe(ours?.paidMicro ?? '0');
    expect(theirs?.unpaidMicro ?? '0').toBe('0');
  }
  const paid = market.events('payment.paid').map(({ replicaId }) => replicaId);
  expect(new Set(paid).size).toBe(paid.length);
  expect(market.client.disk.blobs.size).toBe(
    market.events('job.ended').filter((event) => event.resultsHash !== null).length +
      market.events('canary.kept').length,
  );
  for (const provider of market.providers) expect(provider.disk.blobs.size).toBe(0);
}

describe('a job', () => {
  it('is done by as many different providers as its policy wants, checked and paid', async () => {
    const market = await Market.open([{}, {}, {}]);
    const { jobId, ended } = await market.run();
    expect(ended).toMatchObject({
      state: 'done',
      shardsAccepted: 4,
      itemsAccepted: 40,
      spentMicro: String(8 * shardMicro),
    });
    expect(await market.outcome(jobId)).toEqual({ wrong: 0, missing: 0, how: ['checked'] });
    const pairs = new Map<string, Set<string>>();
    for (const { shardId, provider } of market.events('replica.assigned'))
      pairs.set(shardId, (pairs.get(shardId) ?? new Set()).add(provider));
    expect([...pairs.values()].map((peers) => peers.size)).toEqual([2, 2, 2, 2]);
    await settle(market);
    const good = market.events('receipt.stored').filter(({ receipt }) => receipt.body.kind === 'good');
    expect(good).toHaveLength(8);
    for (const { receipt } of good) expect(receiptFault(market.world.keys, receipt)).toBeNull();
  });

  it('gets as many shards run at once as its providers run', async () => {
    const config = { provider: { runsMax: 4 } };
    const market = await Market.open([{ config }, {}]);
    await market.run({ policy: { type: 'replicate', copies: 1, quorum: 1 } }, 200);
    const [four, one] = market.providers.map((provider) => {
      let [running, most] = [0, 0];
      for (const { event } of provider.disk.entries()) {
        if (event.type === 'work.started') most = Math.max(most, ++running);
        if (event.type === 'work.committed') running--;
      }
      return most;
    });
    expect([four, one]).toEqual([4, 1]);
  });

  it('is not stuck behind a large one of the same node', async () => {
    for (const priority of [5, 9]) {
      // One provider, that takes two shards of a client at most: the large job has them both.
      const market = await Market.open([{ config: { provider: { inFlightPerClientMax: 2 } } }]);
      const policy = { type: 'replicate', copies: 1, quorum: 1 } as const;
      const large = await market.submit({ policy, budgetMicro: '100000000' }, 10_000);
      await market.pass(5_000);
      const small = await market.submit({ policy, priority }, 10);
      const begun = market.events('shard.accepted').length;
      expect(await market.end(small)).toMatchObject({ state: 'done' });
      const meanwhile = market.events('shard.accepted').filter(({ jobId }) => jobId === large).length - begun;
      // What ran and waited when it came, and what was on its way.
      expect(meanwhile).toBeLessThanOrEqual(4);
      expect((await market.call('jobs.get', { jobId: large })).state).toBe('running');
    }
  });

  it('with one copy is accepted unchecked', async () => {
    const market = await Market.open([{}]);
    const { jobId, ended } = await market.run({ policy: { type: 'replicate', copies: 1, quorum: 1 } });
    expect(ended).toMatchObject({ state: 'done', spentMicro: String(4 * shardMicro) });
    expect(await market.outcome(jobId)).toMatchObject({ missing: 0, how: ['unchecked-by-policy'] });
    await settle(market);
  });

  it('goes elsewhere when a provider fails', async () => {
    const market = await Market.open([{ manner: { failure: 1 } }, {}, {}]);
    const { jobId, ended } = await market.run();
    expect(ended).toMatchObject({ state: 'done', spentMicro: String(8 * shardMicro) });
    expect(market.events('replica.failed').length).toBeGreaterThan(0);
    expect(market.paidTo(market.providers[0]?.peerId ?? '')).toBe(0);
    expect(await market.outcome(jobId)).toMatchObject({ wrong: 0, missing: 0 });
    await settle(market);
  });

  it('hedges a straggler, and does not pay what it cancels', async () => {
    const market = await Market.open([{ manner: { itemMs: 6_000 } }, {}, {}, {}]);
    const jobId = await market.submit();
    const began = market.world.time.elapsed;
    expect(await market.end(jobId)).toMatchObject({ state: 'done', spentMicro: String(8 * shardMicro) });
    expect(market.world.time.elapsed - began).toBeLessThan(20_000);
    expect(market.events('replica.assigned').some(({ role }) => role === 'hedge')).toBe(true);
    expect(market.events('replica.cancelled').map(({ provider }) => provider)).toContain(market.providers[0]?.peerId);
    await settle(market);
  });

  it('judges and pays the loser of a hedge that had committed', async () => {
    const market = await Market.open([{}, { manner: { itemMs: 300 } }]);
    const jobId = await market.submit({}, 10);
    const [loser] = market.providers;
    if (loser === undefined) throw new Error('no provider');
    await market.until('replica.committed', ({ provider }) => provider === loser.peerId);
    // It cannot be asked to reveal: suspected, and another is asked.
    market.world.hub.partition([[loser.peerId]]);
    await market.join();
    await market.until('shard.accepted');
    expect(market.events('replica.judged').map(({ provider }) => provider)).not.toContain(loser.peerId);
    market.world.hub.heal();
    expect(await market.end(jobId)).toMatchObject({ state: 'done', spentMicro: String(3 * shardMicro) });
    expect(market.events('replica.judged').map(({ verdict }) => verdict)).toEqual(['accepted', 'accepted', 'accepted']);
    expect(market.paidTo(loser.peerId)).toBe(shardMicro);
    await settle(market);
  });

  it('asks a tie-breaker when copies disagree; the minority is unpaid, with evidence for anybody', async () => {
    const market = await Market.open([{ manner: { cheat: { share: 1, label: 'pink' } } }, {}, {}]);
    const { jobId, ended } = await market.run();
    expect(ended).toMatchObject({ state: 'done' });
    expect(await market.outcome(jobId)).toEqual({ wrong: 0, missing: 0, how: ['checked'] });
    const cheater = market.providers[0]?.peerId ?? '';
    expect(market.events('replica.assigned').some(({ role }) => role === 'tie-breaker')).toBe(true);
    expect(market.paidTo(cheater)).toBe(0);
    const rejected = market.events('replica.judged').filter(({ verdict }) => verdict === 'rejected');
    expect(rejected.length).toBeGreaterThan(0);
    expect(new Set(rejected.map(({ provider }) => provider))).toEqual(new Set([cheater]));
    const bad = market.events('receipt.stored').filter(({ receipt }) => receipt.body.kind === 'bad');
    expect(bad).toHaveLength(rejected.length);
    for (const { receipt } of bad) {
      expect(receipt.body).toMatchObject({ provider: cheater, reason: 'minority', itemsWrong: 10 });
      expect(receiptFault(market.world.keys, receipt)).toBeNull();
    }
    await settle(market);
  });

  it('waits for a copy that still works before it gives up for want of a quorum', async () => {
    const liar = { manner: { cheat: { share: 1, label: 'pink' } } };
    const slow = { manner: { itemMs: 9_000 } };
    const market = await Market.open([liar, slow], { config: { aggregator: { attemptsPerShardMax: 3 } } });
    const policy = { type: 'replicate', copies: 2, quorum: 2, tieBreakers: 1 } as const;
    const jobId = await market.submit({ policy }, 10);
    const silent = market.providers[1]?.peerId ?? '';
    await market.until('replica.started', ({ provider }) => provider === silent);
    market.world.hub.partition([[silent]]);
    // Its hedge is the last attempt, and disagrees with the first copy.
    await market.join();
    await market.until('replica.assigned', ({ role }) => role === 'hedge');
    market.world.hub.heal();
    expect(await market.end(jobId)).toMatchObject({ state: 'done' });
    expect(market.events('replica.assigned').map(({ role }) => role)).toEqual(['copy', 'copy', 'hedge']);
    expect(await market.outcome(jobId)).toEqual({ wrong: 0, missing: 0, how: ['checked'] });
    // The liar waits a while for its verdict before it writes its price off.
    await market.pass(60_000);
    await settle(market);
  });

  it('leaves all undecided and unpaid when no quorum can be found', async () => {
    const liar = (label: string) => ({ manner: { cheat: { share: 1, label } } });
    const market = await Market.open([liar('pink'), liar('gold'), liar('grey')]);
    const { jobId, ended } = await market.run({}, 10);
    // Its inputs are kept, to be tried again.
    expect(ended).toMatchObject({ state: 'failed', spentMicro: '0', itemsAccepted: 0 });
    expect(ended?.reason).toMatch(/3 copies found no quorum of 2 on 10 items/);
    expect(market.events('replica.judged').map(({ verdict }) => verdict)).toEqual(Array(3).fill('undecided'));
    expect(market.events('receipt.stored')).toEqual([]);
    expect(await market.outcome(jobId)).toEqual({ wrong: 0, missing: 10, how: ['missing'] });
    await settle(market);
  });

  it('that is cancelled keeps and pays what was accepted', async () => {
    const market = await Market.open([{ manner: { itemMs: 100 } }, { manner: { itemMs: 100 } }]);
    const jobId = await market.submit({}, 100);
    await market.until('shard.accepted');
    await market.pass(1_500);
    const summary = await market.call('jobs.cancel', { jobId, reason: 'enough' });
    expect(summary.reason).toBe('enough');
    const ended = await market.end(jobId, 20_000);
    expect(ended).toMatchObject({ state: 'cancelled', code: null, reason: 'enough', shardsTotal: 10 });
    const { shardsAccepted = 0 } = ended ?? {};
    expect(shardsAccepted).toBeGreaterThan(0);
    expect(shardsAccepted).toBeLessThan(10);
    expect(ended?.spentMicro).toBe(String(shardsAccepted * 2 * shardMicro));
    expect(await market.outcome(jobId)).toMatchObject({ wrong: 0, missing: 100 - shardsAccepted * 10 });
    await settle(market);
  });

  it('ends at its deadline with what it has, and says so', async () => {
    const market = await Market.open([{}, {}]);
    const [silent] = market.providers;
    const jobId = await market.submit({ deadlineMs: 20_000 }, 400);
    await market.until('shard.accepted');
    if (silent !== undefined) silent.manner.silent = true;
    const ended = await market.end(jobId, 60_000);
    expect(ended).toMatchObject({ state: 'failed', code: 'timeout' });
    expect(ended?.reason).toMatch(/deadline/);
    const { missing, wrong } = await market.outcome(jobId);
    expect([wrong, missing > 0, missing < 400]).toEqual([0, true, true]);
  });
});

describe('without providers', () => {
  it('a job says what is missing, and goes on when it is there', async () => {
    const market = await Market.open([{}]);
    const jobId = await market.submit({}, 10);
    await market.until('job.waiting');
    expect(await market.call('jobs.get', { jobId })).toMatchObject({
      state: 'running',
      code: 'no-capacity',
      reason: expect.stringMatching(/2 different providers of colours are needed, 1 is known/),
    });
    await market.join();
    expect(await market.end(jobId)).toMatchObject({ state: 'done' });
  });

  it('nobody who does not offer the template is asked', async () => {
    const market = await Market.open([{ config: { provider: { templates: ['other'] } } }]);
    const jobId = await market.submit({}, 10);
    await market.until('job.waiting');
    expect(market.events('job.waiting')[0]?.reason).toMatch(/0 are known/);
    await market.call('jobs.cancel', { jobId });
    expect(await market.end(jobId, 5_000)).toMatchObject({ state: 'cancelled', spentMicro: '0' });
    await expect(market.submit({ template: 'dreams' })).rejects.toThrow(/known here: colours/);
  });

  it.each(['if-alone', 'only'] as const)(
    'the own node runs it (%s): one copy, marked, unpaid, no receipt',
    async (ownNode) => {
      const market = await Market.open(ownNode === 'only' ? [{}, {}] : [], { provider: true });
      const budgetMicro = ownNode === 'only' ? '0' : '1000';
      const { jobId, ended } = await market.run({ ownNode, budgetMicro });
      expect(ended).toMatchObject({ state: 'done', spentMicro: '0' });
      expect(await market.outcome(jobId)).toEqual({ wrong: 0, missing: 0, how: ['own-node'] });
      expect(market.events('replica.assigned').map(({ role }) => role)).toEqual(Array(4).fill('own-node'));
      expect([market.events('payment.reserved'), market.events('receipt.stored')]).toEqual([[], []]);
      await settle(market);
    },
  );

  it('the own node does not run it where it may not', async () => {
    const market = await Market.open([], { provider: true });
    const jobId = await market.submit({ ownNode: 'never', deadlineMs: 10_000 }, 10);
    expect(await market.end(jobId)).toMatchObject({ state: 'failed', code: 'timeout', reason: /waited because/ });
  });

  it('a shard that the own node failed gets all its copies from others', async () => {
    const market = await Market.open([], { provider: true, manner: { failure: 1 } });
    const jobId = await market.submit({}, 10);
    await market.until('replica.failed');
    await market.join();
    await market.join();
    expect(await market.end(jobId)).toMatchObject({ state: 'done', spentMicro: String(2 * shardMicro) });
    expect(await market.outcome(jobId)).toMatchObject({ wrong: 0, how: ['checked'] });
    expect(market.events('shard.disagreed')).toEqual([]);
  });
});

describe('money', () => {
  it('is never spent over the budget; what it covers is done', async () => {
    const market = await Market.open([{}, {}, {}]);
    const budget = 5 * shardMicro + 1_999;
    const { jobId, ended } = await market.run({ budgetMicro: String(budget) });
    expect(ended).toMatchObject({ state: 'failed', code: 'price', shardsAccepted: 2 });
    expect(ended?.reason).toMatch(/the budget of 11999 micro-credits does not cover another copy/);
    expect(Number(ended?.spentMicro)).toBeLessThanOrEqual(budget);
    expect(await market.outcome(jobId)).toMatchObject({ wrong: 0, missing: 20 });
    await settle(market);
  });

  it('that is paid makes room for more work than the credit limit', async () => {
    const market = await Market.open([{}, {}]);
    // 8 shards of credit each; 20 are wanted of each.
    expect((await market.run({}, 200)).ended).toMatchObject({ state: 'done', spentMicro: String(40 * shardMicro) });
    await settle(market);
  });
});

describe('a kill', () => {
  it.each([
    'job.created',
    'job.planned',
    'payment.reserved',
    'replica.committed',
    'replica.revealed',
    'shard.accepted',
    'payment.paid',
    'job.ended',
  ] as const)('of the client after %s: the job goes on and ends complete, nobody is paid twice', async (type) => {
    const market = await Market.open([{}, {}, {}]);
    const submitted = market.client.node.api.call('jobs.submit', {
      template: 'colours',
      inputs: Array.from({ length: 60 }, (_, n) => ({ n })),
      budgetMicro: '1000000',
    });
    submitted.catch(() => undefined);
    await market.until(type);
    market.client.crash();
    await market.pass(2_000);
    await market.start(market.client);
    const jobId = market.events('job.created')[0]?.jobId ?? '';
    expect(await market.end(jobId)).toMatchObject({ state: 'done', itemsAccepted: 60 });
    expect(await market.outcome(jobId)).toEqual({ wrong: 0, missing: 0, how: ['checked'] });
    await settle(market);
  });

  it('of a provider: its shards run elsewhere at once', async () => {
    const market = await Market.open([
      { manner: { itemMs: 300 } },
      { manner: { itemMs: 300 } },
      { manner: { itemMs: 300 } },
    ]);
    const jobId = await market.submit({}, 30);
    await market.until('replica.started', ({ provider }) => provider === market.providers[0]?.peerId);
    market.providers[0]?.crash('power');
    const killedAt = market.world.time.elapsed;
    const [dead] = market.providers;
    const theirs = new Set(
      market
        .events('replica.assigned')
        .flatMap(({ provider, shardId }) => (provider === dead?.peerId ? [shardId] : [])),
    );
    const before = market.events('replica.assigned').length;
    await market.until('replica.assigned', () =>
      market
        .events('replica.assigned')
        .slice(before)
        .some(({ shardId }) => theirs.has(shardId)),
    );
    expect(market.world.time.elapsed - killedAt).toBeLessThan(5_000);
    expect(await market.end(jobId)).toMatchObject({ state: 'done' });
    expect(await market.outcome(jobId)).toMatchObject({ wrong: 0, missing: 0 });
  });

  it('of a provider that had committed: it reveals when it is back', async () => {
    const market = await Market.open([{}, { manner: { itemMs: 300 } }]);
    const jobId = await market.submit({}, 10);
    const [provider] = market.providers;
    if (provider === undefined) throw new Error('no provider');
    await market.until('replica.committed', (event) => event.provider === provider.peerId);
    provider.crash();
    await market.pass(1_500);
    await market.start(provider);
    expect(await market.end(jobId)).toMatchObject({ state: 'done', spentMicro: String(2 * shardMicro) });
    await settle(market);
  });

  it('of a client whose inputs are lost ends the job with a reason, and gives all money back', async () => {
    const market = await Market.open([{ manner: { itemMs: 300 } }, { manner: { itemMs: 300 } }]);
    const jobId = await market.submit({}, 40);
    await market.until('replica.started');
    market.client.crash();
    market.client.disk.blobs.clear();
    await market.start(market.client);
    const ended = await market.end(jobId, 30_000);
    expect(ended).toMatchObject({ state: 'failed', code: 'internal', spentMicro: '0' });
    expect(ended?.reason).toMatch(/its inputs were lost or damaged on disk/);
    await market.pass(30_000);
    expect((await market.wallet()).reservedMicro).toBe('0');
  });
});

describe('a job with one copy that is checked', () => {
  it('is planned with what is likely to be checked, and pays it', async () => {
    const market = await Market.open([{}, {}, {}]);
    const policy = { type: 'adaptive', streak: 2, floorPpm: 0 } as const;
    const inputs = Array.from({ length: 40 }, (_, n) => ({ n }));
    const plan = await market.call('jobs.plan', { template: 'colours', inputs, budgetMicro: '1000000', policy });
    // Strangers are always checked; on one item in a hundred honest ones differ, so that one shard in ten needs a third.
    expect(plan).toMatchObject({ readers: 2, auditPpm: 1_000_000, expectedMicro: '16800', reserveMicro: '40000' });
    const { jobId, ended } = await market.run({ policy });
    expect(ended?.state).toBe('done');
    expect(await market.outcome(jobId)).toMatchObject({ wrong: 0, missing: 0 });
    expect(Number(ended?.spentMicro)).toBe(market.events('payment.paid').length * 2000);
    expect(market.events('check.recorded').length).toBeGreaterThanOrEqual(4);
    const said = market.events('receipt.stored').map(({ receipt: { body } }) => body.kind === 'good' && body.check);
    expect(said.length).toBeGreaterThanOrEqual(4);
    for (const check of said) expect(check).toMatchObject({ policy: 'adaptive', how: 'copies', copies: 2, quorum: 2 });
    const sample = { type: 'sample', ratePpm: 0 } as const;
    // Of twenty shards one holds a canary, which takes the place of one of ten items.
    const unchecked = await market.call('jobs.plan', { template: 'colours', inputs, budgetMicro: '1', policy: sample });
    expect(unchecked).toMatchObject({ readers: 1, auditPpm: 0, expectedMicro: '8045', reserveMicro: '8045' });
  });

  it('stands unchecked, and says so, where there is nobody who could check it', async () => {
    const market = await Market.open([{}]);
    const { jobId, ended } = await market.run({ policy: { type: 'adaptive' } });
    expect(ended).toMatchObject({ state: 'done' });
    expect(await market.outcome(jobId)).toEqual({ wrong: 0, missing: 0, how: ['unchecked-by-policy'] });
    expect(market.events('shard.audited')).toHaveLength(4);
    expect(market.events('shard.unaudited')).toHaveLength(4);
    await settle(market);
  });

  it('waits for who can check it, when there will be somebody', async () => {
    const market = await Market.open([{}]);
    const jobId = await market.submit({ policy: { type: 'adaptive' } }, 10);
    await market.until('shard.audited');
    await market.join();
    expect(await market.end(jobId)).toMatchObject({ state: 'done' });
    expect(await market.outcome(jobId)).toEqual({ wrong: 0, missing: 0, how: ['checked'] });
    expect(market.events('shard.unaudited')).toEqual([]);
  });
});
