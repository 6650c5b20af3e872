/** Why this computer has nothing to do, from what is known of it. */
import type { MethodResult } from '../../node-core/protocol/index.ts';
import { t } from '../text/en.ts';

export function reasonsForNoJobs(
  status: MethodResult<'node.status'> | null,
  provider: MethodResult<'provider.status'> | null,
): string[] {
  if (status === null || provider === null) return [];
  if (!provider.on) return [t.why.off];
  const reasons: string[] = [];
  if (provider.offers.length === 0) reasons.push(t.why.noOffers);
  if (status.connectedPeers === 0) reasons.push(t.why.noPeers);
  if (reasons.length === 0) reasons.push(t.why.idle);
  return [...reasons, ...provider.notOffered.map(({ template, reason }) => t.why.notOffered(template, reason))];
}
