/**
 * Scores: what this node thinks of a peer as a provider, from its own experience and, less, from that of others.
 *
 * The expectation of a beta distribution over good and bad outcomes, with forgetting: (r + a) / (r + s + a + b), where r
 * and s are the decayed weights. Source: A. Jøsang, R. Ismail, “The Beta Reputation System”, Bled 2002, equations 5 and 11.
 *
 * Weights are integers (thousandths) and decay by whole days, so that the same log gives the same numbers everywhere.
 */
import type { EpochMs } from '../protocol/index.ts';

/** Plain JSON; part of the projection's state. */
export interface Standing {
  /** Decayed weights as of `day`, thousandths of an outcome. */
  goodMilli: number;
  badMilli: number;
  /** Whole days since the epoch; never falls, though a clock may. */
  day: number;
  /** How often, all in all. */
  good: number;
  bad: number;
  noted: number;
  receipts: number;
}

export interface Score {
  /** 0…1; 0.5 for a stranger. */
  readonly score: number;
  /** Receipts about work that it did well, and proofs that it did not. */
  readonly good: number;
  readonly bad: number;
  /** Own experience without proof. */
  readonly noted: number;
  /** All receipts that name it, as provider or client. */
  readonly receipts: number;
}

/** What one outcome weighs, thousandths. */
export const weights = {
  good: 1_000,
  /** A proven wrong answer undoes ten good ones. */
  bad: 10_000,
  /** A lost replica may be our own network's fault. */
  lost: 500,
  failed: 500,
  /** Committed and then hidden: nearly a proof. */
  'no-reveal': 3_000,
} as const;

/** Weight of not knowing, on both sides: a stranger stands at one half, and moves quickly. */
export const priorMilli = 2_000;

/** What is left after a day: half after 30 days. */
const keptPerDay = { of: 1_000_000, kept: 977_160 } as const;
/** After this nothing is left, whatever there was. */
const daysMax = 1_000;
export const dayMs = 24 * 3_600_000;

export function newStanding(at: EpochMs): Standing {
  return { goodMilli: 0, badMilli: 0, day: dayOf(at), good: 0, bad: 0, noted: 0, receipts: 0 };
}

/** In place. */
export function decay(standing: Standing, at: EpochMs): void {
  const days = dayOf(at) - standing.day;
  if (days <= 0) return;
  standing.goodMilli = decayed(standing.goodMilli, days);
  standing.badMilli = decayed(standing.badMilli, days);
  standing.day += days;
}

/** Own good and bad outcomes, as of a time. */
export function outcomesAt(standing: Standing | undefined, at: EpochMs): { goodMilli: number; badMilli: number } {
  if (standing === undefined) return { goodMilli: 0, badMilli: 0 };
  const days = Math.max(0, dayOf(at) - standing.day);
  return { goodMilli: decayed(standing.goodMilli, days), badMilli: decayed(standing.badMilli, days) };
}

/** @param others what others' receipts add (hearsay.ts), and how many they are. */
export function scoreAt(
  standing: Standing | undefined,
  at: EpochMs,
  others = { goodMilli: 0, badMilli: 0, receipts: 0 },
): Score {
  const own = outcomesAt(standing, at);
  const good = own.goodMilli + others.goodMilli;
  const bad = own.badMilli + others.badMilli;
  return {
    score: (good + priorMilli) / (good + bad + 2 * priorMilli),
    good: standing?.good ?? 0,
    bad: standing?.bad ?? 0,
    noted: standing?.noted ?? 0,
    receipts: (standing?.receipts ?? 0) + others.receipts,
  };
}

export function dayOf(at: EpochMs): number {
  return Math.floor(at / dayMs);
}

/** What is left of a single outcome after so many days, 0…1. */
export function keptAfter(days: number): number {
  return decayed(keptPerDay.of, Math.max(0, days)) / keptPerDay.of;
}

function decayed(weightMilli: number, days: number): number {
  if (days >= daysMax) return 0;
  let left = weightMilli;
  for (let i = 0; i < days && left > 0; i++) left = Math.floor((left * keptPerDay.kept) / keptPerDay.of);
  return left;
}
