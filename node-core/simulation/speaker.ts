/**
 * A peer that speaks the raw protocol: frames over the hub's Network port, records into the DHT, gossip. It has keys like
 * anybody and keeps to nothing but what a scenario tells it; there is no aggregator and no provider in here.
 */
import type { Channel, Network, Signer } from '../ports/index.ts';
import {
  type AnyMessage,
  canonicalBytes,
  capabilityKey,
  commitmentDigest,
  itemHashesOf,
  type Json,
  type NodeRecord,
  nodeRecordKey,
  type Offer,
  outputsHashOf,
  type PeerId,
  type Presence,
  parseMessage,
  presenceTopic,
  protocolVersion,
  type Quote,
  type ReplicaId,
  type Sha256,
  type SignatureDomain,
  type Signed,
  signBody,
  taskHashOf,
  toBase64Url,
  utf8,
  type Verdict,
} from '../protocol/index.ts';
import { beginning } from './clock.ts';
import { simulatedTemplate } from './executor.ts';
import { readFrame, type Said } from './observers/wire.ts';
import type { World } from './world.ts';

export interface Heard extends Said {
  readonly from: PeerId;
  readonly id: string;
  readonly re: string;
}

/** @returns messages that answer it. */
export type Manners = (
  heard: Heard,
  speaker: Speaker,
) => ReadonlyArray<{ readonly type: string; readonly body: unknown }>;

export class Speaker {
  readonly name: string;
  readonly signer: Signer;
  /** Everything that was ever said to it. */
  readonly heard: Heard[] = [];
  manners: Manners = () => [];
  readonly #world: World;
  readonly #network: Network;
  readonly #channels = new Map<PeerId, Channel>();
  readonly #results = new Map<ReplicaId, { outputs: Json[]; salt: string; outputsHash: Sha256; digest: Sha256 }>();
  #nextId = 1;
  #sequence = 1;

  constructor(world: World, name: string) {
    this.#world = world;
    this.name = name;
    this.signer = world.keys.make(world.chance);
    const first = world.nodes[0];
    const bootstrap = first === undefined ? [] : [world.hub.addressOf(first.peerId)];
    this.#network = world.hub.join(this.signer.peerId, { bootstrap });
    const accept = () => {};
    const hooks = {
      onChannel: (channel: Channel) => this.#take(channel),
      validateRecord: accept,
      selectRecord: () => 0,
      onGossip: () => 'accept' as const,
      onPeer: accept,
    };
    void this.#network.start(hooks);
  }

  get peerId(): PeerId {
    return this.signer.peerId;
  }

