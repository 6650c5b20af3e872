/** How much of the time a peer was there, by what the log says: as seen from here, and only while this node ran itself. */
import type { LogEntry } from '../../node-core/protocol/index.ts';

export const uptimeTypes = ['peer.joined', 'peer.left', 'node.started', 'node.stopped'] as const;

export interface Uptime {
  /** It has been there without a break since then; null = it is not there. */
  readonly since: number | null;
  readonly upMs: number;
  /** Time that could be watched: from when it was first heard of, without that in which this node was off. */
  readonly watchedMs: number;
}

/** @param entries of {@link uptimeTypes}, oldest first; those about other peers are passed over. @returns null when it was never heard of. */
export function uptimeOf(peer: string, entries: readonly LogEntry[], now: number, isLive: boolean): Uptime | null {
  let isOn = true;
  let since: number | null = null;
  let last: number | null = null;
  let upMs = 0;
  let watchedMs = 0;
  const pass = (at: number) => {
    if (last !== null && isOn) {
      const ms = Math.max(0, at - last);
      watchedMs += ms;
      if (since !== null) upMs += ms;
    }
    if (last !== null) last = at;
  };
  for (const { at, event } of entries) {
    switch (event.type) {
      case 'peer.joined':
        if (event.record.peerId !== peer) break;
        pass(at);
        last ??= at;
        since ??= at;
        break;
      case 'peer.left':
        if (event.peerId !== peer) break;
        pass(at);
        last ??= at;
        since = null;
        break;
      case 'node.stopped':
        pass(at);
        isOn = false;
        break;
      case 'node.started':
        // After a kill nobody knows how long this node was off: that span counts for nothing.
        if (isOn && last !== null) last = at;
        pass(at);
        isOn = true;
        break;
    }
  }
  if (last === null) return null;
  pass(now);
  return { since: isLive ? since : null, upMs, watchedMs };
}
