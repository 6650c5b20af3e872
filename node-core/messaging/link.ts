/** One peer: its channel, what waits for it, and the requests that it has yet to answer. */
import type { Channel, Clock } from '../ports/index.ts';
import {
  type AnyMessage,
  type Envelope,
  type MessageOf,
  type PeerId,
  protocolVersion,
  utf8,
} from '../protocol/index.ts';
import { type MessageRefused, PeerUnreachable } from './errors.ts';
import { RateLimit } from './inbox.ts';
import { Outbox } from './outbox.ts';

interface Pending {
  /** In use when the request was made; with it the answer is lost. */
  readonly channel: Channel;
  resolve(envelope: Envelope): void;
  reject(error: Error): void;
}

export interface LinkOptions {
  readonly peer: PeerId;
  readonly clock: Clock;
  readonly limits: { readonly messagesPerSecondMax: number; readonly sendQueueBytesMax: number };
  /** The last channel to the peer is gone. */
  onDown(reason: string): void;
}

export class Link {
  readonly rate: RateLimit;
  readonly #options: LinkOptions;
  readonly #outbox: Outbox;
  readonly #pending = new Map<string, Pending>();
  /** The one in use last. Two peers that open at the same time have two for a while. */
  #channels: Channel[] = [];
  #nextId = 1;

  constructor(options: LinkOptions) {
    this.#options = options;
    const { clock, limits } = options;
    this.rate = new RateLimit(clock, () => limits.messagesPerSecondMax);
    this.#outbox = new Outbox(
      () => limits.sendQueueBytesMax,
      (reason) => this.close(reason),
    );
  }

  get peer(): PeerId {
    return this.#options.peer;
  }

  get channel(): Channel | null {
    return this.#channels.at(-1) ?? null;
  }

  get idle(): boolean {
    return this.#pending.size === 0;
  }

  /** The newest channel is used: a peer that was restarted opens one while its last one still looks alive. */
  add(channel: Channel): void {
    this.#channels.push(channel);
    channel.onClose((reason) => this.#remove(channel, reason));
    this.#outbox.use(channel);
    // A peer needs one channel; a second is the trace of a simultaneous opening, a third of something else.
    const [oldest] = this.#channels;
    if (oldest !== undefined && this.#channels.length > 2) this.#drop(oldest, 'replaced by a newer channel');
  }

  close(reason: string): void {
    for (const channel of [...this.#channels]) this.#drop(channel, reason);
  }

  /** Closes it after a last message that goes over this very channel, before all that waits. */
  refuse(channel: Channel, message: MessageOf<'error'>): void {
    const frame = utf8.encode(JSON.stringify([this.#envelope(message)]));
    channel.send(frame).catch(() => undefined);
    this.#drop(channel, message.body.message);
  }

  post(message: AnyMessage, re?: string): string {
    const envelope = this.#envelope(message, re);
    this.#outbox.push(envelope);
    return envelope.id;
  }

  /** Resolves when the channel takes more after it. @throws PeerUnreachable when the message is lost with the channel. */
  deliver(message: AnyMessage): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#outbox.push(this.#envelope(message), (error) => {
        if (error === null) resolve();
        else reject(new PeerUnreachable(error.message, { cause: error }));
      });
    });
  }

  /** Resolves with the answer. @throws PeerUnreachable, MessageRefused, RangeError for a message over a frame's limit */
  ask(message: AnyMessage, deadlineMs: number): Promise<Envelope> {
    return new Promise((resolve, reject) => {
      const id = this.post(message);
      const { channel } = this;
      if (channel === null) {
        reject(new PeerUnreachable(`the channel to ${this.peer} is closed`));
        return;
      }
      const cancel = this.#options.clock.after(deadlineMs, () => {
        this.#pending.delete(id);
        reject(new PeerUnreachable(`no answer to ${message.type} within ${deadlineMs} ms`));
      });
      this.#pending.set(id, {
        channel,
        resolve: (envelope) => {
          cancel();
          resolve(envelope);
        },
        reject: (error) => {
          cancel();
          reject(error);
        },
      });
    });
  }

  /** An answer came. @returns false when nobody waits for it (any more). */
  answer(envelope: Envelope, refused: MessageRefused | null): boolean {
    const pending = this.#pending.get(envelope.re ?? '');
    if (pending === undefined) return false;
    this.#pending.delete(envelope.re ?? '');
    if (refused !== null) pending.reject(refused);
    else pending.resolve(envelope);
    return true;
  }

  #envelope(message: AnyMessage, re?: string): Envelope {
    const id = (this.#nextId++).toString(36);
    const envelope: Envelope = {
      v: protocolVersion,
      type: message.type,
      id,
      at: this.#options.clock.now(),
      body: message.body,
    };
    if (re !== undefined) envelope.re = re;
    return envelope;
  }

  #drop(channel: Channel, reason: string): void {
    channel.close(reason);
    this.#remove(channel, reason);
  }

  #remove(channel: Channel, reason: string): void {
    const at = this.#channels.indexOf(channel);
    if (at < 0) return;
    this.#channels.splice(at, 1);
    this.#outbox.use(this.channel);
    // Answers to what was asked over the lost channel will not come.
    for (const [id, pending] of this.#pending) {
      if (pending.channel !== channel) continue;
      this.#pending.delete(id);
      pending.reject(new PeerUnreachable(`the channel closed: ${reason}`));
    }
    if (this.#channels.length === 0) this.#options.onDown(reason);
  }
}
