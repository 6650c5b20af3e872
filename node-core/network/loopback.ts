/**
 * A channel from a node to itself: a job on the own computer takes the same path as any other, and no byte leaves the
 * process. Frames arrive in a later microtask and in order; senders wait as they do on a wire.
 */
import type { PeerId } from '../protocol/index.ts';
import { type ChannelAbout, ChannelEnd } from './channel-end.ts';
import { Window, windowBytesDefault } from './window.ts';

/**
 * @param isAlive whether the process still runs; the in-memory network crashes processes, and nothing of a dead one moves.
 * @returns the two ends: one for the caller of `open`, one for `onChannel`.
 */
export function loopbackPair(peer: PeerId, isAlive: () => boolean = () => true): [ChannelEnd, ChannelEnd] {
  const about: ChannelAbout = { peer, path: 'self', transport: 'self' };
  const windows: [Window, Window] = [new Window(windowBytesDefault), new Window(windowBytesDefault)];
  const ends: [ChannelEnd, ChannelEnd] = [end(0), end(1)];
  return ends;

  function end(own: 0 | 1): ChannelEnd {
    const other = own === 0 ? 1 : 0;
    return new ChannelEnd(about, {
      transmit(frame) {
        const followed = windows[own].take(frame.length);
        void Promise.resolve().then(() => isAlive() && ends[other].deliver(frame));
        return followed;
      },
      consumed(bytes) {
        windows[other].release(bytes);
      },
      shut(reason) {
        for (const window of windows) window.close(reason);
        // After the frames that were sent before.
        void Promise.resolve().then(() => ends[other].broken(reason));
      },
    });
  }
}
