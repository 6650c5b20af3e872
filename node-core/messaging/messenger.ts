/**
 * Messages between nodes, over the Network port's channels: envelopes, answers with deadlines, many messages in a frame,
 * limits on both directions. Every body is parsed by its schema here, once; rooms get typed messages.
 *
 *     messenger.handle('job.quote', async (from, body) => ({ type: 'job.offer', body: { quote } }));
 *     const answer = await messenger.request(peer, { type: 'job.quote', body }, ['job.offer', 'job.decline']);
 */
import type { Channel, Clock, Logger, Network } from '../ports/index.ts';
import {
  type AnyMessage,
  type Envelope,
  isMessageType,
  type MessageBody,
  type MessageOf,
  type MessageType,
  messages,
  type PeerId,
  parseMessage,
  WireErrorCode,
  z,
} from '../protocol/index.ts';
import { MessageRefused, PeerUnreachable } from './errors.ts';
import { readFrame } from './inbox.ts';
import { Link } from './link.ts';

export interface MessengerOptions {
  readonly network: Network;
  readonly clock: Clock;
  readonly log: Logger;
  /** Read whenever they are needed: they may change while the node runs, for channels that are open too. */
  readonly limits: MessagingLimits;
  /** Where a peer is thought to listen. */
  addressesOf(peer: PeerId): readonly string[];
}

/** The section `messaging` of the node's config. */
export interface MessagingLimits {
  /** Time for the answer to a request, ms. */
  readonly requestMs: number;
  /** Time to open a channel, ms. */
  readonly connectMs: number;
  readonly channelsMax: number;
  readonly messagesPerSecondMax: number;
  readonly sendQueueBytesMax: number;
}

type Handler = (from: PeerId, body: unknown) => Promise<AnyMessage | null>;

export class Messenger {
  readonly #options: MessengerOptions;
  readonly #handlers = new Map<MessageType, Handler>();
  readonly #links = new Map<PeerId, Link>();
  readonly #opening = new Map<PeerId, Promise<Link>>();
  readonly #upListeners: Array<(peer: PeerId) => void> = [];
  readonly #downListeners: Array<(peer: PeerId, reason: string) => void> = [];
  readonly #heardListeners: Array<(peer: PeerId) => void> = [];
  #stopped = false;

  constructor(options: MessengerOptions) {
    this.#options = options;
  }

