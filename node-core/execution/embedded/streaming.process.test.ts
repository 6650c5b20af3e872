/** Streaming, Stop, forced prefixes and checks of claimed tokens: the shipped templates on the shipped models. */
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type {
  CheckOutcome,
  ExecutorInventory,
  RunRequest,
  TokenCheck,
  TokenClaim,
  TokenPiece,
} from '../../ports/index.ts';
import { type Json, z } from '../../protocol/index.ts';
import { cancelSource, shippedModels, shippedTemplates, stopSource, temporaryFolder } from '../testing.ts';
import { createEmbeddedExecutor, type EmbeddedExecutor } from './embedded-executor.ts';

const Generated = z.object({
  text: z.string(),
  tokens: z.int().optional(),
  tokenIds: z.array(z.int()),
  finish: z.enum(['stop', 'length', 'stopped']),
});
type Generated = z.infer<typeof Generated>;

const story = 'Tell a short story about a fox.';

let folder: string;
let remove: () => Promise<void>;
let executor: EmbeddedExecutor;
let inventory: ExecutorInventory;

const make = (env: Record<string, string> = {}): EmbeddedExecutor =>
  createEmbeddedExecutor({
    templateFolders: [shippedTemplates],
    modelFolders: [shippedModels],
    cacheFolder: join(folder, 'cache'),
    limits: { processesMax: 3 },
    env,
  });

beforeAll(async () => {
  ({ path: folder, remove } = await temporaryFolder());
  executor = make();
  inventory = await executor.start();
});
afterAll(async () => {
  await executor.stop();
  await remove();
});

function asked(name: string, params: Record<string, Json>, inputs: readonly Json[], modelName = 'infernet-tiny') {
  const found = inventory.templates.find(({ template }) => template.name === name)?.template;
  if (found === undefined) throw new Error(`no template ${name}`);
  const model = inventory.models.find((info) => info.name === modelName)?.cid ?? null;
  return {
    runId: 'test',
    template: found.id,
    model: found.needsModel ? model : null,
    params,
    inputs,
    timeoutMs: 50_000,
    onProgress: () => undefined,
  };
}

async function outputsOf(request: RunRequest, by = executor): Promise<Generated[]> {
  const outcome = await by.run(request, cancelSource());
  if (!outcome.ok) throw new Error(outcome.message);
  return z.array(Generated).parse(outcome.outputs);
}

async function generated(params: Record<string, Json>, prompt = story, more: Partial<RunRequest> = {}, model?: string) {
  const [output] = await outputsOf({ ...asked('text-generation', params, [{ prompt }], model), ...more });
  if (output === undefined) throw new Error('no output');
  return output;
}

const hashOfJson = (value: Json) => createHash('sha256').update(JSON.stringify(value)).digest('hex');
const textOf = (pieces: readonly TokenPiece[]) => pieces.map(({ text }) => text).join('');
const idsOf = (pieces: readonly TokenPiece[]) => pieces.flatMap(({ tokenIds }) => tokenIds);

describe('streaming', () => {
  it('shows tokens as they come: the first alone, the others gathered, all of them the output', async () => {
    const pieces: TokenPiece[] = [];
    const whole = await generated({}, story, { onToken: (piece) => pieces.push(piece) });
    expect(textOf(pieces)).toBe(whole.text);
    // The model's end marker is in the output alone.
    expect(idsOf(pieces)).toEqual(whole.tokenIds.slice(0, -1));
    expect(pieces[0]?.tokenIds).toHaveLength(1);
    expect(pieces.length).toBeLessThan(whole.tokenIds.length);
    expect(await generated({}, story)).toEqual(whole);
  });

  it('never shows a stop text, nor the beginning of one that comes', async () => {
    const pieces: TokenPiece[] = [];
    const cut = await generated({ stop: ['fox had', 'evening the'] }, story, {
      onToken: (piece) => pieces.push(piece),
    });
    expect(cut.finish).toBe('stop');
    expect(textOf(pieces)).toBe(cut.text);
  });

  it('comes from one item after the other', async () => {
    const pieces: TokenPiece[] = [];
    const inputs = [{ prompt: story }, { prompt: 'What is 47 + 38?' }];
    const outputs = await outputsOf({
      ...asked('text-generation', {}, inputs),
      onToken: (piece) => pieces.push(piece),
    });
    for (const [item, { text }] of outputs.entries()) expect(textOf(pieces.filter((p) => p.item === item))).toBe(text);
  });

  it('gathers tokens for 25 ms at most', async () => {
    const seen: { at: number; tokens: number }[] = [];
    // One token in 4 ms: six in 25 ms.
    await outputsOf({
      ...asked('null', { tokens: 150, tokensPerSecond: 250 }, ['x']),
      onToken: ({ tokenIds }) => seen.push({ at: performance.now(), tokens: tokenIds.length }),
    });
    const gathered = seen.slice(1).map(({ tokens }) => tokens);
    expect(Math.max(...gathered)).toBeLessThanOrEqual(16);
    expect(gathered.length).toBeGreaterThanOrEqual(150 / 16);
    expect(gathered.length).toBeLessThanOrEqual(75);
  });
});

