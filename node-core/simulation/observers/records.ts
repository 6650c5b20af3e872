/** Discovery: a node believes only what its peer signed, and never goes back to what was said before. */
import { utf8 } from '../../protocol/index.ts';
import type { Subject } from './subject.ts';
import { at } from './wire.ts';

export function checkBelieved({ believed, fault }: Subject, key: string, value: Uint8Array): void {
  const record: unknown = JSON.parse(utf8.decode(value));
  const peer = at(record, 'body', 'peerId');
  const sequence = at(record, 'body', 'sequence');
  if (typeof peer !== 'string' || typeof sequence !== 'number') return;
  if (at(record, 'by') !== peer || !key.endsWith(peer)) {
    fault('discovery', `a record of ${peer}, signed by ${String(at(record, 'by'))}, was believed under ${key}`);
  }
  const before = believed.get(peer) ?? 0;
  if (sequence < before) fault('discovery', `record ${sequence} of ${peer} was believed after ${before}`);
  believed.set(peer, sequence);
}
