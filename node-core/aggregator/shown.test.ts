import { describe, expect, it } from 'vitest';
import type { JobSpecInput, StreamItem } from '../protocol/index.ts';
import { Market, type ProviderOptions } from '../simulation/market.ts';
import { storyTruth } from '../simulation/stories.ts';

type Token = Extract<StreamItem, { kind: 'token' }>;

const stories = (manner: NonNullable<ProviderOptions['manner']> = {}): ProviderOptions => ({
  manner: { stories: true, ...manner },
});
const single = { type: 'replicate', copies: 1, quorum: 1, tieBreakers: 0 } as const;

/** A reader of the stream: what stands on its screen. */
class Screen {
  readonly texts = new Map<number, string>();
  readonly tokens: Token[] = [];
  readonly restarts: number[] = [];

  take(item: StreamItem): void {
    if (item.kind === 'restarted') {
      this.restarts.push(item.item);
      this.texts.set(item.item, '');
    } else if (item.kind === 'token') {
      this.tokens.push(item);
      this.texts.set(item.item, (this.texts.get(item.item) ?? '').slice(0, item.letters) + item.text);
    }
  }
}

async function open(providers: readonly ProviderOptions[]) {
  const market = await Market.open(
    providers.map((options) => ({ ...stories(), ...options })),
    stories(),
  );
  const screen = new Screen();
  market.client.node.api.subscribe(0, (item) => screen.take(item));
  const submit = (items: number, change: Partial<JobSpecInput> = {}) =>
    market.submit({ template: 'stories', stream: true, itemsPerShard: 2, policy: single, ...change }, items);
  const results = async (jobId: string) => (await market.call('jobs.results', { jobId })).outputs;
  return { market, screen, submit, results };
}

const textOf = (output: unknown): string =>
  typeof output === 'object' && output !== null && 'text' in output ? String(output.text) : '';

