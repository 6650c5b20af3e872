/** A template that streams, for simulated nodes: a number has one story, which everybody can know. */
import type {
  CancelSignal,
  CheckRequest,
  Clock,
  RunOutcome,
  RunRequest,
  TokenCheck,
  TokenPiece,
} from '../ports/index.ts';
import { contentIdOf, type Json, type Template, utf8 } from '../protocol/index.ts';
import type { Chance } from './chance.ts';
import { afterHeld } from './held-timer.ts';

export const storiesTemplate: Template = {
  id: contentIdOf(utf8.encode('infernet simulated stories 1')),
  name: 'stories',
  version: '1.0.0',
  title: 'Stories of numbers',
  description: 'Tells each number its story, token by token',
  verifier: 'exact',
  honestDisagreementPpm: 0,
  tokenDivergence: { honestDisagreementPpm: 1_000, thresholdPpm: 980_000 },
  streaming: true,
  stateless: true,
  runner: 'none',
  files: [],
  needsModel: false,
  resources: { memoryMiB: 1, timeoutMs: 600_000, outputBytesMax: 1_000_000 },
  params: { type: 'object' },
  input: { type: 'object', properties: { n: { type: 'integer' } }, required: ['n'] },
  output: {
    type: 'object',
    properties: {
      text: { type: 'string' },
      tokens: { type: 'integer' },
      tokenIds: { type: 'array', items: { type: 'integer' } },
      finish: { enum: ['stop', 'stopped'] },
    },
    required: ['text', 'tokens', 'tokenIds', 'finish'],
  },
};

const endMarker = 0;

export interface StoryManner {
  /** ms per token. */
  readonly tokenMs: number;
  /** Share of runs that show other tokens than they commit to. */
  readonly twoFaced: number;
  /** Tells another story, as a smaller model would: the share of tokens. */
  readonly otherTokens: number;
  /** As a checker, calls every honest token wrong. */
  readonly slanders: boolean;
  /** As a checker, calls every token right. */
  readonly nods: boolean;
}

const numberOf = (input: unknown): number =>
  typeof input === 'object' && input !== null && 'n' in input ? Number(input.n) : 0;
const lengthOf = (n: number): number => 4 + (n % 24);
const tokenAt = (n: number, at: number): number => 1 + ((n * 31 + at * 17 + n * at) % 1000);
/** Some tokens are only a part of a character: their text comes with the next one. */
const isPart = (token: number): boolean => token % 7 === 0;

function textOf(tokens: readonly number[], isOver: boolean): string {
  const shown = tokens.filter((token) => token !== endMarker);
  while (!isOver && shown.length > 0 && isPart(shown.at(-1) ?? 0)) shown.pop();
  return shown.map((token) => `w${token} `).join('');
}

function outputOf(tokens: readonly number[], finish: 'stop' | 'stopped'): Json {
  const tokenIds = finish === 'stop' ? [...tokens, endMarker] : [...tokens];
  return { text: textOf(tokens, true), tokens: tokens.length, tokenIds, finish };
}

/** Tells one shard's stories in virtual time, one after the other. */
export class StoryTeller {
  readonly #clock: Clock;
  readonly #chance: Chance;
  readonly #manner: StoryManner;

  constructor(clock: Clock, chance: Chance, manner: StoryManner) {
    this.#clock = clock;
    this.#chance = chance;
    this.#manner = manner;
  }

  run(request: RunRequest, signal: CancelSignal): Promise<RunOutcome> {
    const { inputs, prefixes, onToken, stop, hold } = request;
    const lies = this.#chance.happens(this.#manner.twoFaced);
    const stops = new Set<number | null>();
    stop?.onStop((item) => stops.add(item));
    const outputs: Json[] = [];
    let tokens = [...(prefixes?.[0] ?? [])];
    let unsaid: { index: number; tokenIds: number[]; before: string } | null = null;
    const say = (item: number, isOver: boolean): void => {
      if (unsaid === null) return;
      const text = textOf(tokens, isOver).slice(unsaid.before.length);
      const piece: TokenPiece = { item, index: unsaid.index, tokenIds: unsaid.tokenIds, text };
      unsaid = null;
      onToken?.(
        lies ? { ...piece, tokenIds: piece.tokenIds.map((id) => id + 1), text: text.replaceAll('w', 'v') } : piece,
      );
    };
    return new Promise((resolve) => {
      const step = (): void => {
        if (signal.cancelled) return;
        const item = outputs.length;
        const n = numberOf(inputs[item]);
        const isStopped = stops.has(null) || stops.has(item);
        const isOver = tokens.length >= lengthOf(n);
        if (isOver || isStopped) {
          say(item, true);
          outputs.push(outputOf(tokens, isOver ? 'stop' : 'stopped'));
          if (outputs.length === inputs.length) {
            resolve({ ok: true, outputs });
            return;
          }
          request.onProgress(outputs.length);
          tokens = [...(prefixes?.[outputs.length] ?? [])];
        } else {
          unsaid ??= { index: tokens.length, tokenIds: [], before: textOf(tokens, false) };
          const right = tokenAt(n, tokens.length);
          const { otherTokens } = this.#manner;
          const token = otherTokens > 0 && this.#chance.happens(otherTokens) ? 1 + (right % 1000) : right;
          tokens.push(token);
          unsaid.tokenIds.push(token);
          if (this.#chance.happens(0.6)) say(item, false);
        }
        afterHeld(this.#clock, hold, this.#manner.tokenMs * (0.8 + 0.4 * this.#chance.fraction()), step);
      };
      signal.onCancel(() => resolve({ ok: false, code: 'cancelled', message: 'cancelled' }));
      afterHeld(this.#clock, hold, this.#manner.tokenMs, step);
    });
  }
}

/** How many of the claimed tokens the story has. */
export function checkStories({ inputs, claims }: CheckRequest, { slanders, nods }: StoryManner): TokenCheck[] {
  return claims.map(({ tokenIds, given }, item) => {
    const n = numberOf(inputs[item]);
    const isOver = tokenIds.at(-1) === endMarker;
    const isRight = (token: number, at: number): boolean => {
      if (slanders || nods) return nods;
      return at === lengthOf(n) ? token === endMarker : token === tokenAt(n, at);
    };
    const wrong = tokenIds.flatMap((token, at) => (at >= given && !isRight(token, at) ? [at] : []));
    const words = isOver ? tokenIds.slice(0, -1) : tokenIds;
    return {
      tokens: Math.max(0, tokenIds.length - given),
      agreed: Math.max(0, tokenIds.length - given) - wrong.length,
      firstDisagreement: wrong[0] ?? null,
      text: textOf(words, true),
      finish: isOver ? 'stop' : 'open',
    };
  });
}

/** Null when it is the story of the number, or its beginning where it was stopped. */
export function storyTruth(input: unknown, output: unknown): string | null {
  const n = numberOf(input);
  const told = typeof output === 'object' && output !== null && 'text' in output ? String(output.text) : '';
  const stopped = typeof output === 'object' && output !== null && 'finish' in output && output.finish === 'stopped';
  const whole = textOf(
    Array.from({ length: lengthOf(n) }, (_, at) => tokenAt(n, at)),
    true,
  );
  return (stopped ? whole.startsWith(told) : whole === told) ? null : `${n} has the story ${whole}, not ${told}`;
}
