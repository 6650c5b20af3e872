/**
 * The disagreement gathered of one provider (verification/sequential.ts), with the checks that it rests on for as long as they
 * count: a check is the word of those who agreed against it, and loses its weight when they turn out to be the ones who cheat. Pure.
 */
import type { PeerId, ReplicaId } from '../protocol/index.ts';
import {
  type DisagreementTest,
  disagreementTest,
  exceedsHonest,
  type Gathered,
  gather,
  nothingGathered,
  shareOfThreshold,
} from '../verification/index.ts';

export interface Doubt {
  readonly replicaId: ReplicaId;
  readonly compared: number;
  readonly differed: number;
  /** Who gave the other answer; empty where it is nobody's word, or an old log does not say. */
  readonly witnesses: readonly PeerId[];
}

interface TestOf {
  readonly honestPpm: number;
  readonly falseAlarmPpm: number;
}

/** Plain JSON. There is one only while there is evidence. */
export interface Case extends TestOf {
  /** Gathered before the oldest check of the list. */
  readonly base: Gathered;
  /** Oldest first. */
  readonly checks: readonly Doubt[];
  /** From both. */
  readonly gathered: Gathered;
}

/** Kept one by one; older ones cannot lose their weight any more. */
const checksMax = 64;
/**
 * What one check may bring to the proof, of a hundred: nobody is excluded before the third. Else two colluders who happen to
 * outvote an honest provider would have it excluded at once.
 */
const perCheckMaxPercent = 40;

/** Its logarithms are exact and take a millisecond; there are as many tests as templates. */
const tests = new Map<string, DisagreementTest>();
const testsMax = 256;

function testOf({ honestPpm, falseAlarmPpm }: TestOf): DisagreementTest {
  const key = `${honestPpm} ${falseAlarmPpm}`;
  const test = tests.get(key) ?? disagreementTest({ honestPpm, falseAlarmPpm });
  if (tests.size < testsMax) tests.set(key, test);
  return test;
}

function gatherOne(of: TestOf, before: Gathered, counted: Pick<Doubt, 'compared' | 'differed'>): Gathered {
  const test = testOf(of);
  return gather(test, before, counted, Math.ceil((test.thresholdMicro * perCheckMaxPercent) / 100));
}

/** @returns null when nothing speaks against the provider any more. */
export function withCheck(known: Case | undefined, of: TestOf, check: Doubt): Case | null {
  const gathered = gatherOne(of, known?.gathered ?? nothingGathered, check);
  if (!hasEvidence(gathered)) return null;
  const checks = [...(known?.checks ?? []), check];
  let base = known?.base ?? nothingGathered;
  for (const old of checks.splice(0, checks.length - checksMax)) base = gatherOne(of, base, old);
  return { honestPpm: of.honestPpm, falseAlarmPpm: of.falseAlarmPpm, base, checks, gathered };
}

/** As if these checks had not been. */
export function withoutChecks(known: Case, isGone: (check: Doubt) => boolean): Case | null {
  const checks = known.checks.filter((check) => !isGone(check));
  if (checks.length === known.checks.length) return known;
  const gathered = checks.reduce((before, check) => gatherOne(known, before, check), known.base);
  return hasEvidence(gathered) ? { ...known, checks, gathered } : null;
}

/** Nobody is condemned by one: fewer than two of its witnesses are left. */
export function isWordOf({ differed, witnesses }: Doubt, distrusted: ReadonlySet<PeerId>): boolean {
  return differed > 0 && witnesses.length > 0 && witnesses.filter((witness) => !distrusted.has(witness)).length < 2;
}

export function isTooMuch(known: Case): boolean {
  return exceedsHonest(testOf(known), known.gathered);
}

/** How much of what decides is gathered, 0…1 and above. */
export function suspicionOf(known: Case): number {
  return shareOfThreshold(testOf(known), known.gathered);
}

function hasEvidence({ evidenceMicro }: Gathered): boolean {
  return evidenceMicro.some((sum) => sum > 0);
}
