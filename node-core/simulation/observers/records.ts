/** Discovery: a node believes only what its peer signed, and never goes back to what was said before. */
import { utf8 } from '../../protocol/index.ts';
import type { Subject } from './subject.ts';
import { at } from './wire.ts';

interface Claim {
  readonly peer: string;
  readonly sequence: number;
  readonly by: string;
}

/** The same bytes go to many nodes. */
const claims = new WeakMap<Uint8Array, Claim>();

function claimOf(value: Uint8Array): Claim {
  const known = claims.get(value);
  if (known !== undefined) return known;
  const record: unknown = JSON.parse(utf8.decode(value));
  const claim = {
    peer: String(at(record, 'body', 'peerId')),
    sequence: Number(at(record, 'body', 'sequence')),
    by: String(at(record, 'by')),
  };
  claims.set(value, claim);
  return claim;
}

export function checkBelieved({ believed, fault }: Subject, key: string, value: Uint8Array): void {
  const { peer, sequence, by } = claimOf(value);
  if (by !== peer || !key.endsWith(peer)) {
    fault('discovery', `a record of ${peer}, signed by ${by}, was believed under ${key}`);
  }
  const before = believed.get(peer) ?? 0;
  if (sequence < before) fault('discovery', `record ${sequence} of ${peer} was believed after ${before}`);
  believed.set(peer, sequence);
}