  get now(): number {
    return Math.floor(beginning + this.#world.time.elapsed);
  }

  sign<Body>(domain: SignatureDomain, body: Body): Signed<Body> {
    return signBody(this.signer, domain, body);
  }

  /** Sends a message as it is. Virtual time must pass for it to arrive. */
  async say(to: PeerId, message: { readonly type: string; readonly body: unknown }, re?: string): Promise<void> {
    const channel = this.#channels.get(to) ?? (await this.#open(to));
    const id = (this.#nextId++).toString(36);
    const envelope = {
      v: protocolVersion,
      type: message.type,
      id,
      at: this.now,
      body: message.body,
      ...(re === undefined ? {} : { re }),
    };
    this.#world.timeline.said(this.name, this.#world.nameOf(to), [message]);
    await channel.send(utf8.encode(JSON.stringify([envelope])));
  }

  /** Says something and lets virtual time pass until it has left. Nobody may be there to hear it. */
  async tell(to: PeerId, message: { readonly type: string; readonly body: unknown }): Promise<void> {
    await this.#world.until(
      this.say(to, message).catch(() => {}),
      15_000,
    );
  }

  /** Says something and lets virtual time pass until an answer of this type comes. @returns null for any other answer, or none. */
  async ask(to: PeerId, message: AnyMessage, answer: string): Promise<Heard | null> {
    const from = this.heard.length;
    await this.tell(to, message);
    const id = (this.#nextId - 1).toString(36);
    const find = (): Heard | undefined => this.heard.slice(from).find((heard) => heard.from === to && heard.re === id);
    await this.#world.run(5_000, () => find() !== undefined);
    const found = find();
    return found?.type === answer ? found : null;
  }

  /** Puts any bytes into the DHT. Rejects when every peer refused. */
  put(key: string, value: Uint8Array): Promise<void> {
    return this.#network.putRecord(key, value, 5_000);
  }

  get(key: string): Promise<Uint8Array | null> {
    return this.#network.getRecord(key, 5_000);
  }

  gossip(topic: string, message: Uint8Array): Promise<void> {
    return this.#network.publish(topic, message);
  }

  /** Poses as a provider of the simulated template: record, capability key, and a heartbeat as often as it is told. */
  async announce(): Promise<void> {
    const record = this.record();
    await this.#network
      .putRecord(nodeRecordKey(this.peerId), canonicalBytes(this.sign('node-record', record)), 5_000)
      .catch(() => {});
    await this.#network.provide(capabilityKey(this.capability), 5_000).catch(() => {});
    this.beat();
  }

  readonly capability = { kind: 'template', template: simulatedTemplate.id } as const;

  record(): NodeRecord {
    const offer: Offer = {
      template: simulatedTemplate.id,
      templateName: simulatedTemplate.name,
      model: null,
      modelName: null,
      price: { shardMicro: '1', itemMicro: '1' },
      tokensPerSecondMilli: 0,
      itemsPerShardMax: 200,
    };
    return {
      v: 1,
      kind: 'node',
      peerId: this.peerId,
      sequence: this.#sequence,
      addresses: [this.#world.hub.addressOf(this.peerId)],
      agent: 'speaker',
      hardware: null,
      offers: [offer],
      attestation: 'none',
      issuedAt: this.now,
      expiresAt: this.now + 3_600_000,
    };
  }

  beat(): void {
    const body: Presence = {
      v: 1,
      kind: 'presence',
      peerId: this.peerId,
      at: this.now,
      sequence: this.#sequence,
      load: { running: 0, queued: 0, queueMax: 64 },
      nextMs: 12_000,
    };
    void this.gossip(presenceTopic(this.capability), canonicalBytes(this.sign('presence', body)));
  }

  /** The answer of a provider that takes everything. */
  offer(heard: Heard): AnyMessage {
    const asked = parseMessage('job.quote', heard.body);
    const quote: Quote = {
      v: 1,
      quoteId: asked.jobId,
      provider: this.peerId,
      client: heard.from,
      jobId: asked.jobId,
      template: asked.template,
      model: asked.model,
      price: { shardMicro: '1', itemMicro: '1' },
      inFlightMax: 8,
      creditLimitMicro: '1000000',
      expiresAt: this.now + 600_000,
    };
    return { type: 'job.offer', body: { quote: this.sign('quote', quote) } };
  }

  /** Takes what it was given. */
  accept(heard: Heard): AnyMessage {
    const { replicaId } = parseMessage('shard.assign', heard.body);
    return { type: 'shard.accept', body: { replicaId, state: 'queued', itemsDone: 0 } };
  }

  leaseAck(heard: Heard, state: 'running' | 'committed'): AnyMessage {
    const { replicaIds } = parseMessage('lease.renew', heard.body);
    return {
      type: 'lease.ack',
      body: { replicas: replicaIds.map((replicaId) => ({ replicaId, state, itemsDone: 0 })) },
    };
  }

  /** A valid commitment to outputs that nobody computed. */
  commit(heard: Heard): AnyMessage {
    const { replicaId, jobId, shardId, quote, params, payload, inputsHash } = parseMessage('shard.assign', heard.body);
    const itemSalt = payload.type === 'plain' ? payload.itemSalt : '';
    const count = payload.type === 'plain' ? payload.inputs.length : 1;
    const outputs = Array.from({ length: count }, () => ({ label: 'black' }));
    const salt = toBase64Url(this.#world.chance.bytes(16));
    const outputsHash = outputsHashOf(itemHashesOf(itemSalt, outputs));
    const digest = commitmentDigest({ jobId, shardId, replicaId, peerId: this.peerId }, outputsHash, salt);
    this.#results.set(replicaId, { outputs, salt, outputsHash, digest });
    const { template, model } = quote.body;
    const taskHash = taskHashOf({ template, model, params, inputsHash, itemSalt });
    const body = { v: 1 as const, jobId, shardId, replicaId, peerId: this.peerId, taskHash, digest, at: this.now };
    return { type: 'shard.commit', body: { commitment: this.sign('commitment', body) } };
  }

  /** Signed, and not what it had committed to. */
  falseReveal(heard: Heard): AnyMessage {
    const { replicaId } = parseMessage('shard.reveal.request', heard.body);
    const result = this.#results.get(replicaId);
    if (result === undefined) return { type: 'error', body: { code: 'unknown-replica', message: '' } };
    const { outputs, outputsHash, digest } = result;
    const salt = toBase64Url(this.#world.chance.bytes(16));
    const reveal = this.sign('reveal', { v: 1 as const, replicaId, digest, outputsHash, salt });
    return { type: 'shard.reveal', body: { replicaId, outputs, reveal } };
  }

  verdict(replicaId: ReplicaId, verdict: Verdict): AnyMessage {
    const policy = { type: 'replicate', copies: 2, quorum: 2, tieBreakers: 1 } as const;
    return { type: 'shard.verdict', body: { replicaId, verdict, policy, evidence: null } };
  }

  async #open(to: PeerId): Promise<Channel> {
    const channel = await this.#network.open(to, [this.#world.hub.addressOf(to)], 10_000);
    this.#take(channel);
    return channel;
  }

  #take(channel: Channel): void {
    this.#channels.set(channel.peer, channel);
    channel.onClose(() => {
      if (this.#channels.get(channel.peer) === channel) this.#channels.delete(channel.peer);
    });
    channel.onFrame((frame) => {
      for (const { type, body, id = '', re = '' } of readFrame(frame)) {
        const heard: Heard = { from: channel.peer, type, body, id, re };
        this.heard.push(heard);
        for (const answer of this.manners(heard, this)) void this.say(channel.peer, answer, id).catch(() => {});
      }
    });
  }
}
