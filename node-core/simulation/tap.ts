/** A Network that shows every frame and record to the world's observers on its way. It changes nothing. */
import type { Channel, FoundPeer, Network, NetworkHooks, NetworkStatus } from '../ports/index.ts';
import type { Cid, PeerId } from '../protocol/index.ts';

export interface NetworkWatch {
  /** A process hands a frame to a channel. */
  sent(from: PeerId, to: PeerId, frame: Uint8Array): void;
  /** A process was given a frame. */
  received(by: PeerId, from: PeerId, frame: Uint8Array): void;
  gossiped(from: PeerId, topic: string, message: Uint8Array): void;
  /** A process found a record valid: it keeps it, or believes it. */
  believed(by: PeerId, key: string, value: Uint8Array): void;
}

export class TappedNetwork implements Network {
  readonly #network: Network;
  readonly #watch: NetworkWatch;
  readonly #lives: () => boolean;

  /** @param lives is the process still there? What is left of its turn after a crash never leaves it. */
  constructor(network: Network, watch: NetworkWatch, lives: () => boolean) {
    this.#network = network;
    this.#watch = watch;
    this.#lives = lives;
  }

  get peerId(): PeerId {
    return this.#network.peerId;
  }

  start(hooks: NetworkHooks): Promise<void> {
    return this.#network.start({
      ...hooks,
      onChannel: (channel) => hooks.onChannel(this.#tap(channel)),
      validateRecord: (key, value) => {
        hooks.validateRecord(key, value);
        this.#watch.believed(this.peerId, key, value);
      },
    });
  }

  stop(): Promise<void> {
    return this.#network.stop();
  }

  status(): NetworkStatus {
    return this.#network.status();
  }

  async open(peer: PeerId, addresses: readonly string[], deadlineMs: number): Promise<Channel> {
    return this.#tap(await this.#network.open(peer, addresses, deadlineMs));
  }

  putRecord(key: string, value: Uint8Array, deadlineMs: number): Promise<void> {
    return this.#network.putRecord(key, value, deadlineMs);
  }

  getRecord(key: string, deadlineMs: number): Promise<Uint8Array | null> {
    return this.#network.getRecord(key, deadlineMs);
  }

  provide(key: Cid, deadlineMs: number): Promise<void> {
    return this.#network.provide(key, deadlineMs);
  }

  unprovide(key: Cid): Promise<void> {
    return this.#network.unprovide(key);
  }

  findProviders(key: Cid, limit: number, deadlineMs: number): AsyncIterable<FoundPeer> {
    return this.#network.findProviders(key, limit, deadlineMs);
  }

  subscribe(topic: string): void {
    this.#network.subscribe(topic);
  }

  unsubscribe(topic: string): void {
    this.#network.unsubscribe(topic);
  }

  publish(topic: string, message: Uint8Array): Promise<void> {
    this.#watch.gossiped(this.peerId, topic, message);
    return this.#network.publish(topic, message);
  }

  #tap(channel: Channel): Channel {
    return channel.path === 'self' ? channel : new TappedChannel(this.peerId, channel, this.#watch, this.#lives);
  }
}

class TappedChannel implements Channel {
  readonly peer: PeerId;
  readonly path: Channel['path'];
  readonly transport: string;
  readonly maxBytes: number | null;
  readonly maxMs: number | null;
  readonly #own: PeerId;
  readonly #channel: Channel;
  readonly #watch: NetworkWatch;
  readonly #lives: () => boolean;

  constructor(own: PeerId, channel: Channel, watch: NetworkWatch, lives: () => boolean) {
    this.#lives = lives;
    this.#own = own;
    this.#channel = channel;
    this.#watch = watch;
    this.peer = channel.peer;
    this.path = channel.path;
    this.transport = channel.transport;
    this.maxBytes = channel.maxBytes;
    this.maxMs = channel.maxMs;
  }

  send(frame: Uint8Array): Promise<void> {
    if (!this.#lives()) return new Promise(() => {});
    this.#watch.sent(this.#own, this.peer, frame);
    return this.#channel.send(frame);
  }

  onFrame(receive: (frame: Uint8Array) => void): void {
    this.#channel.onFrame((frame) => {
      this.#watch.received(this.#own, this.peer, frame);
      receive(frame);
    });
  }

  onClose(closed: (reason: string) => void): void {
    this.#channel.onClose(closed);
  }

  close(reason: string): void {
    this.#channel.close(reason);
  }
}