describe('a job that streams', () => {
  it('shows tokens before the result, and all of it at the end', async () => {
    const { market, screen, submit, results } = await open([{}, {}]);
    const jobId = await submit(6);
    await market.pass(60_000, () => screen.tokens.length >= 3);
    expect(market.events('replica.committed')).toEqual([]);
    expect((await market.end(jobId))?.state).toBe('done');
    for (const { index, output } of await results(jobId)) {
      expect(storyTruth({ n: index }, output)).toBeNull();
      expect(screen.texts.get(index)).toBe(textOf(output));
    }
    expect(screen.restarts).toEqual([]);
    expect(screen.tokens.length).toBeGreaterThan(18);
  });

  it('shows one of several copies', async () => {
    const { market, screen, submit } = await open([{}, {}, {}]);
    const jobId = await submit(2, { policy: { type: 'replicate', copies: 2, quorum: 2 } });
    await market.pass(60_000, () => screen.tokens.length >= 4);
    expect(new Set(screen.tokens.map(({ replicaId }) => replicaId)).size).toBe(1);
    expect((await market.end(jobId))?.state).toBe('done');
    expect(market.events('replica.judged').map(({ verdict }) => verdict)).toEqual(['accepted', 'accepted']);
    expect(screen.restarts).toEqual([]);
  });

  it('gives the shown tokens to another provider when the first one dies, and says so', async () => {
    const { market, screen, submit, results } = await open([stories({ tokenMs: 200 }), stories({ tokenMs: 200 })]);
    const jobId = await submit(1, { itemsPerShard: 1 });
    await market.pass(60_000, () => screen.tokens.length >= 2);
    const shown = screen.texts.get(0) ?? '';
    const [first] = screen.tokens;
    market.providers.find(({ peerId }) => peerId === first?.provider)?.crash();
    expect((await market.end(jobId))?.state).toBe('done');
    const [answer] = await results(jobId);
    expect(storyTruth({ n: 0 }, answer?.output)).toBeNull();
    expect(textOf(answer?.output).startsWith(shown)).toBe(true);
    expect(answer?.given).toBeGreaterThan(0);
    expect(screen.texts.get(0)).toBe(textOf(answer?.output));
    expect(screen.restarts).toEqual([]);
    expect(new Set(screen.tokens.map(({ provider }) => provider)).size).toBe(2);
  });

  it('goes on with another copy where there are copies', async () => {
    const { market, screen, submit, results } = await open([0, 1, 2].map(() => stories({ tokenMs: 200 })));
    const policy = { type: 'replicate', copies: 2, quorum: 2, tieBreakers: 1 } as const;
    const jobId = await submit(1, { itemsPerShard: 1, policy });
    await market.pass(60_000, () => screen.tokens.length >= 2);
    market.providers.find(({ peerId }) => peerId === screen.tokens[0]?.provider)?.crash();
    expect((await market.end(jobId))?.state).toBe('done');
    const [answer] = await results(jobId);
    expect(answer).toMatchObject({ how: 'checked' });
    expect(answer?.given).toBeUndefined();
    expect(screen.texts.get(0)).toBe(textOf(answer?.output));
    expect(screen.restarts).toEqual([]);
  });

  it('stops: the prefix is committed to, accepted and paid', async () => {
    const { market, screen, submit, results } = await open([stories({ tokenMs: 200 })]);
    const jobId = await submit(1, { itemsPerShard: 1 });
    await market.pass(60_000, () => screen.tokens.length >= 1);
    await market.call('jobs.stop', { jobId });
    expect((await market.end(jobId))?.state).toBe('done');
    const [answer] = await results(jobId);
    expect(answer?.output).toMatchObject({ finish: 'stopped' });
    expect(storyTruth({ n: 0 }, answer?.output)).toBeNull();
    expect(market.events('payment.paid')).toHaveLength(1);
    expect(screen.texts.get(0)).toBe(textOf(answer?.output));
  });

  it('stops one item of several, and ends what nobody has begun', async () => {
    const { market, screen, submit, results } = await open([stories({ tokenMs: 100 })]);
    const jobId = await submit(8, { itemsPerShard: 2 });
    await market.pass(60_000, () => screen.tokens.length >= 1);
    await market.call('jobs.stop', { jobId, item: 0 });
    await market.pass(60_000, () => screen.tokens.some(({ item }) => item === 1));
    await market.call('jobs.stop', { jobId });
    expect(await market.end(jobId)).toMatchObject({ state: 'cancelled', reason: 'stopped by its owner' });
    const answers = await results(jobId);
    expect(answers[0]?.output).toMatchObject({ finish: 'stopped' });
    expect(answers[7]).toMatchObject({ how: 'missing' });
  });

  it('stops copies that are compared: what both have must be the same', async () => {
    const { market, screen, submit, results } = await open([
      stories({ tokenMs: 200 }),
      stories({ tokenMs: 250 }),
      stories({ tokenMs: 250 }),
    ]);
    const policy = { type: 'replicate', copies: 2, quorum: 2, tieBreakers: 1 } as const;
    const jobId = await submit(1, { itemsPerShard: 1, policy });
    await market.pass(60_000, () => screen.tokens.length >= 1);
    await market.call('jobs.stop', { jobId });
    expect((await market.end(jobId))?.state).toBe('done');
    const [answer] = await results(jobId);
    expect(answer).toMatchObject({ how: 'checked', output: { finish: 'stopped' } });
    expect(market.events('payment.paid')).toHaveLength(2);
    expect(screen.texts.get(0)).toBe(textOf(answer?.output));
    expect(screen.restarts).toEqual([]);
  });

  it('rejects with evidence who shows another text than it commits to, and marks what was shown as replaced', async () => {
    const { market, screen, submit, results } = await open([stories({ twoFaced: 1 })]);
    const jobId = await submit(1, { itemsPerShard: 1 });
    await market.until('peer.penalised');
    await market.join(stories());
    expect((await market.end(jobId))?.state).toBe('done');
    const [answer] = await results(jobId);
    expect(screen.texts.get(0)).toBe(textOf(answer?.output));
    const liar = market.providers[0]?.peerId;
    const bad = market.events('peer.penalised');
    expect(bad.map(({ peerId }) => peerId)).toEqual([liar]);
    const receipts = market.events('receipt.stored').map(({ receipt }) => receipt.body);
    expect(receipts.filter(({ kind }) => kind === 'bad')).toMatchObject([
      { reason: 'stream-mismatch', provider: liar },
    ]);
  });

  it('gives what is shown already to who begins to listen', async () => {
    const { market, screen, submit } = await open([stories({ tokenMs: 200 })]);
    await submit(1, { itemsPerShard: 1 });
    await market.pass(60_000, () => screen.tokens.length >= 2);
    const late = new Screen();
    market.client.node.api.subscribe(1_000_000, (item) => late.take(item));
    expect(late.texts).toEqual(screen.texts);
  });

  it('refuses what does not stream', async () => {
    const { market, submit } = await open([{}]);
    await expect(market.submit({ stream: true })).rejects.toThrow('gives its answers as a whole');
    const jobId = await submit(1, { stream: false });
    await expect(market.call('jobs.stop', { jobId })).rejects.toThrow('cancel it instead');
    await expect(market.call('jobs.stop', { jobId: await submit(1), item: 4 })).rejects.toThrow('there is no item 4');
  });
});
