/**
 * A wrong token among the claims that a checker is given, at a place that it does not know: who says that all is right has not
 * looked. The item with it has no say in the verdict on the answer, whose other items are checked as ever, so that it costs nothing.
 *
 *     const trap = drawTrap(context, job, provider, claims);  // with the assignment of a check
 *     const given = withTrap(claims, trap);                   // what the checker is asked about
 *     isCaught(trap, checks);                                 // it has seen the wrong token
 */
import type { Random, TokenCheck } from '../ports/index.ts';
import type { PeerId, TokenTrap } from '../protocol/index.ts';
import { type ClaimedAnswer, isDrawn } from '../verification/index.ts';
import type { AggregatorContext } from './context.ts';
import type { Job } from './state.ts';

const million = 1_000_000;
/** Places that are tried: where all tokens are alike there is no trap. */
const triesMax = 8;

/** Always for who has not seen one yet, then by one over those that it has seen in a row, and never below the config's rate. */
export function drawTrap(
  { checks, random, verification: { trapPpm } }: Pick<AggregatorContext, 'checks' | 'random' | 'verification'>,
  { job: { template, model } }: Pick<Job, 'job'>,
  provider: PeerId,
  claims: readonly ClaimedAnswer[],
): TokenTrap | null {
  if (trapPpm === 0) return null;
  const { streak } = checks.standing({ provider, template, model, unit: 'verdicts' });
  const chancePpm = Math.max(trapPpm, Math.ceil(million / (1 + streak)));
  return isDrawn(chancePpm, random.bytes(6)) ? trapIn(claims, random) : null;
}

/** By places only, so that no token is in the log. */
function trapIn(claims: readonly ClaimedAnswer[], random: Random): TokenTrap | null {
  // The last token is mostly the mark of the end, which nobody would put elsewhere or miss.
  const places = claims.flatMap(({ tokenIds, given }, item) =>
    tokenIds.slice(0, -1).flatMap((_, at) => (at < given ? [] : [{ item, at }])),
  );
  const isAlone = claims.filter(({ tokenIds, given }) => tokenIds.length > given).length < 2;
  if (isAlone || places.length === 0) return null;
  const draw = () => places[Math.floor(random.fraction() * places.length)];
  const place = draw();
  for (let i = 0; i < triesMax && place !== undefined; i++) {
    const from = draw();
    if (from !== undefined && tokenAt(claims, from) !== tokenAt(claims, place))
      return { ...place, fromItem: from.item, fromAt: from.at };
  }
  return null;
}

function tokenAt(claims: readonly ClaimedAnswer[], { item, at }: { item: number; at: number }): number | undefined {
  return claims[item]?.tokenIds[at];
}

export function withTrap(claims: readonly ClaimedAnswer[], trap: TokenTrap | undefined): ClaimedAnswer[] {
  const wrong = trap === undefined ? undefined : tokenAt(claims, { item: trap.fromItem, at: trap.fromAt });
  return claims.map((claim, item) =>
    trap?.item === item && wrong !== undefined ? { ...claim, tokenIds: claim.tokenIds.with(trap.at, wrong) } : claim,
  );
}

/** What is judged. */
export function withoutTrap<T>(list: readonly T[], trap: TokenTrap | undefined): T[] {
  return trap === undefined ? [...list] : list.toSpliced(trap.item, 1);
}

export function isCaught({ item, at }: TokenTrap, checks: readonly TokenCheck[]): boolean {
  const first = checks[item]?.firstDisagreement ?? null;
  return first !== null && first <= at;
}
