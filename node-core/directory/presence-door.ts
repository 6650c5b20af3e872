/** The door for what comes over the presence topics: heartbeats and tombstones, signed by the peer that sends them. */
import type { Clock, Verifier } from '../ports/index.ts';
import {
  isSigned,
  type Leave,
  type PeerId,
  type Presence,
  PresenceMessage,
  protocolLimits,
  utf8,
} from '../protocol/index.ts';
import { BoundedMap } from './bounded-map.ts';
import type { ClockWatch } from './clock-watch.ts';
import { directoryLimits as limits } from './limits.ts';
import { type RecordDoor, RecordRefused } from './record-door.ts';

export interface PresenceDoorOptions {
  readonly clock: Clock;
  readonly verifier: Verifier;
  readonly records: RecordDoor;
  /** Told what time it is for peers, also for those whose heartbeats are refused for it. */
  readonly watch: ClockWatch;
  /** Peers whose last heartbeat is remembered. */
  readonly peersMax: number;
}

/**
 * `accept` spreads a message. `ignore` drops what is old, which honest networks also deliver; `reject` is for what no
 * honest peer sends. `news` is null for a copy of what is known from another topic.
 */
export type PresenceJudgement =
  | { readonly verdict: 'accept'; readonly news: Presence | Leave | null }
  | { readonly verdict: 'ignore' | 'reject'; readonly reason: string };

interface LastHeartbeat {
  readonly sequence: number;
  readonly at: number;
  /** A provider sends the same bytes on each topic of what it offers. */
  readonly text: string;
  readonly topics: Set<string>;
  /** Heartbeats that it may still send now; refills with time. */
  readonly tokens: number;
  /** Monotonic ms. */
  readonly arrivedAt: number;
}

export class PresenceDoor {
  readonly #options: PresenceDoorOptions;
  readonly #last: BoundedMap<PeerId, LastHeartbeat>;

  constructor(options: PresenceDoorOptions) {
    this.#options = options;
    this.#last = new BoundedMap(options.peersMax);
  }

  judge(topic: string, bytes: Uint8Array, from: PeerId): PresenceJudgement {
    if (bytes.length > protocolLimits.gossipBytesMax) {
      return { verdict: 'reject', reason: `${bytes.length} bytes; at most ${protocolLimits.gossipBytesMax}` };
    }
    let text: string;
    try {
      text = utf8.decode(bytes);
    } catch {
      return { verdict: 'reject', reason: 'not UTF-8' };
    }
    const last = this.#last.get(from);
    if (last?.text === text) return copyOf(last, topic);
    const message = parse(text);
    if (message === null) return { verdict: 'reject', reason: 'not a presence message' };
    if (message.by !== message.body.peerId || from !== message.by) {
      return { verdict: 'reject', reason: `sent by ${from} for ${message.body.peerId}, signed by ${message.by}` };
    }
    const { body } = message;
    if (body.kind === 'leave') {
      try {
        this.#options.records.admit({ ...message, body });
      } catch (error) {
        if (!(error instanceof RecordRefused)) throw error;
        const isStale = error.code === 'old-sequence' || error.code === 'expired';
        return { verdict: isStale ? 'ignore' : 'reject', reason: error.message };
      }
      return { verdict: 'accept', news: body };
    }
    const offMs = body.at - this.#options.clock.now();
    if (Math.abs(offMs) > protocolLimits.clockSkewMsMax) {
      const { watch } = this.#options;
      if (watch.wants(from, body.at)) {
        if (!this.#isSigned(message)) return unsigned(message);
        watch.note(from, body.at);
      }
      return {
        verdict: 'ignore',
        reason: `its time is ${offMs} ms off; at most ${protocolLimits.clockSkewMsMax} (clockSkewMsMax)`,
      };
    }
    const stale = stalenessOf(body, last);
    if (stale !== null) return { verdict: 'ignore', reason: stale };
    const arrivedAt = this.#options.clock.elapsed();
    const tokens = tokensOf(last, arrivedAt);
    if (tokens < 1) return { verdict: 'ignore', reason: 'too many heartbeats' };
    if (!this.#isSigned(message)) return unsigned(message);
    this.#options.watch.note(from, body.at);
    this.#last.set(from, {
      sequence: body.sequence,
      at: body.at,
      text,
      topics: new Set([topic]),
      tokens: tokens - 1,
      arrivedAt,
    });
    return { verdict: 'accept', news: body };
  }

  #isSigned(message: PresenceMessage): boolean {
    return isSigned(this.#options.verifier, 'presence', message);
  }
}

function unsigned({ by }: PresenceMessage): PresenceJudgement {
  return { verdict: 'reject', reason: `the signature does not verify with the key of ${by}` };
}

/** Heartbeats rise by (sequence, at): a clock that was set back is forgiven with the next record. */
function stalenessOf(body: Presence, last: LastHeartbeat | undefined): string | null {
  if (last === undefined || body.sequence > last.sequence) return null;
  if (body.sequence < last.sequence) return `old sequence ${body.sequence}, ${last.sequence} is known`;
  return body.at > last.at ? null : `replay: its time ${body.at} is not after ${last.at}`;
}

function tokensOf(last: LastHeartbeat | undefined, now: number): number {
  if (last === undefined) return limits.heartbeatsAtOnceMax;
  const refilled = last.tokens + ((now - last.arrivedAt) / 1000) * limits.heartbeatsPerSecondMax;
  return Math.min(limits.heartbeatsAtOnceMax, refilled);
}

function copyOf(last: LastHeartbeat, topic: string): PresenceJudgement {
  if (last.topics.has(topic)) return { verdict: 'ignore', reason: 'replay: the same message on the same topic' };
  last.topics.add(topic);
  return { verdict: 'accept', news: null };
}

function parse(text: string): PresenceMessage | null {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return null;
  }
  const parsed = PresenceMessage.safeParse(json);
  return parsed.success ? parsed.data : null;
}