  /** One handler per type. It returns the answer, or null for none; it throws {@link MessageRefused} to refuse. */
  handle<T extends MessageType>(
    type: T,
    handler: (from: PeerId, body: MessageBody<T>) => Promise<AnyMessage | null>,
  ): void {
    if (this.#handlers.has(type)) throw new Error(`two handlers for ${type}`);
    this.#handlers.set(type, (from, body) => handler(from, parseMessage(type, body)));
  }

  /** A channel to a peer came up: its first, or a newer one, for the peer may have lost its memory with the last. */
  onUp(listener: (peer: PeerId) => void): void {
    this.#upListeners.push(listener);
  }

  /** The last channel to a peer is gone. */
  onDown(listener: (peer: PeerId, reason: string) => void): void {
    this.#downListeners.push(listener);
  }

  /** Any valid message came from a peer: it lives. */
  onHeard(listener: (peer: PeerId) => void): void {
    this.#heardListeners.push(listener);
  }

  /** The Network's hook for channels that peers open. */
  accept(channel: Channel): void {
    if (this.#stopped) {
      channel.close('this node is stopping');
      return;
    }
    if (!this.#links.has(channel.peer) && !this.#makeRoom()) {
      channel.close('too many channels');
      return;
    }
    this.#attach(channel);
  }

  /** The channel in use with a peer, if there is one. */
  channelOf(peer: PeerId): { transport: string; path: string } | null {
    const channel = this.#links.get(peer)?.channel;
    return channel ? { transport: channel.transport, path: channel.path } : null;
  }

  /**
   * Sends and waits for an answer of one of the types named.
   * @throws PeerUnreachable when there is no channel or no answer in time, MessageRefused when the peer sent `error`.
   */
  async request<T extends MessageType>(
    peer: PeerId,
    message: AnyMessage,
    answers: readonly T[],
    deadlineMs = this.#options.limits.requestMs,
  ): Promise<MessageOf<T>> {
    const link = await this.#linkTo(peer);
    const envelope = await link.ask(message, deadlineMs);
    const answer = toMessage(peer, envelope);
    if (!isOneOf(answer, answers)) throw new PeerUnreachable(`${peer} answered ${message.type} with ${envelope.type}`);
    return answer;
  }

  /** Sends without waiting for an answer. @throws PeerUnreachable when no channel can be opened. */
  async send(peer: PeerId, message: AnyMessage): Promise<void> {
    const link = await this.#linkTo(peer);
    link.post(message);
  }

  /**
   * As {@link send}, but over the channel in use alone, and with back-pressure: resolves when the next message may follow.
   * @throws PeerUnreachable when there is no channel, or the message is lost with it.
   */
  async deliver(peer: PeerId, message: AnyMessage): Promise<void> {
    const link = this.#links.get(peer);
    if (!link?.channel) throw new PeerUnreachable(`there is no channel to ${peer}`);
    await link.deliver(message);
  }

  /** Closes all channels and takes no more. */
  stop(reason: string): void {
    this.#stopped = true;
    for (const link of this.#links.values()) link.close(reason);
  }

  #linkTo(peer: PeerId): Promise<Link> {
    if (this.#stopped) return Promise.reject(new PeerUnreachable('this node is stopping'));
    const link = this.#links.get(peer);
    if (link?.channel) return Promise.resolve(link);
    const opening = this.#opening.get(peer);
    if (opening !== undefined) return opening;
    const opened = this.#open(peer).finally(() => this.#opening.delete(peer));
    this.#opening.set(peer, opened);
    return opened;
  }

  async #open(peer: PeerId): Promise<Link> {
    const { network, addressesOf, limits } = this.#options;
    const { connectMs, channelsMax } = limits;
    if (!this.#makeRoom()) throw new PeerUnreachable(`all ${channelsMax} channels are in use (messaging.channelsMax)`);
    let channel: Channel;
    try {
      channel = await network.open(peer, addressesOf(peer), connectMs);
    } catch (error) {
      throw new PeerUnreachable(
        `${peer} cannot be reached: ${error instanceof Error ? error.message : String(error)}`,
        { cause: error },
      );
    }
    if (this.#stopped) {
      channel.close('this node is stopping');
      throw new PeerUnreachable('this node is stopping');
    }
    return this.#attach(channel);
  }

  #attach(channel: Channel): Link {
    const { clock, limits } = this.#options;
    const { peer } = channel;
    let link = this.#links.get(peer);
    if (link === undefined) {
      const made = new Link({
        peer,
        clock,
        limits,
        onDown: (reason) => {
          if (this.#links.get(peer) === made) this.#links.delete(peer);
          for (const listener of this.#downListeners) listener(peer, reason);
        },
      });
      link = made;
      this.#links.set(peer, made);
    }
    const attached = link;
    attached.add(channel);
    channel.onFrame((frame) => this.#receive(attached, channel, frame));
    for (const listener of this.#upListeners) listener(peer);
    return attached;
  }

  /**
   * Too many channels: the one unused for longest, among those that owe us nothing, is closed.
   * @returns false when all are in use.
   */
  #makeRoom(): boolean {
    if (this.#links.size < this.#options.limits.channelsMax) return true;
    for (const link of this.#links.values()) {
      if (!link.idle) continue;
      link.close('too many channels');
      return true;
    }
    return false;
  }

  #receive(link: Link, channel: Channel, frame: Uint8Array): void {
    const read = readFrame(frame);
    if (!read.ok) {
      link.refuse(channel, { type: 'error', body: { code: read.code, message: read.reason.slice(0, 500) } });
      return;
    }
    if (!link.rate.take(read.envelopes.length)) {
      const message = `more than ${this.#options.limits.messagesPerSecondMax} messages a second`;
      link.refuse(channel, { type: 'error', body: { code: 'rate-limit', message } });
      return;
    }
    // The order of use of links is the order of the map: makeRoom takes from its front.
    if (this.#links.get(link.peer) === link) {
      this.#links.delete(link.peer);
      this.#links.set(link.peer, link);
    }
    for (const listener of this.#heardListeners) listener(link.peer);
    for (const envelope of read.envelopes) this.#dispatch(link, envelope);
  }

  #dispatch(link: Link, envelope: Envelope): void {
    if (envelope.type === 'error') {
      const parsed = messages.error.body.safeParse(envelope.body);
      const code = parsed.success ? parsed.data.code : WireErrorCode.enum['bad-message'];
      const message = parsed.success ? parsed.data.message : 'the peer sent a malformed error';
      if (!link.answer(envelope, new MessageRefused(code, message)))
        this.#options.log.debug({ peer: link.peer, code, message }, 'a peer reports an error');
      return;
    }
    if (envelope.re !== undefined && link.answer(envelope, null)) return;
    const handler = isMessageType(envelope.type) ? this.#handlers.get(envelope.type) : undefined;
    if (handler === undefined) {
      // An answer that came too late is no mistake of its sender.
      if (envelope.re !== undefined) return;
      const message = isMessageType(envelope.type)
        ? `${envelope.type} is not handled by this node`
        : `unknown message type ${envelope.type}`;
      link.post({ type: 'error', body: { code: 'unsupported', message } }, envelope.id);
      return;
    }
    void this.#run(link, envelope, handler);
  }

  async #run(link: Link, envelope: Envelope, handler: Handler): Promise<void> {
    let answer: AnyMessage | null;
    try {
      answer = await handler(link.peer, envelope.body);
    } catch (error) {
      answer = { type: 'error', body: this.#errorBody(link.peer, envelope.type, error) };
    }
    if (answer === null || link.channel === null) return;
    try {
      link.post(answer, envelope.id);
    } catch (error) {
      // The answer is over a frame's limit; the peer still learns that.
      link.post({ type: 'error', body: { code: 'too-large', message: messageOf(error) } }, envelope.id);
    }
  }

  #errorBody(peer: PeerId, type: string, error: unknown): MessageBody<'error'> {
    if (error instanceof MessageRefused) return { code: error.code, message: error.message.slice(0, 500) };
    if (error instanceof z.ZodError)
      return { code: 'bad-message', message: `${type}: ${z.prettifyError(error)}`.slice(0, 500) };
    this.#options.log.error({ peer, type, error: messageOf(error) }, 'a message could not be handled');
    return { code: 'internal', message: `${type} could not be handled` };
  }
}

function messageOf(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).slice(0, 500);
}

/** @throws PeerUnreachable when the answer breaks its schema: whoever gives such answers cannot be talked to. */
function toMessage(peer: PeerId, { type, body }: Envelope): AnyMessage {
  if (!isMessageType(type)) throw new PeerUnreachable(`${peer} answered with the unknown type ${type}`);
  const parsed = messages[type].body.safeParse(body);
  if (!parsed.success) {
    throw new PeerUnreachable(
      `${peer} answered with a malformed ${type}: ${z.prettifyError(parsed.error).slice(0, 200)}`,
    );
  }
  // The body was just parsed by the schema that belongs to this very type.
  return { type, body: parsed.data } as AnyMessage;
}

function isOneOf<T extends MessageType>(message: AnyMessage, types: readonly T[]): message is MessageOf<T> {
  return types.some((type) => type === message.type);
}
