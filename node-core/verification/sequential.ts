/**
 * Is a provider's disagreement more than honest computers have? Asked after every check, over all checks so far, of items
 * (classes `exact`, `label`, `numeric`) or tokens (`token-divergence`). Pure, in integers.
 *
 *     const test = disagreementTest({ honestPpm: 10_000, falseAlarmPpm: 100 });
 *     let gathered = nothingGathered;
 *     gathered = gather(test, gathered, { compared: 10, differed: 1 });
 *     exceedsHonest(test, gathered); // false
 *
 * Page's cumulative sum (1954) over Wald's likelihood ratio: a difference adds ln(p₁/p₀), an agreement takes
 * ln((1−p₀)/(1−p₁)) away, and the sum never falls below 0. So honest years are no credit for a cheater who begins late. A sum
 * is kept for each of several rates p₁; the largest decides.
 *
 * **False alarms.** For a provider that differs at p₀ or less, each ratio is a supermartingale from wherever its sum last was 0,
 * so it ever passes m·10⁶/falseAlarmPpm with at most that probability over m (Ville's inequality); with a start at each check,
 * and m rates, the alarm comes within n checks with probability at most n·falseAlarmPpm/10⁶. Real rates lie well below
 * that (sequential.test.ts measures them). Checks must be independent: one whose items the provider
 * could choose, or the same items twice, count once.
 */
import { lnMicroCeil, lnMicroFloor } from './logarithm.ts';

export interface DisagreementTest {
  readonly rates: readonly { readonly gainMicro: number; readonly lossMicro: number }[];
  /** More evidence than this, and the honest rate does not explain it. */
  readonly thresholdMicro: number;
}

/** What is kept of one provider, by template and model. As JSON in the log: integers only. */
export interface Gathered {
  /** Per rate of the test, ln of the likelihood ratio in millionths; 0 and above. */
  readonly evidenceMicro: readonly number[];
  /** Since there last was no evidence at all: what the evidence rests on, for people. */
  readonly compared: number;
  readonly differed: number;
}

export interface Counted {
  /** Items or tokens that were compared. */
  readonly compared: number;
  readonly differed: number;
}

export const nothingGathered: Gathered = { evidenceMicro: [], compared: 0, differed: 0 };

const million = 1_000_000;
/** Sums stay safe integers however much a provider differs; nothing depends on how far the threshold is passed. */
const evidenceMicroMax = 2 ** 50;

/**
 * @param honestPpm from the template. 0: a single difference decides.
 * @param falseAlarmPpm per check of an honest provider; above 0.
 * @param ratesPpm that are tested against; the default finds what differs at three times the honest rate or more.
 */
export function disagreementTest({
  honestPpm,
  falseAlarmPpm,
  ratesPpm = ratesAbove(honestPpm),
}: {
  readonly honestPpm: number;
  readonly falseAlarmPpm: number;
  readonly ratesPpm?: readonly number[];
}): DisagreementTest {
  if (!(honestPpm >= 0 && honestPpm < million)) throw new RangeError(`${honestPpm} per million is no honest rate`);
  if (ratesPpm.length === 0 || ratesPpm.some((rate) => !(rate > honestPpm && rate < million))) {
    throw new RangeError(`rates ${ratesPpm.join()} do not lie between the honest rate ${honestPpm} and 1`);
  }
  const thresholdMicro = lnMicroCeil(ratesPpm.length * million, falseAlarmPpm);
  const rates = ratesPpm.map((rate) => ({
    // Rounded against the evidence, so that the bound above holds. Where no honest computer differs, one difference decides,
    // whatever it comes with.
    gainMicro: honestPpm === 0 ? thresholdMicro : lnMicroFloor(rate, honestPpm),
    lossMicro: honestPpm === 0 ? 0 : lnMicroCeil(million - honestPpm, million - rate),
  }));
  return { rates, thresholdMicro };
}

/** Five and twenty times the honest rate, and a half. */
function ratesAbove(honestPpm: number): number[] {
  const half = Math.max(500_000, Math.floor((honestPpm + million) / 2));
  return [...new Set([5 * honestPpm, 20 * honestPpm, half])].filter((rate) => rate > honestPpm && rate <= half);
}

/**
 * The state after one more check. The order of items in it does not matter; that of checks may.
 * @param gainMicroMax what one check may add at most. Taking evidence away never makes a false alarm likelier.
 */
export function gather(
  test: DisagreementTest,
  before: Gathered,
  { compared, differed }: Counted,
  gainMicroMax = evidenceMicroMax,
): Gathered {
  if (!(differed >= 0 && differed <= compared)) throw new RangeError(`${differed} of ${compared} cannot differ`);
  const evidenceMicro = test.rates.map(({ gainMicro, lossMicro }, i) => {
    const gain = Math.min(gainMicroMax, differed * gainMicro - (compared - differed) * lossMicro);
    return Math.min(evidenceMicroMax, Math.max(0, (before.evidenceMicro[i] ?? 0) + gain));
  });
  if (evidenceMicro.every((sum) => sum === 0)) return nothingGathered;
  return { evidenceMicro, compared: before.compared + compared, differed: before.differed + differed };
}

export function exceedsHonest(test: DisagreementTest, { evidenceMicro }: Gathered): boolean {
  return evidenceMicro.some((sum) => sum >= test.thresholdMicro);
}

/** How much of what decides is gathered, 0…1 and above. */
export function shareOfThreshold(test: DisagreementTest, { evidenceMicro }: Gathered): number {
  return Math.max(0, ...evidenceMicro) / test.thresholdMicro;
}
