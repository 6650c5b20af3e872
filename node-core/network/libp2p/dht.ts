/**
 * Records and provider keys by kad-dht under a protocol of our own, judged by the node's hooks.
 *
 * kad-dht's PUT handler overwrites whatever the validator lets through, so the hook keeps the highest sequence. Its
 * `get` fails as a whole when a peer does not take a correction; the answers before that are used all the same.
 */
import type { Libp2p } from '@libp2p/interface';
import {
  type KadDHT,
  type KadDHTComponents,
  kadDHT,
  passthroughMapper,
  removePrivateAddressesMapper,
} from '@libp2p/kad-dht';
import { CID } from 'multiformats/cid';
import type { FoundPeer, Logger, NetworkHooks } from '../../ports/index.ts';
import type { Cid } from '../../protocol/index.ts';
import { describeError } from './addresses.ts';
import { until } from './bounded.ts';

export const kadProtocol = '/infernet/kad/1.0.0';
/** First part of our keys (`/infernet/…`): kad-dht finds validator and selector by it. */
const recordPrefix = 'infernet';
/** Provided keys are announced again this often: providers of a key leave, and with them what they kept. */
const reprovideMs = 10 * 60_000;
/** An announcement that reached nobody is tried again after this time, or when a peer comes. */
const retryMs = 10_000;
const peerCameMs = 300;
const announceMsMax = 30_000;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

export interface DhtOptions {
  readonly allowPrivateAddresses: boolean;
  readonly dhtServer: boolean;
}

export function dhtService(hooks: NetworkHooks, options: DhtOptions): (components: KadDHTComponents) => KadDHT {
  return kadDHT({
    protocol: kadProtocol,
    clientMode: !options.dhtServer,
    peerInfoMapper: options.allowPrivateAddresses ? passthroughMapper : removePrivateAddressesMapper,
    validators: { [recordPrefix]: (key, value) => hooks.validateRecord(decoder.decode(key), value) },
    selectors: { [recordPrefix]: (key, values) => hooks.selectRecord(decoder.decode(key), values) },
    // All queries wait for the first look around, and that waits for the first peer: so it may start early.
    initialQuerySelfInterval: 100,
  });
}

export class Dht {
  readonly #libp2p: Libp2p;
  readonly #kad: KadDHT;
  readonly #hooks: NetworkHooks;
  readonly #log: Logger;
  readonly #provided = new Set<Cid>();
  /** Provided, but nobody was told yet. */
  readonly #untold = new Set<Cid>();
  #retry: NodeJS.Timeout | null = null;
  #retryAt = 0;
  #reprovide: NodeJS.Timeout | null = null;
  #isStopped = false;

  constructor(libp2p: Libp2p, kad: KadDHT, hooks: NetworkHooks, log: Logger) {
    this.#libp2p = libp2p;
    this.#kad = kad;
    this.#hooks = hooks;
    this.#log = log;
    libp2p.addEventListener('peer:identify', ({ detail }) => {
      if (this.#untold.size > 0 && detail.protocols.includes(kadProtocol)) this.#retryIn(peerCameMs);
    });
  }

  start(): void {
    this.#reprovide = setInterval(() => {
      for (const key of this.#provided) this.#untold.add(key);
      this.#retryIn(0);
    }, reprovideMs);
    this.#reprovide.unref();
  }