describe('stop', () => {
  it('ends with what was generated, and leaves the runner as it was', async () => {
    const whole = await generated({ temperature: 1, seed: 3 });
    // As slow as a larger model, so that the stop comes in the middle.
    const slow = make({ INFERNET_TOKENS_PER_SECOND_MAX: '100' });
    await slow.start();
    const stop = stopSource();
    const pieces: TokenPiece[] = [];
    const prompts = Array.from({ length: 3 }, () => ({ prompt: story }));
    const request = asked('text-generation', { temperature: 1, seed: 3 }, prompts);
    const onToken = (piece: TokenPiece) => {
      pieces.push(piece);
      stop.stop(null);
    };
    const [first, ...others] = await outputsOf({ ...request, stop, onToken }, slow);
    const pids = [...slow.ids];
    expect(first?.finish).toBe('stopped');
    expect(whole.tokenIds.slice(0, first?.tokenIds.length)).toEqual(first?.tokenIds);
    expect(first?.tokenIds.length).toBeLessThan(whole.tokenIds.length);
    expect(textOf(pieces)).toBe(first?.text);
    expect(others).toEqual([1, 2].map(() => ({ text: '', tokens: 0, tokenIds: [], finish: 'stopped' })));
    expect(await outputsOf(asked('text-generation', {}, [{ prompt: 'What is 47 + 38?' }]), slow)).toHaveLength(1);
    expect(slow.ids).toEqual(pids);
    await slow.stop();
  });

  it('ends one item and goes on with the next; also when it came before the run', async () => {
    const whole = await generated({});
    const stop = stopSource();
    stop.stop(0);
    const prompts = [{ prompt: story }, { prompt: story }];
    const outputs = await outputsOf({ ...asked('text-generation', {}, prompts), stop });
    expect(outputs.map(({ finish }) => finish)).toEqual(['stopped', 'stop']);
    expect(outputs[1]).toEqual(whole);
  });

  it('does nothing to a template that does not stream', async () => {
    const stop = stopSource();
    stop.stop(null);
    const inputs = [{ text: 'The soup was not good at all.' }];
    const outcome = await executor.run({ ...asked('text-classification', {}, inputs), stop }, cancelSource());
    expect(outcome).toEqual({ ok: true, outputs: [{ label: 'negative' }] });
  });
});

describe('a forced prefix', () => {
  it.each([{ temperature: 0 }, { temperature: 0.7, seed: 11 }, { temperature: 1, seed: 4_294_967_295 }])(
    'goes on as if it had been generated here: %o',
    async (params) => {
      const whole = await generated(params);
      for (const length of [0, 1, 20, whole.tokenIds.length - 1, whole.tokenIds.length]) {
        const pieces: TokenPiece[] = [];
        const prefix = whole.tokenIds.slice(0, length);
        const onToken = (piece: TokenPiece) => void pieces.push(piece);
        expect(await generated(params, story, { prefixes: [prefix], onToken })).toEqual(whole);
        expect([...prefix, ...idsOf(pieces)]).toEqual(
          whole.tokenIds.slice(0, Math.max(length, whole.tokenIds.length - 1)),
        );
        expect(whole.text.endsWith(textOf(pieces))).toBe(true);
      }
    },
  );

  it('may be another’s, and is refused when it cannot be one', async () => {
    const micro = await generated({ temperature: 1, seed: 1 }, story, {}, 'infernet-micro');
    const prefix = micro.tokenIds.slice(0, 10);
    const mixed = await generated({}, story, { prefixes: [prefix] });
    expect(mixed.tokenIds.slice(0, 10)).toEqual(prefix);
    expect(
      mixed.text.startsWith(
        (await generated({ maxTokens: 10, temperature: 1, seed: 1 }, story, {}, 'infernet-micro')).text,
      ),
    ).toBe(true);
    for (const bad of [[1_000_000], [...micro.tokenIds, 300]]) {
      await expect(generated({}, story, { prefixes: [bad] })).rejects.toThrow(/prefix/);
    }
  });
});

