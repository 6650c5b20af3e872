import { describe, expect, it } from 'vitest';
import { NodeConfig } from '../config/schema.ts';
import type { Candidate } from '../directory/index.ts';
import { MessageRefused, PeerUnreachable } from '../messaging/index.ts';
import type { Capped } from '../payment/index.ts';
import {
  type AnyMessage,
  idOf,
  type MessageBody,
  type MessageOf,
  micro,
  type PeerId,
  type Quote,
  type SignedQuote,
  signBody,
} from '../protocol/index.ts';
import { Chance } from '../simulation/chance.ts';
import { NodeClock, VirtualTime } from '../simulation/clock.ts';
import { simulatedTemplate } from '../simulation/executor.ts';
import { KeyRing } from '../simulation/keys.ts';
import { Chooser } from './choose.ts';
import type { AggregatorContext } from './context.ts';
import { QuoteBook } from './quote-book.ts';
import { Quotes } from './quotes.ts';
import type { Job, Replica, Shard } from './state.ts';
import { Turns } from './turns.ts';

const keys = new KeyRing();
const chance = new Chance(3);
const client = keys.make(chance);
const providers = Array.from({ length: 3 }, () => keys.make(chance));
const [first, second, third] = providers.map(({ peerId }) => peerId) as [PeerId, PeerId, PeerId];
const jobId = idOf(chance.bytes(16));
const policy = { type: 'adaptive', streak: 10, floorPpm: 0, tieBreakers: 1 };
const { aggregator: config } = NodeConfig.parse({ dataFolder: 'x' });

const offered = { shardMicro: '100', itemMicro: '10' };

type Answer = MessageOf<'job.offer' | 'job.decline'> | 'unreachable' | 'error' | 'never';

/** A job whose providers answer as the test says. */
function table(change: Partial<Quote> = {}) {
  const time = new VirtualTime();
  const clock = new NodeClock(time);
  const asked: PeerId[] = [];
  const answers = new Map<PeerId, Answer>();
  const suspects = new Set<PeerId>();
  const excluded = new Set<PeerId>();
  const newcomers = new Set<PeerId>();
  const money = { spent: '0', reserved: '0', open: '0', capped: null as Capped | null };
  let changes = 0;
  const quoteOf = (provider: PeerId, more: Partial<Quote> = {}): SignedQuote => {
    const key = providers.find(({ peerId }) => peerId === provider);
    if (key === undefined) throw new Error('no such provider');
    return signBody(key, 'quote', {
      v: 1 as const,
      quoteId: idOf(chance.bytes(16)),
      provider,
      client: client.peerId,
      jobId,
      template: simulatedTemplate.id,
      model: null,
      price: { shardMicro: '100', itemMicro: '10' },
      inFlightMax: 8,
      creditLimitMicro: '10000',
      expiresAt: clock.now() + 60_000,
      ...change,
      ...more,
    });
  };
  const offer = (provider: PeerId, more?: Partial<Quote>): Answer => ({
    type: 'job.offer',
    body: { quote: quoteOf(provider, more) },
  });
  const decline = (code: MessageBody<'job.decline'>['code'], retryAfterMs?: number): Answer => ({
    type: 'job.decline',
    body: { jobId, code, message: 'so it is', ...(retryAfterMs === undefined ? {} : { retryAfterMs }) },
  });
  const context = {
    clock,
    config,
    signer: client,
    verifier: keys,
    messenger: {
      async request(peer: PeerId, _message: AnyMessage) {
        asked.push(peer);
        const answer = answers.get(peer) ?? offer(peer);
        if (answer === 'never') return new Promise(() => {});
        if (answer === 'unreachable') throw new PeerUnreachable('gone');
        if (answer === 'error') throw new MessageRefused('internal', 'broken');
        return answer;
      },
    },
    directory: {
      bestFit: (): Candidate[] =>
        providers.map(
          ({ peerId }, i) =>
            ({ peerId, score: 1 - i / 10, terms: { speed: 1 }, offer: { price: offered } }) as unknown as Candidate,
        ),
    },
    payment: {
      spentOf: () => money.spent,
      reservedOf: () => money.reserved,
      openWith: () => money.open,
      cappedAt: () => money.capped,
    },
    reputation: { scoreOf: () => ({ score: 0.5 }) },
    checks: {
      isExcluded: (peer: PeerId) => excluded.has(peer),
      standing: ({ provider }: { provider: PeerId }) => ({
        streak: newcomers.has(provider) ? 9 : 10,
        isSuspect: false,
      }),
    },
    random: new Chance(9),
    liveness: { isSuspect: (peer: PeerId) => suspects.has(peer) },
    turns: new Turns(),
    journal: { settled: async () => {} },
    quoteBook: new QuoteBook(clock),
  };
  const job = {
    jobId,
    quotes: {},
    job: { template: simulatedTemplate.id, model: null, items: 100, itemsPerShard: 10, budgetMicro: '1000', policy },
  } as unknown as Job;
  // The parts of the room that choosing needs.
  const c = context as unknown as AggregatorContext;
  const quotes = new Quotes(
    c,
    () => job,
    () => changes++,
  );
  const chooser = new Chooser(c, quotes);
  const shard = (tried: Array<[PeerId, Replica['state']]> = [], count = 10): Shard =>
    ({ count, audit: null, replicas: tried.map(([provider, state]) => ({ provider, state })) }) as unknown as Shard;
  const ask = async (...peers: PeerId[]) => {
    quotes.ask(peers.length > 0 ? peers : [first, second, third]);
    await new Promise((resolve) => setImmediate(resolve));
  };
  const pass = (ms: number) => {
    const until = time.elapsed + ms;
    while (time.step(until));
    time.skipTo(until);
  };
  const chosen = (to = shard(), inFlight: Record<PeerId, number> = {}) => {
    const choice = chooser.choose(job, to, new Map(Object.entries(inFlight)));
    return typeof choice === 'string' ? choice : choice.provider;
  };
  return {
    quotes,
    otherJob: () =>
      new Quotes(
        c,
        () => ({ ...job, jobId: 'e'.repeat(32) }),
        () => {},
      ),
    chooser,
    job,
    shard,
    ask,
    pass,
    chosen,
    answers,
    asked,
    suspects,
    excluded,
    newcomers,
    money,
    offer,
    decline,
    changes: () => changes,
  };
}