  stop(): void {
    this.#isStopped = true;
    if (this.#reprovide !== null) clearInterval(this.#reprovide);
    if (this.#retry !== null) clearTimeout(this.#retry);
  }

  /** Resolves when the first peer stored the record; the others are told in the background. */
  async put(key: string, value: Uint8Array, deadlineMs: number): Promise<void> {
    this.#hooks.validateRecord(key, value);
    const signal = AbortSignal.timeout(deadlineMs);
    let refusal: string | null = null;
    const stored = Promise.withResolvers<void>();
    const putting = async () => {
      for await (const event of until(this.#kad.put(encoder.encode(key), value, { signal }), signal)) {
        if (event.name === 'PEER_RESPONSE' && event.messageName === 'PUT_VALUE') stored.resolve();
        if (event.name === 'QUERY_ERROR') refusal = describeError(event.error);
      }
      const reason = refusal ?? (signal.aborted ? `no answer within ${deadlineMs} ms` : 'no peer to store it');
      stored.reject(new Error(`no peer stored ${key}: ${reason}`));
    };
    putting().catch((error: unknown) => stored.reject(new Error(`no peer stored ${key}: ${describeError(error)}`)));
    await stored.promise;
  }

  async get(key: string, deadlineMs: number): Promise<Uint8Array | null> {
    const signal = AbortSignal.timeout(deadlineMs);
    const values: Uint8Array[] = [];
    const consider = (value: Uint8Array) => {
      try {
        this.#hooks.validateRecord(key, value);
        values.push(value);
      } catch {
        // An invalid answer counts as none.
      }
    };
    try {
      for await (const event of until(this.#kad.get(encoder.encode(key), { signal }), signal)) {
        if (event.name === 'PEER_RESPONSE' && event.record !== undefined) consider(event.record.value);
        if (event.name === 'VALUE') consider(event.value);
      }
    } catch (error) {
      this.#log.debug({ key, reason: describeError(error) }, 'a look-up in the DHT ended early');
    }
    const first = values[0];
    if (first === undefined) return null;
    return values[this.#hooks.selectRecord(key, values)] ?? first;
  }

  /** Resolves when a peer keeps the key or the deadline passed; in that case it is told as soon as there is somebody. */
  async provide(key: Cid, deadlineMs: number): Promise<void> {
    this.#provided.add(key);
    this.#untold.add(key);
    await this.#announce(key, deadlineMs);
  }

  async unprovide(key: Cid): Promise<void> {
    this.#provided.delete(key);
    this.#untold.delete(key);
    await this.#kad.cancelReprovide(CID.parse(key));
  }

  /** kad-dht itself stops at about 20 providers. */
  async *findProviders(key: Cid, limit: number, deadlineMs: number): AsyncGenerator<FoundPeer> {
    const signal = AbortSignal.timeout(deadlineMs);
    const seen = new Set([this.#libp2p.peerId.toString()]);
    try {
      for await (const event of until(this.#kad.findProviders(CID.parse(key), { signal }), signal)) {
        if (event.name !== 'PROVIDER') continue;
        for (const { id, multiaddrs } of event.providers) {
          const peer = id.toString();
          if (seen.has(peer)) continue;
          if (seen.size > limit) return;
          seen.add(peer);
          yield { peer, addresses: multiaddrs.map((address) => address.toString()) };
        }
        if (seen.size > limit) return;
      }
    } catch (error) {
      this.#log.debug({ key, reason: describeError(error) }, 'a search for providers ended early');
    }
  }

  /** Resolves when the first peer was told; the rest of the walk goes on behind. */
  async #announce(key: Cid, deadlineMs: number): Promise<void> {
    const signal = AbortSignal.timeout(deadlineMs);
    const told = Promise.withResolvers<void>();
    const announcing = async () => {
      for await (const event of until(this.#kad.provide(CID.parse(key), { signal }), signal)) {
        if (event.name !== 'PEER_RESPONSE' || event.messageName !== 'ADD_PROVIDER') continue;
        this.#untold.delete(key);
        told.resolve();
      }
    };
    announcing()
      .catch((error: unknown) => this.#log.debug({ key, reason: describeError(error) }, 'could not announce a key'))
      .finally(() => {
        told.resolve();
        if (this.#untold.has(key)) this.#retryIn(retryMs);
      });
    await told.promise;
  }

  #retryIn(ms: number): void {
    const at = performance.now() + ms;
    if (this.#isStopped || (this.#retry !== null && this.#retryAt <= at)) return;
    if (this.#retry !== null) clearTimeout(this.#retry);
    this.#retryAt = at;
    this.#retry = setTimeout(() => {
      this.#retry = null;
      for (const key of this.#untold) void this.#announce(key, announceMsMax);
    }, ms);
    this.#retry.unref();
  }
}
