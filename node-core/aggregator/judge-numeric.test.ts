import { expect, it } from 'vitest';
import type { Json } from '../protocol/index.ts';
import type { AggregatorContext, KnownTemplate } from './context.ts';
import { judgeCopies, type RevealedCopy } from './judge.ts';
import type { Job, Shard } from './state.ts';

const template = {
  template: { verifier: 'numeric', tolerance: { cosineDistanceMaxPpm: 100 }, honestDisagreementPpm: 1000 },
} as unknown as KnownTemplate;
const context = {
  checks: { isExplained: () => true },
  verification: { badProbabilityPpm: 1000 },
} as unknown as AggregatorContext;
const policy = { type: 'replicate', copies: 2, quorum: 2, tieBreakers: 1 };
const job = { job: { policy, template: 't', model: null } } as unknown as Job;
const shard = { audit: null, disagreements: 0, count: 3 } as unknown as Shard;

const copy = (provider: string, outputs: Json[]): RevealedCopy =>
  ({
    replica: { replicaId: provider, provider, role: 'copy', commitment: { body: {} } },
    revealed: { outputs, opening: { itemHashes: outputs.map((output) => JSON.stringify(output)), reveal: {} } },
  }) as unknown as RevealedCopy;
const vectors = (x: number): Json[] => [0, 1, 2].map((n) => ({ vector: [1, n + x, 0.5] }));

it('numbers within the tolerance agree, and are both paid', () => {
  const judgement = judgeCopies(job, shard, template, [copy('a', vectors(0)), copy('b', vectors(0.001))], context);
  expect(judgement).toMatchObject({ kind: 'agreed', how: 'checked' });
  expect(judgement.verdicts.map(({ verdict }) => verdict)).toEqual(['accepted', 'accepted']);
});

it('numbers that are far off are unpaid, and no receipt is written: their hashes prove nothing', () => {
  const copies = [copy('a', vectors(0)), copy('b', vectors(0.001)), copy('c', vectors(-3))];
  const judgement = judgeCopies(job, shard, template, copies, context);
  expect(judgement.kind).toBe('agreed');
  expect(judgement.verdicts.map(({ verdict, evidence }) => [verdict, evidence])).toEqual([
    ['accepted', null],
    ['accepted', null],
    ['undecided', null],
  ]);
});

it('two that differ want a third', () => {
  const judgement = judgeCopies(job, shard, template, [copy('a', vectors(0)), copy('b', vectors(-3))], context);
  expect(judgement).toMatchObject({ kind: 'no-quorum', moreMayHelp: true });
});
