/** “Why nobody?”, in words for people: what is known, what stands in the way, and what would help. */
import type { NetworkStatus } from '../ports/index.ts';
import type { Explanation } from './types.ts';
import type { WalkReport } from './walks.ts';

export interface Situation {
  readonly live: number;
  /** Providers whose record is known, live or not. */
  readonly known: number;
  /** Known from the DHT, and not heard yet. */
  readonly unproven: number;
  /** Providers of the same template with another model. */
  readonly otherModels: number;
  readonly hasModel: boolean;
  readonly goneMs: number;
  readonly status: NetworkStatus;
  readonly lastWalk: WalkReport | null;
}

const unreachableShownMax = 3;

export function explain(situation: Situation): Explanation {
  const { live, known } = situation;
  return { live, known, reasons: live > 0 ? [] : [...networkReasons(situation), ...providerReasons(situation)] };
}

function networkReasons({ status }: Situation): string[] {
  if (status.connectedPeers > 0) return [];
  const { unreachable } = status;
  const reasons = ['this node is connected to no other node'];
  for (const { address, reason } of unreachable.slice(0, unreachableShownMax)) {
    reasons.push(`the bootstrap address ${address} did not answer: ${reason}`);
  }
  const rest = unreachable.length - unreachableShownMax;
  if (rest > 0) reasons.push(`${rest} further bootstrap ${rest === 1 ? 'address' : 'addresses'} did not answer either`);
  if (unreachable.length === 0) reasons.push('a bootstrap address or an invite of a running node would let it join');
  return reasons;
}

function providerReasons({ known, unproven, otherModels, hasModel, goneMs, lastWalk }: Situation): string[] {
  const reasons: string[] = [];
  const gone = known - unproven;
  if (known === 0) reasons.push(`no provider of this template${hasModel ? ' with this model' : ''} is known`);
  if (known === 0 && otherModels > 0) reasons.push(`${providers(otherModels)} of the template known with other models`);
  if (gone > 0) reasons.push(`${providers(gone)} known, but not heard of within the last ${seconds(goneMs)}`);
  if (unproven > 0) reasons.push(`${providers(unproven)} named by the DHT and not heard of yet`);
  if (lastWalk !== null && lastWalk.unread > 0) {
    reasons.push(`${providers(lastWalk.unread)} named by the DHT without a readable record (${lastWalk.reason ?? ''})`);
  } else if (known === 0 && lastWalk === null) {
    reasons.push('the DHT was not asked yet');
  } else if (known === 0 && lastWalk?.reason != null) {
    reasons.push(`the DHT did not answer: ${lastWalk.reason}`);
  }
  return reasons;
}

function providers(count: number): string {
  return count === 1 ? '1 provider is' : `${count} providers are`;
}

function seconds(ms: number): string {
  return `${Math.round(ms / 100) / 10} s`;
}
