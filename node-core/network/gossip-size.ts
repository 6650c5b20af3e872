/** The limit of gossip, the same for every adapter. */
import { protocolLimits } from '../protocol/index.ts';

/** @throws RangeError when the message is larger than its receivers would take. */
export function assertGossipSize(message: Uint8Array): void {
  const { gossipBytesMax } = protocolLimits;
  if (message.length > gossipBytesMax) {
    throw new RangeError(`a gossip message has at most ${gossipBytesMax} bytes, not ${message.length}`);
  }
}
