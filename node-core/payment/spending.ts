/**
 * The owner's caps on what this node spends, beside each job's budget: in a day, and at one peer in a day. A day is one of
 * UTC. What is reserved counts as spent, so that no verdict can carry a payment over a cap.
 */
import { type EpochMs, type Micro, micro, type PeerId } from '../protocol/index.ts';

/** The config's `spending`. null = no cap. */
export interface SpendingRules {
  readonly dayMicroMax: Micro | null;
  readonly peerDayMicroMax: Micro | null;
}

/** Of the day in which something was last spent. Plain JSON; part of the projection's state. */
export interface Spending {
  day: number;
  spentMicro: Micro;
  byPeer: Record<PeerId, Micro>;
}

/** What is spent and set aside now, at all peers or at one. */
export interface Outlay {
  readonly spentMicro: Micro;
  readonly reservedMicro: Micro;
}

/** A cap that stands against a payment. */
export interface Capped {
  /** Names the cap and its setting. */
  readonly message: string;
  /** When there may be room again; null = never, under this cap. */
  readonly freeAt: EpochMs | null;
}

const dayMs = 24 * 3_600_000;

export const noSpending = (): Spending => ({ day: 0, spentMicro: micro.zero, byPeer: {} });

/** In place. */
export function spendOn(spending: Spending, at: EpochMs, peer: PeerId, priceMicro: Micro): void {
  const day = dayOf(at);
  // A clock that was set back does not give the day's money anew.
  if (day > spending.day) Object.assign(spending, { ...noSpending(), day });
  spending.spentMicro = micro.add(spending.spentMicro, priceMicro);
  spending.byPeer[peer] = micro.add(spending.byPeer[peer] ?? micro.zero, priceMicro);
}

/** @param peer null = all of them. */
export function spentOn(spending: Spending, now: EpochMs, peer: PeerId | null): Micro {
  if (dayOf(now) > spending.day) return micro.zero;
  return peer === null ? spending.spentMicro : (spending.byPeer[peer] ?? micro.zero);
}

/** When the day's caps begin anew. */
export function nextDay(now: EpochMs): EpochMs {
  return (dayOf(now) + 1) * dayMs;
}

export function leftOf(maxMicro: Micro, { spentMicro, reservedMicro }: Outlay): Micro {
  const outMicro = micro.add(spentMicro, reservedMicro);
  return micro.less(outMicro, maxMicro) ? micro.subtract(maxMicro, outMicro) : micro.zero;
}

/** May so much more be set aside under a cap? @param what names it with its setting. */
export function cappedBy(
  maxMicro: Micro | null,
  what: string,
  outlay: Outlay,
  priceMicro: Micro,
  now: EpochMs,
): Capped | null {
  if (maxMicro === null) return null;
  const leftMicro = leftOf(maxMicro, outlay);
  if (!micro.less(leftMicro, priceMicro)) return null;
  const message = `${what} of ${maxMicro} micro-credits leaves ${leftMicro} until midnight UTC (${outlay.spentMicro} are spent, ${outlay.reservedMicro} set aside for work that is out), and a shard costs ${priceMicro}`;
  const isEver = !micro.less(maxMicro, priceMicro);
  const isWithoutReserved = !micro.less(maxMicro, micro.add(outlay.spentMicro, priceMicro));
  return { message, freeAt: isEver ? (isWithoutReserved ? now : nextDay(now)) : null };
}

function dayOf(at: EpochMs): number {
  return Math.floor(at / dayMs);
}
