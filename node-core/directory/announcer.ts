/**
 * What this node tells of itself: its record in the DHT, its capability keys, its heartbeats, and the tombstone at the end.
 *
 * The sequence of the record rises over restarts. It is logged when the content changes and now and then besides; a new
 * run begins well above what the log holds, and after a log was lost, above what the DHT still holds.
 */
import type { View } from '../journal/index.ts';
import type { Clock, Logger, Network, Random, Signer } from '../ports/index.ts';
import {
  type Capability,
  type Cid,
  canonicalBytes,
  capabilityKey,
  type Leave,
  type NodeRecord,
  nodeRecordKey,
  type Presence,
  presenceTopic,
  protocolLimits,
  signBody,
} from '../protocol/index.ts';
import type { Chronicle } from './chronicle.ts';
import { attempt, messageOf, within } from './deadline.ts';
import { directoryLimits as limits } from './limits.ts';
import { capabilitiesOf } from './peer-table.ts';
import { contentOf, type DirectoryState } from './projection.ts';
import type { RecordDoor } from './record-door.ts';
import { Timer } from './timer.ts';
import type { Announcement, DirectoryConfig } from './types.ts';

const addressesMax = 16;
const addressCharactersMax = 256;

export interface AnnouncerOptions {
  readonly network: Network;
  readonly clock: Clock;
  readonly random: Random;
  readonly signer: Signer;
  readonly log: Logger;
  readonly config: DirectoryConfig;
  readonly agent: string;
  readonly door: RecordDoor;
  readonly chronicle: Chronicle;
  readonly view: View<DirectoryState>;
}

export class Announcer {
  readonly #options: AnnouncerOptions;
  readonly #publishTimer: Timer;
  readonly #beatTimer: Timer;
  #what: Announcement | null = null;
  /** Of the record in force; 0 before the first. */
  #sequence = 0;
  #loggedSequence = 0;
  /** Failed publications in a row; null = nothing was tried yet, 0 = the DHT holds the record. */
  #failures: number | null = null;
  #capabilities: Capability[] = [];
  /** Keys of the DHT that this node provides → whether that was heard. */
  readonly #keys = new Map<Cid, boolean>();
  #beatAt = Number.NEGATIVE_INFINITY;
  #beatStamp = 0;
  /** Publications come one after the other. */
  #work: Promise<void> = Promise.resolve();
  #queued = false;
  #stopped = false;

  constructor(options: AnnouncerOptions) {
    this.#options = options;
    this.#publishTimer = new Timer(options.clock);
    this.#beatTimer = new Timer(options.clock);
  }

  /** Resolves when it was tried once. Never rejects. */
  announce(what: Announcement): Promise<void> {
    this.#what = what;
    return this.#publishSoon();
  }

