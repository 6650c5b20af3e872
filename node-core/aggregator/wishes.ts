/**
 * To whom the owner wants work to go: providers that are blocked or favoured by the settings, and those that one job was
 * to go to, or not to go to.
 */
import type { Candidate, FitQuery, FitTerms } from '../directory/index.ts';
import type { PeerId, PlannedJob, WhyNot } from '../protocol/index.ts';
import { priceOf } from '../protocol/index.ts';
import type { AggregatorContext } from './context.ts';

export interface Ranked {
  /** Who may be asked, the best first. */
  readonly wanted: readonly Candidate[];
  /** Who would have been among them, and the owner's word against it. */
  readonly refused: readonly { readonly candidate: Candidate; readonly why: WhyNot }[];
}

type Context = Pick<AggregatorContext, 'directory' | 'reputation' | 'signer' | 'config'>;

/** @param items of the shard to place. */
export function rankFor(
  { directory, reputation, signer, config }: Context,
  { template, model, providers }: Pick<PlannedJob, 'template' | 'model' | 'providers'>,
  items: number,
): Ranked {
  const { blockedProviders, favouredProviders, candidatesMax } = config;
  const blocked = new Set(blockedProviders);
  const never = new Set(providers?.never);
  const only = providers?.only === undefined ? null : new Set(providers.only);
  const query: FitQuery = { template, model, items };
  const terms: FitTerms = {
    reputation: (peer) => reputation.scoreOf(peer).score,
    price: (offer) => Number(priceOf(offer.price, items)),
    exclude: new Set([signer.peerId]),
    // In flight changes with every assignment; it is weighed at each choice instead.
    inFlight: () => 0,
    favoured: new Set(favouredProviders),
    ...(only === null ? {} : { only }),
  };
  // Those who are refused are ranked with the others, so that their scores can be compared, and take nobody's place.
  const ranked = directory.bestFit(query, terms, candidatesMax + blocked.size + never.size);
  const wanted: Candidate[] = [];
  const refused: Ranked['refused'][number][] = [];
  const refusal = (peer: PeerId): WhyNot | null =>
    blocked.has(peer) ? 'blocked' : never.has(peer) ? 'not-wanted' : null;
  for (const candidate of ranked) {
    const why = refusal(candidate.peerId);
    if (why !== null) refused.push({ candidate, why });
    else if (wanted.length < candidatesMax) wanted.push(candidate);
  }
  return { wanted, refused };
}
