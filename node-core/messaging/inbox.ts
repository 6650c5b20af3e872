/** The door for what peers send: frames become envelopes, or a reason to close the channel. */
import type { Clock } from '../ports/index.ts';
import { Envelope, protocolLimits, protocolVersion, utf8, z } from '../protocol/index.ts';

const Frame = z.array(Envelope).max(protocolLimits.messagesPerFrameMax);

export type ReadFrame =
  | { readonly ok: true; readonly envelopes: readonly Envelope[] }
  | { readonly ok: false; readonly code: 'bad-message' | 'version' | 'too-large'; readonly reason: string };

export function readFrame(bytes: Uint8Array): ReadFrame {
  if (bytes.length > protocolLimits.frameBytesMax) {
    return {
      ok: false,
      code: 'too-large',
      reason: `a frame of ${bytes.length} bytes; at most ${protocolLimits.frameBytesMax}`,
    };
  }
  let json: unknown;
  try {
    json = JSON.parse(utf8.decode(bytes));
  } catch {
    return { ok: false, code: 'bad-message', reason: 'a frame is a JSON array of messages in UTF-8' };
  }
  const parsed = Frame.safeParse(json);
  if (!parsed.success)
    return {
      ok: false,
      code: 'bad-message',
      reason: `not an array of envelopes: ${z.prettifyError(parsed.error).slice(0, 200)}`,
    };
  const foreign = parsed.data.find((envelope) => envelope.v !== protocolVersion);
  if (foreign !== undefined)
    return {
      ok: false,
      code: 'version',
      reason: `this node speaks version ${protocolVersion} of the job protocol, not ${foreign.v}`,
    };
  return { ok: true, envelopes: parsed.data };
}

/** A bucket that refills with time: how many messages a peer may still send. */
export class RateLimit {
  readonly #clock: Clock;
  readonly #perSecond: () => number;
  #left: number;
  #at: number;

  /** @param perSecond asked at each frame. */
  constructor(clock: Clock, perSecond: () => number) {
    this.#clock = clock;
    this.#perSecond = perSecond;
    this.#left = perSecond();
    this.#at = clock.elapsed();
  }

  /** @param count messages of a frame; a frame without any counts too. @returns false when the peer is over its limit. */
  take(count: number): boolean {
    const now = this.#clock.elapsed();
    const perSecond = this.#perSecond();
    this.#left = Math.min(perSecond, this.#left + ((now - this.#at) / 1000) * perSecond);
    this.#at = now;
    this.#left -= Math.max(1, count);
    return this.#left >= 0;
  }
}