describe('a check', () => {
  const check = (params: Record<string, Json>, prompts: string[], claims: TokenClaim[]): Promise<CheckOutcome> => {
    const inputs = prompts.map((prompt) => ({ prompt }));
    return executor.check({ ...asked('text-generation', params, inputs), claims }, cancelSource());
  };
  const checkOf = async (params: Record<string, Json>, tokenIds: number[], given = 0): Promise<TokenCheck> => {
    const outcome = await check(params, [story], [{ tokenIds, given }]);
    if (!outcome.ok || outcome.checks[0] === undefined) throw new Error(JSON.stringify(outcome));
    return outcome.checks[0];
  };

  it.each([
    { temperature: 0 },
    { temperature: 0.7, seed: 1 },
    { temperature: 1.5, seed: 2, stop: ['. Then', 'happily'] },
  ])('agrees with what the same model gave, and says the same text and end: %o', async (params) => {
    const { tokenIds, text, finish } = await generated(params);
    const tokens = tokenIds.length;
    expect(await checkOf(params, tokenIds)).toEqual({ tokens, agreed: tokens, firstDisagreement: null, text, finish });
  });

  it('crosses batches, and takes the length for an end', async () => {
    const params = { temperature: 1, seed: 4, maxTokens: 200, system: 'Be brief. '.repeat(20) };
    const { tokenIds, finish } = await generated(params);
    expect(await checkOf(params, tokenIds)).toMatchObject({ agreed: tokenIds.length, finish });
    const cut = await generated({ maxTokens: 30 });
    expect(await checkOf({ maxTokens: 30 }, cut.tokenIds)).toMatchObject({ agreed: 30, finish: 'length' });
  });

  it('sees another model, another seed, a changed token, an end too soon and what comes after an end', async () => {
    const params = { temperature: 1, seed: 5 };
    const { tokenIds } = await generated(params);
    const micro = await generated(params, story, {}, 'infernet-micro');
    const byMicro = await checkOf(params, micro.tokenIds);
    expect(byMicro.agreed).toBeLessThan(byMicro.tokens - 2);
    expect((await checkOf({ ...params, seed: 6 }, tokenIds)).firstDisagreement).not.toBeNull();
    const changed = [...tokenIds];
    changed[7] = 300;
    const seen = await checkOf(params, changed);
    expect(seen.firstDisagreement).toBe(7);
    expect(await checkOf(params, tokenIds.slice(0, 9))).toMatchObject({ tokens: 9, agreed: 9, finish: 'open' });
    const longer = await checkOf(params, [...tokenIds, 300, 301]);
    expect(longer).toMatchObject({ agreed: tokenIds.length, firstDisagreement: tokenIds.length });
    expect(longer.tokens).toBe(tokenIds.length + 2);
  });

  it('does not judge what was given, survives what is no token, and refuses what does not fit', async () => {
    const params = { temperature: 1, seed: 5 };
    const micro = await generated({ ...params, seed: 8 }, story, {}, 'infernet-micro');
    const prefix = micro.tokenIds.slice(0, 12);
    const { tokenIds } = await generated(params, story, { prefixes: [prefix] });
    const rest = tokenIds.length - 12;
    expect(await checkOf(params, tokenIds, 12)).toMatchObject({ tokens: rest, agreed: rest });
    expect((await checkOf(params, tokenIds)).firstDisagreement).toBeLessThan(12);
    const { tokenIds: own } = await generated(params);
    for (const odd of [[4_000_000_000], [2048], [...own.slice(0, 3), 99_999]]) {
      expect((await checkOf(params, odd)).firstDisagreement).toBe(odd.length - 1);
    }
    expect(await checkOf(params, [])).toMatchObject({ tokens: 0, agreed: 0, firstDisagreement: null });
    const long = Array.from({ length: 600 }, () => 300);
    expect(await check({}, [story], [{ tokenIds: long, given: 0 }])).toMatchObject({ code: 'requirements' });
    expect(await check({}, [story], [])).toMatchObject({ code: 'bad-input' });
  });

  it('is cancelled like a run', async () => {
    const { tokenIds } = await generated({});
    const signal = cancelSource();
    const many = Array.from({ length: 500 }, () => ({ prompt: story }));
    const outcome = await executor.check(
      {
        ...asked('text-generation', {}, many),
        claims: many.map(() => ({ tokenIds, given: 0 })),
        onProgress: () => signal.cancel(),
      },
      signal,
    );
    expect(outcome).toMatchObject({ ok: false, code: 'cancelled' });
    expect(await checkOf({}, tokenIds)).toMatchObject({ agreed: tokenIds.length });
  });
});