  /** The load changed: an early heartbeat, but not too many. */
  loadChanged(): void {
    if (!this.#isProvider) return;
    const { clock, config } = this.#options;
    const gapMs = config.heartbeatMs / limits.earlyHeartbeatsMax;
    const waitMs = Math.max(0, this.#beatAt + gapMs - clock.elapsed());
    this.#beatTimer.setEarlier(waitMs, () => this.#beat());
  }

  /** A first connection came up: what nobody could store before can be stored now. */
  connected(): void {
    if (this.#failures === null || this.#failures === 0) return;
    this.#publishTimer.setEarlier(limits.settleMs, () => void this.#publishSoon());
  }

  /** Tombstone, and no more heartbeats. Bounded by `lookupMs`; never rejects. */
  async leave(): Promise<void> {
    const { clock, network, signer, config } = this.#options;
    if (this.#isSilent) return;
    this.#fallSilent();
    // A publication under way must not come after the tombstone: its sequence is lower.
    await within(clock, config.lookupMs, this.#work);
    // Nobody is there to be told; the record runs out by itself.
    if (network.status().connectedPeers === 0) return;
    this.#sequence = this.#nextSequence();
    const issuedAt = clock.now();
    const body: Leave = {
      v: 1,
      kind: 'leave',
      peerId: signer.peerId,
      sequence: this.#sequence,
      issuedAt,
      expiresAt: issuedAt + config.recordTtlMs,
    };
    const bytes = canonicalBytes(signBody(signer, 'leave', body));
    const key = nodeRecordKey(signer.peerId);
    await within(
      clock,
      config.lookupMs,
      Promise.allSettled([
        attempt(() => network.putRecord(key, bytes, config.lookupMs)),
        ...this.#capabilities.map((capability) => attempt(() => network.publish(presenceTopic(capability), bytes))),
        ...[...this.#keys.keys()].map((cid) => attempt(() => network.unprovide(cid))),
      ]),
    );
    this.#keys.clear();
    this.#capabilities = [];
  }

  stop(): void {
    this.#stopped = true;
    this.#fallSilent();
  }

  /** Nothing is to be told: not yet, or no longer. */
  get #isSilent(): boolean {
    return this.#stopped || this.#what === null;
  }

  #fallSilent(): void {
    this.#what = null;
    this.#publishTimer.cancel();
    this.#beatTimer.cancel();
  }

  get #isProvider(): boolean {
    return this.#what !== null && this.#what.offers.length > 0;
  }

  /** Several wishes while one publication runs are one more publication. */
  #publishSoon(): Promise<void> {
    if (this.#queued) return this.#work;
    this.#queued = true;
    this.#work = this.#work.then(async () => {
      this.#queued = false;
      try {
        await this.#publish();
      } catch (error) {
        this.#options.log.error({ error: messageOf(error) }, 'the own record could not be published');
      }
    });
    return this.#work;
  }

  async #publish(): Promise<void> {
    const what = this.#what;
    if (what === null || this.#isSilent) return;
    const { clock, network, signer, config, log } = this.#options;
    this.#publishTimer.cancel();
    if (this.#sequence === 0) await this.#findSequence();
    this.#sequence = this.#nextSequence();
    const { record, bytes } = this.#sign(what);
    await this.#log(record);
    if (this.#isSilent) return;
    const before = this.#capabilities;
    this.#capabilities = capabilitiesOf(record);
    const key = nodeRecordKey(signer.peerId);
    const isAlone = network.status().connectedPeers === 0;
    const stored = isAlone
      ? { ok: false as const, reason: 'this node is connected to no other node' }
      : await within(
          clock,
          config.lookupMs,
          attempt(() => network.putRecord(key, bytes, config.lookupMs)),
        );
    await this.#provideKeys(isAlone);
    if (this.#isSilent) return;
    if (stored.ok) {
      this.#failures = 0;
    } else {
      this.#failures = (this.#failures ?? 0) + 1;
      log.debug({ reason: stored.reason }, 'nobody stored the own record yet');
      // Perhaps the network knows a higher sequence of ours, from a life that this log does not remember.
      if (!isAlone) await this.#askForOwn();
    }
    this.#schedule();
    // Also where it no longer offers: those who listen there read the record again.
    if (before.length > 0 || this.#isProvider) this.#beat([...before, ...this.#capabilities]);
  }

  #schedule(): void {
    if (this.#isSilent) return;
    const { config, random } = this.#options;
    const isComplete = this.#failures === 0 && [...this.#keys.values()].every((heard) => heard);
    const failures = Math.max(1, this.#failures ?? 1);
    const baseMs = isComplete
      ? config.recordRefreshMs
      : Math.min(limits.publishRetryMs * 2 ** Math.min(failures - 1, 16), limits.publishRetryMsMax);
    this.#publishTimer.set(baseMs * (0.8 + 0.2 * random.fraction()), () => void this.#publishSoon());
  }

  #nextSequence(): number {
    return Math.max(this.#sequence, this.#options.door.highest(this.#options.signer.peerId)) + 1;
  }

  /** Where this run’s sequences begin. */
  async #findSequence(): Promise<void> {
    const { view, clock, network } = this.#options;
    const logged = view.state.ownSequence;
    if (logged === 0 && network.status().connectedPeers > 0) await this.#askForOwn();
    this.#sequence = Math.max(clock.now(), logged + 2 * limits.publicationsPerLogEntry) - 1;
  }

  /** The door remembers the sequence of what comes. */
  async #askForOwn(): Promise<void> {
    const { clock, network, signer, config, door } = this.#options;
    const key = nodeRecordKey(signer.peerId);
    const own = await within(
      clock,
      config.lookupMs,
      attempt(() => network.getRecord(key, config.lookupMs)),
    );
    if (!own.ok || own.value === null) return;
    try {
      door.open(key, own.value);
    } catch {
      // Expired or not ours: nothing to rise above.
    }
  }

  #sign(what: Announcement): { record: NodeRecord; bytes: Uint8Array } {
    const { clock, signer, config, network, agent, log } = this.#options;
    const issuedAt = clock.now();
    const offers = what.offers.slice(0, protocolLimits.offersPerRecordMax);
    for (;;) {
      const record: NodeRecord = {
        v: 1,
        kind: 'node',
        peerId: signer.peerId,
        sequence: this.#sequence,
        addresses: network
          .status()
          .addresses.filter((address) => address.length <= addressCharactersMax)
          .slice(0, addressesMax),
        agent: agent.slice(0, 64),
        hardware: what.hardware,
        offers,
        attestation: 'none',
        issuedAt,
        expiresAt: issuedAt + config.recordTtlMs,
      };
      const bytes = canonicalBytes(signBody(signer, 'node-record', record));
      if (bytes.length <= protocolLimits.recordBytesMax || offers.length === 0) {
        if (offers.length < what.offers.length) {
          log.warn(
            { offered: offers.length, of: what.offers.length },
            'the node record has no room for all offers; the last ones were left out',
          );
        }
        return { record: { ...record, offers: [...offers] }, bytes };
      }
      offers.pop();
    }
  }

  /** Durable before others hear of it: a later run must know what this one may have told. */
  async #log(record: NodeRecord): Promise<void> {
    const { view, chronicle } = this.#options;
    const isFirst = this.#loggedSequence === 0;
    const isFar = record.sequence - this.#loggedSequence >= limits.publicationsPerLogEntry;
    if (!isFirst && !isFar && view.state.ownContent === contentOf(record)) return;
    await chronicle.own(record);
    this.#loggedSequence = record.sequence;
  }

  async #provideKeys(isAlone: boolean): Promise<void> {
    const { clock, network, config } = this.#options;
    const wanted = new Set(this.#capabilities.map(capabilityKey));
    const work: Array<Promise<unknown>> = [];
    for (const cid of this.#keys.keys()) {
      if (wanted.has(cid)) continue;
      this.#keys.delete(cid);
      work.push(attempt(() => network.unprovide(cid)));
    }
    for (const cid of wanted) {
      // The adapter keeps alive what it once told.
      if (this.#keys.get(cid) === true) continue;
      this.#keys.set(cid, false);
      if (isAlone) continue;
      work.push(
        attempt(() => network.provide(cid, config.lookupMs)).then(() => {
          if (this.#keys.has(cid)) this.#keys.set(cid, true);
        }),
      );
    }
    await within(clock, config.lookupMs, Promise.allSettled(work));
  }

  #beat(capabilities: readonly Capability[] = this.#capabilities): void {
    const what = this.#what;
    if (what === null || this.#isSilent || this.#sequence === 0) return;
    const { clock, config, network, random, signer } = this.#options;
    this.#beatAt = clock.elapsed();
    // Rises even when the clock was set back: others drop what does not.
    this.#beatStamp = Math.max(clock.now(), this.#beatStamp + 1);
    const { running, queued, queueMax, warm } = what.load();
    const body: Presence = {
      v: 1,
      kind: 'presence',
      peerId: signer.peerId,
      at: this.#beatStamp,
      sequence: this.#sequence,
      load: { running, queued, queueMax, ...(warm === undefined ? {} : { warm: [...warm] }) },
      nextMs: Math.ceil(config.heartbeatMs * 1.2),
    };
    const bytes = canonicalBytes(signBody(signer, 'presence', body));
    for (const topic of new Set(capabilities.map(presenceTopic))) {
      // Gossip says so when nobody listens; that is no fault.
      void within(
        clock,
        config.heartbeatMs,
        attempt(() => network.publish(topic, bytes)),
      );
    }
    if (this.#isProvider) this.#beatTimer.set(config.heartbeatMs * (0.8 + 0.4 * random.fraction()), () => this.#beat());
    else this.#beatTimer.cancel();
  }
}
