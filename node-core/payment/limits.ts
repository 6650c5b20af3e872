/**
 * How much unpaid work a client is granted, and how that came about: what everybody begins with, what was earned by work
 * for work, and what results that were seen and never paid have cost. PAYMENTS, section 5, “Limits”.
 *
 * A voucher of rail L0 costs nothing to write, so that vouchers alone earn no credit. What counts is what was netted: the
 * client holds our vouchers for its work as we hold its vouchers for ours, up to the smaller of the two sums.
 */
import { type Micro, micro } from '../protocol/index.ts';

/** The owner's rules; the provider's part of the config. */
export interface CreditRules {
  /** For everybody to begin with. */
  readonly creditLimitMicro: Micro;
  /** Nobody is granted more. */
  readonly creditLimitMaxMicro: Micro;
  /** Of what was netted, so much is granted besides. */
  readonly creditEarnedPercent: number;
  /** For all strangers together, see `strangers.ts`. */
  readonly strangersPerHourMicro: Micro;
}

/** What a client and this node have done for each other. */
export interface Dealings {
  /** Its vouchers to us. */
  readonly receivedMicro: Micro;
  /** Our vouchers that it holds. */
  readonly givenMicro: Micro;
  /** Results that it has seen and not paid. */
  readonly unpaidShownMicro: Micro;
}

export interface CreditLimit {
  readonly baseMicro: Micro;
  readonly earnedMicro: Micro;
  readonly lostMicro: Micro;
  /** base + earned − lost. */
  readonly limitMicro: Micro;
}

/**
 * Of so much that a client paid, one is forgiven that it did not pay: honest verdicts without payment are rare, and up to
 * a tenth they cost it nothing.
 */
const forgivenPerPaid = 10n;

/** @param shardMicro price of one shard: never less than this is granted to begin with, or nothing could start. */
export function creditLimitOf(rules: CreditRules, dealings: Dealings, shardMicro: Micro = micro.zero): CreditLimit {
  const baseMicro = micro.max(rules.creditLimitMicro, shardMicro);
  const netted = BigInt(micro.min(dealings.receivedMicro, dealings.givenMicro));
  const grown = micro.add(baseMicro, ((netted * BigInt(rules.creditEarnedPercent)) / 100n).toString());
  const fullMicro = micro.max(baseMicro, micro.min(grown, rules.creditLimitMaxMicro));
  const forgiven = BigInt(dealings.receivedMicro) / forgivenPerPaid;
  const excess = BigInt(dealings.unpaidShownMicro) - forgiven;
  const lostMicro = excess <= 0n ? micro.zero : micro.min(excess.toString(), fullMicro);
  return {
    baseMicro,
    earnedMicro: micro.subtract(fullMicro, baseMicro),
    lostMicro,
    limitMicro: micro.subtract(fullMicro, lostMicro),
  };
}