describe('quotes', () => {
  it('that another job got are used at once, and asked for anew when they are not young', async () => {
    const t = table();
    await t.ask(first);
    t.pass(9_000);
    const next = t.otherJob();
    next.ask([first]);
    expect(next.usable(first)?.body.jobId).toBe(t.job.jobId);
    t.pass(2_000);
    const third = t.otherJob();
    third.ask([first]);
    expect(third.usable(first)?.body.jobId).toBe(t.job.jobId);
    await new Promise((resolve) => setImmediate(resolve));
    expect(t.asked).toHaveLength(2);
  });

  it('that were declined are no other job’s', async () => {
    const t = table();
    await t.ask(first);
    t.quotes.declined(first, 'credit-limit', 'too much is unpaid', undefined);
    const next = t.otherJob();
    next.ask([first]);
    expect(next.usable(first)).toBeNull();
  });

  it('are asked for once, and hold until they expire', async () => {
    const t = table();
    await t.ask();
    await t.ask();
    expect(t.asked).toHaveLength(3);
    expect(t.quotes.usable(first)?.body.provider).toBe(first);
    expect(t.changes()).toBe(3);
    t.pass(60_001);
    expect(t.quotes.usable(first)).toBeNull();
    await t.ask();
    expect(t.asked).toHaveLength(6);
  });

  it.each<[string, Partial<Quote>]>([
    ['another client', { client: first }],
    ['another job', { jobId: 'f'.repeat(32) }],
    ['another provider', { provider: second }],
    ['another template', { template: `b${'a'.repeat(58)}` }],
    ['another model', { model: `b${'a'.repeat(58)}` }],
  ])('for %s are not used, and their giver is not asked again', async (_, change) => {
    const t = table();
    const answer = t.offer(first);
    if (typeof answer === 'string' || answer.type !== 'job.offer') throw new Error('no offer');
    const body = { ...answer.body.quote.body, ...change };
    const key = providers[0];
    if (key === undefined) throw new Error('no key');
    t.answers.set(first, { type: 'job.offer', body: { quote: signBody(key, 'quote', body) } });
    await t.ask(first);
    expect(t.quotes.usable(first)).toBeNull();
    t.pass(100_000);
    await t.ask(first);
    expect(t.asked).toHaveLength(1);
    expect(t.quotes.reasons()).toEqual([expect.stringMatching(/its quote is not about this job/)]);
  });

  it('that were changed on the way are not used', async () => {
    const t = table();
    const answer = t.offer(first);
    if (typeof answer === 'string' || answer.type !== 'job.offer') throw new Error('no offer');
    const { quote } = answer.body;
    t.answers.set(first, {
      type: 'job.offer',
      body: { quote: { ...quote, body: { ...quote.body, price: { shardMicro: '0', itemMicro: '0' } } } },
    });
    await t.ask(first);
    expect(t.quotes.usable(first)).toBeNull();
  });

  it('are asked for again after a pause that grows with each passing decline, and begins small after good work', async () => {
    const t = table();
    t.answers.set(first, t.decline('no-capacity', 100));
    const pauses: number[] = [];
    await t.ask(first);
    for (let i = 0; i < 8; i++) {
      if (i === 6) t.quotes.worked(first);
      const before = t.asked.length;
      let waited = 0;
      do {
        await t.ask(first);
        if (t.asked.length > before) break;
        t.pass(50);
        waited += 50;
      } while (waited < 10_000);
      pauses.push(waited);
    }
    expect(Math.max(...pauses)).toBeLessThanOrEqual(4_050);
    expect(pauses.slice(0, 3)).toEqual([100, 200, 400]);
    expect(pauses.slice(6)).toEqual([0, 100]);
  });

  it.each(['unreachable', 'error'] as const)(
    'of a provider who is %s are asked for again after a while',
    async (how) => {
      const t = table();
      t.answers.set(first, how);
      await t.ask(first);
      await t.ask(first);
      expect(t.asked).toHaveLength(1);
      t.answers.delete(first);
      t.pass(2_001);
      await t.ask(first);
      expect(t.quotes.usable(first)).not.toBeNull();
    },
  );

  it('are asked of so many at once', async () => {
    const t = table();
    for (const peer of [first, second, third]) t.answers.set(peer, 'never');
    const many = Array.from({ length: 40 }, (_, i) => `${first}${i}`);
    for (const peer of many) t.answers.set(peer, 'never');
    await t.ask(...many);
    expect(t.asked).toHaveLength(16);
  });
});