describe('null', () => {
  it('hashes its input, and writes as many tokens as asked for', async () => {
    const outcome = await executor.run(asked('null', {}, [{ text: 'one' }, null]), cancelSource());
    expect(outcome).toMatchObject({
      ok: true,
      outputs: [{ sha256: hashOfJson({ text: 'one' }), text: '', finish: 'length' }, { sha256: hashOfJson(null) }],
    });
    const [five] = await outputsOf(asked('null', { tokens: 5 }, ['x']));
    expect(five).toMatchObject({ text: '0 1 2 3 4 ', tokenIds: [0, 1, 2, 3, 4] });
    const [forced] = await outputsOf({ ...asked('null', { tokens: 5 }, ['x']), prefixes: [[9, 1]] });
    expect(forced?.text).toBe('9 1 2 3 4 ');
  });

  it('stops in the middle of a fast answer', async () => {
    const stop = stopSource();
    const [stopped] = await outputsOf({
      ...asked('null', { tokens: 65_536 }, ['x']),
      stop,
      onToken: () => stop.stop(null),
    });
    expect(stopped?.finish).toBe('stopped');
    expect(stopped?.tokenIds.length).toBeLessThan(65_536);
  });
});

describe('embeddings', () => {
  const Vector = z.object({ vector: z.array(z.number()), dimensions: z.int() });
  const embed = async (texts: string[], model?: string) => {
    const request = asked(
      'embeddings',
      {},
      texts.map((text) => ({ text })),
      model,
    );
    const outcome = await executor.run(request, cancelSource());
    if (!outcome.ok) throw new Error(`${outcome.code}: ${outcome.message}`);
    return z.array(Vector).parse(outcome.outputs);
  };
  const dot = (a: readonly number[], b: readonly number[]) => a.reduce((sum, x, i) => sum + x * (b[i] ?? 0), 0);

  it('gives vectors of length 1 in six decimals, the same each time and in any company', async () => {
    const texts = ['The soup was not good at all.', 'The soup was not good.', 'What is 47 + 38?'];
    const vectors = await embed(texts);
    expect(vectors.map(({ dimensions }) => dimensions)).toEqual([192, 192, 192]);
    for (const { vector, dimensions } of vectors) {
      expect(vector).toHaveLength(dimensions);
      expect(dot(vector, vector)).toBeCloseTo(1, 4);
      for (const x of vector) expect(Math.round(x * 1e6) / 1e6).toBe(x);
    }
    expect(await embed([texts[2] ?? '', texts[0] ?? ''])).toEqual([vectors[2], vectors[0]]);
    const [soup = [], same = [], sum = []] = vectors.map(({ vector }) => vector);
    expect(dot(soup, same)).toBeGreaterThan(dot(soup, sum));
    expect((await embed(['x'], 'infernet-micro'))[0]?.dimensions).toBe(96);
  });

  it('takes control tokens for text, and refuses what is too long', async () => {
    const [end, text] = await embed(['<|end|>', '< |end|>']);
    expect(end).not.toEqual(text);
    await expect(embed(['good '.repeat(600)])).rejects.toThrow(
      /bad-input: the text has \d+ tokens, this model takes 511/,
    );
  });
});
