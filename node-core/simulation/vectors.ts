/** A template of class `numeric`, for simulated nodes: a number has one vector, which honest computers give with a little noise. */
import type { RunRequest } from '../ports/index.ts';
import { contentIdOf, type Json, type Template, utf8 } from '../protocol/index.ts';
import type { Chance } from './chance.ts';

const toleranceMaxPpm = 100;

export const vectorsTemplate: Template = {
  id: contentIdOf(utf8.encode('infernet simulated vectors 1')),
  name: 'vectors',
  version: '1.0.0',
  title: 'Vectors of numbers',
  description: 'Gives each number its vector',
  verifier: 'numeric',
  honestDisagreementPpm: 10_000,
  tolerance: { cosineDistanceMaxPpm: toleranceMaxPpm },
  streaming: false,
  stateless: true,
  runner: 'none',
  files: [],
  needsModel: false,
  resources: { memoryMiB: 1, timeoutMs: 600_000, outputBytesMax: 1_000_000 },
  params: { type: 'object' },
  input: { type: 'object', properties: { n: { type: 'integer' } }, required: ['n'] },
  output: {
    type: 'object',
    properties: { vector: { type: 'array', items: { type: 'number' } } },
    required: ['vector'],
  },
};

export interface VectorManner {
  /** Share of items on which an honest executor lies just outside the tolerance. */
  readonly disagreement: number;
  /** On this share of items it gives another vector. */
  readonly cheat: { readonly share: number } | null;
}

const dimensions = 6;
/** Two honest answers are 75 millionths apart at most: all parts off by this, one up and one down. */
const noiseMax = 0.0025;
/** Off by so much in one part, a vector is outside the tolerance of every honest one: its length is 2.3 at most. */
const outside = 0.06;

const numberOf = (input: unknown): number =>
  typeof input === 'object' && input !== null && 'n' in input ? Number(input.n) : 0;

/** Its first part is 1, so that no vector is short and all noise small beside it. */
function vectorOf(n: number): number[] {
  return Array.from({ length: dimensions }, (_, at) =>
    at === 0 ? 1 : ((n * 31 + at * 57 + n * at * 13) % 181) / 100 - 0.9,
  );
}

/** As real runners do. */
const rounded = (x: number): number => Math.round(x * 1_000_000) / 1_000_000;

export function runVectors({ inputs }: Pick<RunRequest, 'inputs'>, chance: Chance, manner: VectorManner): Json[] {
  return inputs.map((input) => {
    const n = numberOf(input);
    const isLie = manner.cheat !== null && chance.happens(manner.cheat.share);
    // No two cheaters say the same.
    const vector = vectorOf(n).map((x) => (isLie ? 1 : noiseMax) * (2 * chance.fraction() - 1) + (isLie ? 0 : x));
    if (chance.happens(manner.disagreement)) {
      const at = 1 + chance.below(dimensions - 1);
      vector[at] = (vector[at] ?? 0) + outside * (chance.happens(0.5) ? 1 : -1);
    }
    return { vector: vector.map(rounded) };
  });
}

/** Null when it is within the tolerance of the number's vector; written from the design, and not from `verification/`. */
export function vectorTruth(input: unknown, output: unknown): string | null {
  const right = vectorOf(numberOf(input));
  const given: unknown[] =
    typeof output === 'object' && output !== null && 'vector' in output && Array.isArray(output.vector)
      ? output.vector
      : [];
  const dot = (a: readonly unknown[], b: readonly unknown[]): number =>
    a.reduce<number>((sum, x, i) => sum + Number(x) * Number(b[i]), 0);
  const cosine = dot(right, given) / Math.sqrt(dot(right, right) * dot(given, given));
  return given.length === right.length && (1 - cosine) * 1_000_000 <= toleranceMaxPpm
    ? null
    : `${JSON.stringify(given)} is not near ${JSON.stringify(right)}`;
}