describe('the choice', () => {
  it('is the best by score and what is in flight there, at the price of the quote', async () => {
    const t = table();
    await t.ask();
    expect(t.chooser.choose(t.job, t.shard(), new Map())).toMatchObject({
      provider: first,
      priceMicro: '200',
      terms: { speed: 1000, inFlight: 1000 },
    });
    expect(t.chosen(t.shard(), { [first]: 1 })).toBe(second);
    expect(t.chosen(t.shard(), { [first]: 1, [second]: 1, [third]: 1 })).toBe(first);
    expect(t.chosen(t.shard(), { [first]: 2, [second]: 2, [third]: 2 })).toBe('busy');
  });

  it('is nobody who tried it already, but may be one who declined', async () => {
    const t = table();
    await t.ask();
    expect(t.chosen(t.shard([[first, 'rejected']]))).toBe(second);
    expect(t.chosen(t.shard([[first, 'declined']]))).toBe(first);
    const all: Array<[PeerId, Replica['state']]> = [first, second, third].map((peer) => [peer, 'undecided']);
    expect(t.chosen(t.shard(all))).toBe('no-provider');
  });

  it('is nobody who is excluded', async () => {
    const t = table();
    await t.ask();
    t.excluded.add(first);
    expect(t.chosen()).toBe(second);
  });

  it('is anybody, and not the best, for a check', async () => {
    const t = table();
    await t.ask();
    const audited = { ...t.shard([[first, 'revealed']]), audit: 'adaptive' } as const;
    const counts = new Map<string, number>();
    for (let i = 0; i < 100; i++) counts.set(t.chosen(audited), (counts.get(t.chosen(audited)) ?? 0) + 1);
    expect([...counts.keys()].sort()).toEqual([second, third].sort());
  });

  it('is one whose attempt was interrupted, when nobody else is there', async () => {
    const t = table();
    await t.ask();
    const tried = (one: Partial<Replica>) =>
      ({
        count: 10,
        audit: null,
        replicas: [
          { provider: first, taken: true, commitment: null, ...one },
          { provider: second, state: 'running' },
          { provider: third, state: 'undecided' },
        ],
      }) as unknown as Shard;
    const failed = (code: 'internal' | 'container') => tried({ state: 'failed', failure: { code, reason: '' } });
    expect(t.chosen(tried({ state: 'lost' }))).toBe(first);
    expect(t.chosen(tried({ state: 'cancelled' }))).toBe(first);
    expect(t.chosen(failed('internal'))).toBe(first);
    // It would fail there again.
    expect(t.chosen(failed('container'))).toBe('no-provider');
    t.quotes.declined(first, 'internal', 'restarted', 250);
    expect(t.chosen(failed('internal'))).toBe('busy');
  });

  it('is nobody who is suspected, paused or was not heard yet', async () => {
    const t = table();
    expect(t.chosen()).toBe('busy');
    await t.ask();
    t.suspects.add(first);
    expect(t.chosen()).toBe(second);
    t.quotes.declined(second, 'no-capacity', 'full', 250);
    expect(t.chosen()).toBe(third);
    t.quotes.declined(third, 'policy', 'no', undefined);
    expect(t.chosen()).toBe('busy');
    t.pass(251);
    expect(t.chosen()).toBe(second);
    t.quotes.declined(second, 'policy', 'no', undefined);
    t.quotes.declined(first, 'policy', 'no', undefined);
    expect(t.chosen()).toBe('no-provider');
  });

  it('keeps within the credit that a provider grants', async () => {
    const t = table({ creditLimitMicro: '500' });
    await t.ask();
    t.money.open = '300';
    expect(t.chosen()).toBe(first);
    t.money.open = '301';
    expect(t.chosen()).toBe('busy');
  });

  it('says when one shard alone is over the credit', async () => {
    const t = table({ creditLimitMicro: '199' });
    await t.ask();
    expect(t.chosen()).toBe('no-provider');
    expect(t.quotes.reasons()).toEqual([expect.stringMatching(/use smaller shards/)]);
  });

  it('keeps within the owner’s caps, and says which stands against it', async () => {
    const t = table();
    await t.ask();
    t.money.capped = { message: 'enough for today', freeAt: 7 };
    expect(t.chosen()).toBe('capped');
    expect(t.chooser.capped).toEqual(t.money.capped);
    // What is too dear for the budget as well is too dear tomorrow.
    t.money.spent = '1000';
    expect(t.chosen()).toBe('budget');
  });

  it('keeps within the budget, and tells money from time', async () => {
    const t = table();
    await t.ask();
    t.money.spent = '500';
    t.money.reserved = '300';
    expect(t.chosen()).toBe(first);
    t.money.reserved = '301';
    expect(t.chosen()).toBe('budget');
    expect(t.chosen(t.shard([], 9))).toBe(first);
    // Too dear, or not to be had at all: waiting changes nothing.
    t.quotes.declined(first, 'policy', 'no', undefined);
    t.quotes.declined(second, 'no-capacity', 'full', 250);
    t.suspects.add(third);
    expect(t.chosen()).toBe('budget');
    expect(micro.add(t.money.spent, t.money.reserved)).toBe('801');
  });

  it('waits for one who may be cheaper', async () => {
    const t = table();
    t.answers.set(second, 'never');
    await t.ask();
    t.money.reserved = '900';
    expect(t.chosen()).toBe('busy');
  });
});

describe('the price of a newcomer', () => {
  it('is at most the median of those who may be asked, and the job says so', async () => {
    const t = table();
    t.answers.set(first, t.offer(first, { price: { shardMicro: '300', itemMicro: '10' } }));
    await t.ask();
    expect(t.chosen()).toBe(first);
    t.newcomers.add(first);
    const choice = t.chooser.choose(t.job, t.shard(), new Map());
    expect(choice).toMatchObject({ provider: second, others: [{ provider: first, why: 'dear-newcomer' }, {}] });
    expect(t.quotes.reasons().join()).toMatch(/costs 400 a shard; .* 200 at most/);
    // Who checks is compared anyway.
    expect(['no-provider', 'busy']).not.toContain(
      t.chosen({
        ...t.shard([
          [second, 'revealed'],
          [third, 'failed'],
        ]),
        audit: 'adaptive',
      }),
    );
  });

  it('does not matter while it costs no more than half of them', async () => {
    const t = table();
    for (const peer of [first, second, third]) t.newcomers.add(peer);
    await t.ask();
    expect(t.chosen()).toBe(first);
  });
});
