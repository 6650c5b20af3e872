/**
 * A peer without a node behind it: it speaks the public protocol by hand, and so can break every rule of it.
 *
 *     const peer = await RawPeer.join(addresses);
 *     const channel = await peer.open(node);
 *     const answer = await channel.ask('job.quote', { … });
 */
import { randomBytes } from 'node:crypto';
import { createSigner } from '../../node-core/identity/index.ts';
import { loopbackNetwork } from '../../node-core/network/libp2p/testing.ts';
import type { Channel, Network, Signer } from '../../node-core/ports/index.ts';
import {
  type Capability,
  canonicalBytes,
  capabilityKey,
  Envelope,
  jobProtocol,
  type MessageBody,
  type MessageType,
  type NodeRecord,
  nodeRecordKey,
  type Offer,
  parseMessage,
  protocolVersion,
  signBody,
  utf8,
  z,
} from '../../node-core/protocol/index.ts';

const waitMsMax = 10_000;

export class RawPeer {
  readonly signer: Signer;
  readonly network: Network;
  /** Answers to what others ask over channels of theirs, by type; without one there is no answer. */
  readonly answers = new Map<string, (envelope: Envelope, channel: RawChannel) => void>();
  /** The channels that others opened. */
  readonly channels: RawChannel[] = [];

  private constructor(signer: Signer, network: Network) {
    this.signer = signer;
    this.network = network;
  }

  get peerId(): string {
    return this.signer.peerId;
  }

  /** @param protocol of its job channels: another one is that of another major version. */
  static async join(bootstrap: readonly string[], protocol: string = jobProtocol): Promise<RawPeer> {
    const seed = randomBytes(32);
    const network = loopbackNetwork({ seed, bootstrap, jobProtocol: protocol });
    const peer = new RawPeer(createSigner(seed), network);
    await network.start({
      onChannel: (channel) => void peer.channels.push(new RawChannel(channel, peer.answers)),
      // What it lets out is for others to judge.
      validateRecord: () => {},
      selectRecord: () => 0,
      onGossip: () => 'ignore',
      onPeer: () => {},
    });
    return peer;
  }

  async open(node: { readonly peerId: string; readonly addresses: readonly string[] }): Promise<RawChannel> {
    return new RawChannel(await this.network.open(node.peerId, node.addresses, waitMsMax), this.answers);
  }

  /** The record of an honest node, with changes. */
  record(changes: Partial<NodeRecord> = {}): NodeRecord {
    const issuedAt = Date.now();
    return {
      v: 1,
      kind: 'node',
      peerId: this.peerId,
      sequence: 1,
      addresses: [...this.network.status().addresses],
      agent: 'raw/1',
      hardware: null,
      offers: [],
      attestation: 'none',
      issuedAt,
      expiresAt: issuedAt + 600_000,
      ...changes,
    };
  }

  /** @param key of the DHT; its own by default. @throws Error when no node stored it. */
  async publish(record: NodeRecord, key = nodeRecordKey(this.peerId)): Promise<void> {
    await this.publishBytes(canonicalBytes(signBody(this.signer, 'node-record', record)), key);
  }

  async publishBytes(bytes: Uint8Array, key = nodeRecordKey(this.peerId)): Promise<void> {
    await this.network.putRecord(key, bytes, waitMsMax);
  }

  /** Is found as a provider from now on. */
  async offer(offers: readonly Offer[]): Promise<void> {
    await this.publish(this.record({ offers: [...offers] }));
    const keys = offers.flatMap(({ template, model }): Capability[] => [
      { kind: 'template', template },
      ...(model === null ? [] : [{ kind: 'template-model', template, model } as const]),
    ]);
    await Promise.all(keys.map((capability) => this.network.provide(capabilityKey(capability), waitMsMax)));
  }

  async stop(): Promise<void> {
    await this.network.stop();
  }
}

const Frame = z.array(Envelope);

interface Wanted {
  matches(envelope: Envelope): boolean;
  resolve(envelope: Envelope): void;
}

export class RawChannel {
  readonly channel: Channel;
  /** The reason, when it is closed. */
  readonly closed: Promise<string>;
  readonly received: Envelope[] = [];
  readonly #wanted = new Set<Wanted>();
  #lastId = 0;

  constructor(channel: Channel, answers: RawPeer['answers']) {
    this.channel = channel;
    this.closed = new Promise((resolve) => channel.onClose(resolve));
    channel.onFrame((frame) => {
      for (const envelope of Frame.parse(JSON.parse(utf8.decode(frame)))) {
        this.received.push(envelope);
        answers.get(envelope.type)?.(envelope, this);
        for (const wanted of this.#wanted) if (wanted.matches(envelope)) wanted.resolve(envelope);
      }
    });
  }

  /** Sends what it is given. @returns its id. */
  send(type: string, body: unknown, changes: Partial<Envelope> = {}): string {
    const id = changes.id ?? `raw-${++this.#lastId}`;
    const envelope: Envelope = { v: protocolVersion, type, id, at: Date.now(), body, ...changes };
    this.channel.send(utf8.encode(JSON.stringify([envelope]))).catch(() => {});
    return id;
  }

  /** Sends a message as it should be, and waits for whatever answers it. */
  ask<T extends MessageType>(type: T, body: MessageBody<T>): Promise<Envelope> {
    return this.askRaw(type, body);
  }

  askRaw(type: string, body: unknown): Promise<Envelope> {
    const id = this.send(type, body);
    return this.next(`an answer to ${type}`, ({ re }) => re === id);
  }

  /** The first message like that, received already or to come. */
  next(what: string, matches: (envelope: Envelope) => boolean): Promise<Envelope> {
    const found = this.received.find(matches);
    if (found !== undefined) return Promise.resolve(found);
    return new Promise((resolve, reject) => {
      const wanted: Wanted = {
        matches,
        resolve: (envelope) => {
          clearTimeout(late);
          this.#wanted.delete(wanted);
          resolve(envelope);
        },
      };
      const late = setTimeout(() => {
        this.#wanted.delete(wanted);
        const types = this.received.map(({ type }) => type).join(', ');
        reject(new Error(`no ${what} within ${waitMsMax} ms; received: ${types || 'nothing'}`));
      }, waitMsMax);
      this.#wanted.add(wanted);
    });
  }
}

/** The body of a message that has to be of this type. @throws Error when it is another, with what it says. */
export function bodyOf<T extends MessageType>(type: T, envelope: Envelope): MessageBody<T> {
  if (envelope.type !== type)
    throw new Error(`expected ${type}, received ${envelope.type}: ${JSON.stringify(envelope.body)}`);
  return parseMessage(type, envelope.body);
}
