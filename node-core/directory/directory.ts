/**
 * The directory: what this node knows of others, and tells them of itself.
 *
 *     const directory = new Directory({ journal, network, clock, random, signer, verifier, log, config, agent });
 *     await journal.open();
 *     await network.start({ ...directory.hooks, onChannel });
 *     await directory.start([{ kind: 'template', template }]);
 *     await directory.announce({ hardware, offers, load: () => queue.load() });
 *     await directory.discover({ template, model }, 4, 4_000);
 *     const [best] = directory.bestFit({ template, model, items: 10 }, terms, 1);
 *
 * Records come from the DHT, life from heartbeats and connections: the DHT also returns the dead. Records, presence and
 * load are in memory; the log holds who joined and left, and with it the addresses to begin with after a restart.
 *
 * - record-door.ts, presence-door.ts: what may come in · peer-table.ts, vitals.ts, roll.ts: who is there
 * - clock-watch.ts: whether the own clock is right, by theirs
 * - walks.ts, record-fetcher.ts: looking for others · announcer.ts: telling of itself
 * - chronicle.ts, projection.ts: what the log hears · score.ts: best fit · explain.ts: why nobody
 */
import type { View } from '../journal/index.ts';
import type { NetworkHooks } from '../ports/index.ts';
import { type Capability, type Offer, type PeerId, presenceTopic } from '../protocol/index.ts';
import { Announcer } from './announcer.ts';
import { Chronicle } from './chronicle.ts';
import { ClockWatch } from './clock-watch.ts';
import { explain } from './explain.ts';
import { directoryLimits as limits } from './limits.ts';
import { capabilityOf } from './peer-table.ts';
import { PresenceDoor } from './presence-door.ts';
import { type DirectoryState, directoryProjection } from './projection.ts';
import { RecordDoor, RecordRefused } from './record-door.ts';
import { RecordFetcher } from './record-fetcher.ts';
import { Roll } from './roll.ts';
import { type Facts, rank } from './score.ts';
import { Timer } from './timer.ts';
import type {
  Announcement,
  Candidate,
  DirectoryOptions,
  DirectoryPeer,
  Explanation,
  FitQuery,
  FitTerms,
  KnownGood,
  OwnStanding,
  ProviderQuery,
} from './types.ts';
import { Vitals } from './vitals.ts';
import { Walks } from './walks.ts';

export class Directory {
  /** For `network.start`. Gossip on topics that are not the directory’s is ignored: ask other rooms first. */
  readonly hooks: Pick<NetworkHooks, 'validateRecord' | 'selectRecord' | 'onGossip' | 'onPeer'>;
  readonly #options: DirectoryOptions;
  readonly #view: View<DirectoryState>;
  readonly #door: RecordDoor;
  readonly #clockWatch: ClockWatch;
  readonly #presence: PresenceDoor;
  readonly #vitals: Vitals;
  readonly #chronicle: Chronicle;
  readonly #roll: Roll;
  readonly #fetcher: RecordFetcher;
  readonly #walks: Walks;
  readonly #announcer: Announcer;
  readonly #interests = new Map<string, Capability>();
  readonly #sweepTimer: Timer;
  readonly #discoverTimer: Timer;
  /** Rounds of the discovery loop in a row after which nobody had come, changed or gone. */
  #quietRounds = 0;
  #isLooking = false;
  #unfollow = () => {};
  #running = false;

  /** Before `journal.open`: registers its projection. */
  constructor(options: DirectoryOptions) {
    const { journal, network, clock, verifier, signer, config } = options;
    const { peersMax, knownGoodMax, goneMs, lookupMs } = config;
    this.#options = options;
    this.#view = journal.register(directoryProjection({ self: signer.peerId, peersMax, knownGoodMax }));
    this.#door = new RecordDoor({ clock, verifier, peersMax });
    this.#clockWatch = new ClockWatch(clock, peersMax);
    this.#presence = new PresenceDoor({ clock, verifier, records: this.#door, watch: this.#clockWatch, peersMax });
    this.#vitals = new Vitals(clock, goneMs);
    this.#chronicle = new Chronicle({
      journal,
      view: this.#view,
      clock,
      peersMax,
      silentMs: goneMs + config.heartbeatMs,
      expiredMs: config.recordTtlMs,
    });
    this.#roll = new Roll({
      clock,
      self: signer.peerId,
      vitals: this.#vitals,
      chronicle: this.#chronicle,
      peersMax,
      goneMs,
    });
    this.#fetcher = new RecordFetcher({
      clock,
      network,
      lookupMs,
      peersMax,
      read: (key, bytes) => this.#read(key, bytes),
    });
    this.#walks = new Walks({ clock, network, roll: this.#roll, fetcher: this.#fetcher });
    this.#announcer = new Announcer({ ...options, door: this.#door, chronicle: this.#chronicle, view: this.#view });
    this.#sweepTimer = new Timer(clock);
    this.#discoverTimer = new Timer(clock);
    this.hooks = {
      validateRecord: (key, value) => this.#validate(key, value),
      selectRecord: (_key, values) => this.#door.select(values),
      onGossip: (topic, message, from) => this.#onGossip(topic, message, from),
      onPeer: (peer, connected) => this.#onPeer(peer, connected),
    };
  }

  /**
   * After `network.start` and `journal.open`: subscribes to the presence topics of what this node may want and begins
   * discovery. Does not wait for its results.
   */
  async start(interests: readonly Capability[]): Promise<void> {
    for (const capability of interests) this.#listenFor(capability);
    this.#discoverSoon(0);
    if (this.#running) return;
    this.#running = true;
    this.#unfollow = this.#roll.onChange(() => this.#stirred());
    this.#chronicle.begin();
    // Connections that came up while the network started.
    for (const peer of this.#vitals.connected) void this.#fetcher.want(peer);
    for (const { peer } of this.knownGood()) void this.#fetcher.want(peer);
    this.#scheduleSweep();
  }

  /** What this node offers, at first and whenever it changes. Never throws: what failed is tried again. */
  announce(what: Announcement): Promise<void> {
    return this.#announcer.announce(what);
  }

  /** The load changed: may send an early heartbeat. */
  loadChanged(): void {
    this.#announcer.loadChanged();
  }

  /** Tells others that this node leaves. Bounded by twice `lookupMs`; never throws. */
  leave(): Promise<void> {
    return this.#announcer.leave();
  }

  stop(): void {
    this.#running = false;
    this.#unfollow();
    this.#announcer.stop();
    this.#walks.stop();
    this.#fetcher.stop();
    this.#chronicle.end();
    this.#sweepTimer.cancel();
    this.#discoverTimer.cancel();
  }

  /** All peers whose record is known, live or not. */
  peers(): DirectoryPeer[] {
    const peers: DirectoryPeer[] = [];
    for (const [peer] of this.#roll.table.entries()) {
      const view = this.#roll.view(peer);
      if (view !== null) peers.push(view);
    }
    return peers;
  }

  peer(id: PeerId): DirectoryPeer | null {
    return this.#roll.view(id);
  }

  addressesOf(peer: PeerId): readonly string[] {
    return (
      this.#roll.table.get(peer)?.record.addresses ??
      this.#view.state.knownGood.find((known) => known.peer === peer)?.addresses ??
      []
    );
  }

  /** Any message from a peer counts as life. */
  noteHeard(peer: PeerId): void {
    if (peer !== this.#options.signer.peerId) this.#roll.heard(peer);
  }

  /** By peer id, without this node. */
  liveProviders(query: ProviderQuery): DirectoryPeer[] {
    return this.#roll
      .liveProviders(capabilityOf(query))
      .sort()
      .flatMap((peer) => this.#roll.view(peer) ?? []);
  }

  /** Looks the capability up in the DHT now. Ends when `limit` live providers are known, the walk is over, or time is up. */
  discover(query: ProviderQuery, limit: number, deadlineMs: number): Promise<void> {
    const capability = capabilityOf(query);
    // Without its heartbeats nobody that is found would ever count as live.
    const isHeard = this.#interests.has(presenceTopic({ kind: 'template', template: query.template }));
    if (this.#running && !isHeard) this.#listenFor(capability);
    return this.#walks.look(capability, limit, deadlineMs);
  }

  /** The best providers for one shard, best first; score.ts has the formula. */
  bestFit(query: FitQuery, terms: FitTerms, limit: number): Candidate[] {
    const facts: Facts[] = [];
    for (const peer of this.#roll.table.providers(capabilityOf(query))) {
      if (!terms.exclude.has(peer) && (terms.only?.has(peer) ?? true)) facts.push(this.#factsOf(peer, terms));
    }
    return this.#rank(facts, query, terms, limit);
  }

  /** As {@link bestFit} with this node among them: how it looks to somebody who knows as much. */
  compare(query: FitQuery, terms: FitTerms, own: OwnStanding, limit: number): Candidate[] {
    const peers = [...this.#roll.table.providers(capabilityOf(query))].filter((peer) => !terms.exclude.has(peer));
    const self: Facts = {
      ...own,
      peerId: this.#options.signer.peerId,
      liveness: 'connected',
      silentMs: null,
      nextMs: null,
      inFlight: 0,
    };
    return this.#rank([self, ...peers.map((peer) => this.#factsOf(peer, terms))], query, terms, limit);
  }

  explain(query: ProviderQuery): Explanation {
    const { network, config } = this.#options;
    const { table } = this.#roll;
    const capability = capabilityOf(query);
    const liveness = [...table.providers(capability)].map((peer) => this.#roll.liveness(peer));
    return explain({
      live: this.#roll.liveProviders(capability).length,
      known: liveness.length,
      unproven: liveness.filter((each) => each === 'unproven').length,
      otherModels: table.providers({ kind: 'template', template: query.template }).size - liveness.length,
      hasModel: query.model !== null,
      goneMs: config.goneMs,
      status: network.status(),
      lastWalk: this.#walks.report(capability),
    });
  }

  /** What is wrong here by what peers tell, with what to do. */
  faults(): string[] {
    const clock = this.#clockWatch.fault();
    return clock === null ? [] : [clock];
  }

  /** Peers that were live when this node last ran, the best first: for the network’s start. After `journal.open`. */
  knownGood(): readonly KnownGood[] {
    return this.#view.state.knownGood.map(({ peer, addresses }) => ({ peer, addresses })).reverse();
  }

  /** Somebody joined, left, or became live or gone. Calls of the same moment are one. @returns a function that ends it. */
  onChange(listener: () => void): () => void {
    return this.#roll.onChange(listener);
  }

  /** Again and again for the same, or for too many: nothing happens. */
  #listenFor(capability: Capability): void {
    const topic = presenceTopic(capability);
    if (this.#interests.has(topic) || this.#interests.size >= limits.interestsMax) return;
    this.#interests.set(topic, capability);
    this.#options.network.subscribe(topic);
  }

  /** The peer that brought it only sees its stream reset; the reason is for our log. */
  #validate(key: string, bytes: Uint8Array): void {
    try {
      this.#door.open(key, bytes);
    } catch (error) {
      if (error instanceof RecordRefused) {
        const { code, message: reason } = error;
        this.#options.log.debug({ key: key.slice(0, 100), code, reason }, 'a record was refused');
      }
      throw error;
    }
  }

  #read(key: string, bytes: Uint8Array): boolean {
    const { body } = this.#door.open(key, bytes);
    if (body.kind === 'node') return this.#roll.learn(body);
    this.#roll.leave(body);
    return true;
  }

  #onGossip(topic: string, message: Uint8Array, from: PeerId): 'accept' | 'ignore' | 'reject' {
    if (!this.#interests.has(topic)) return 'ignore';
    const judged = this.#presence.judge(topic, message, from);
    if (judged.verdict !== 'accept') {
      this.#options.log.debug({ peer: from, verdict: judged.verdict, reason: judged.reason }, 'presence dropped');
      return judged.verdict;
    }
    const { news } = judged;
    if (news === null || news.peerId === this.#options.signer.peerId) return 'accept';
    if (news.kind === 'leave') {
      this.#roll.leave(news);
      return 'accept';
    }
    const known = this.#roll.table.get(news.peerId)?.record.sequence ?? null;
    // Sent before its tombstone, and overtaken by it.
    if (known === null && news.sequence < this.#door.highest(news.peerId)) return 'accept';
    this.#roll.beat(news);
    if (known === null || known < news.sequence) void this.#fetcher.want(news.peerId);
    return 'accept';
  }

  #onPeer(peer: PeerId, connected: boolean): void {
    if (peer === this.#options.signer.peerId) return;
    if (!connected) {
      this.#roll.disconnect(peer);
      return;
    }
    const isFirst = this.#vitals.connected.size === 0;
    this.#roll.connect(peer);
    if (!this.#running) return;
    this.#fetcher.forgive(peer);
    if (this.#roll.table.get(peer) === null) void this.#fetcher.want(peer);
    if (!isFirst) return;
    this.#announcer.connected();
    this.#discoverSoon(limits.settleMs);
  }

  #scheduleSweep(): void {
    // Ten times within `goneMs`, so that silence is told soon after.
    this.#sweepTimer.set(this.#options.config.goneMs / 10, () => {
      for (const peer of this.#roll.sweep()) void this.#fetcher.want(peer);
      // Their record may come into the DHT later than their connection; the fetcher waits longer each time.
      for (const peer of this.#vitals.connected) {
        if (this.#roll.table.get(peer) === null) void this.#fetcher.want(peer);
      }
      if (this.#running) this.#scheduleSweep();
    });
  }

  #discoverSoon(ms: number): void {
    this.#discoverTimer.setEarlier(ms, () => void this.#discoverAll());
  }

  /** The network moves: it is looked at in the usual time again. */
  #stirred(): void {
    if (this.#quietRounds === 0 || !this.#running) return;
    this.#quietRounds = 0;
    // A round under way sets the timer itself when it is over.
    if (!this.#isLooking) this.#discoverSoon(this.#discoverMs());
  }

  /**
   * Until the next round. Walks are what a node at rest spends most on, and whoever comes is heard by gossip or a connection,
   * and jobs look for themselves: so where a round brought nothing the next one waits twice as long, up to a limit.
   */
  #discoverMs(): number {
    const { config, random } = this.#options;
    const factor = Math.min(2 ** Math.max(0, this.#quietRounds - 1), limits.quietFactorMax);
    return config.discoverEveryMs * factor * (0.8 + 0.4 * random.fraction());
  }

  /** Looks for what this node may want and knows few live providers of, a few at a time, then waits. */
  async #discoverAll(): Promise<void> {
    const { config, network } = this.#options;
    if (!this.#running) return;
    this.#quietRounds = network.status().connectedPeers > 0 ? this.#quietRounds + 1 : 0;
    const wanted = [...this.#interests.values()].filter(
      (capability) => this.#roll.liveProviders(capability).length < limits.liveEnough,
    );
    if (network.status().connectedPeers > 0) {
      const walker = async () => {
        for (let next = wanted.shift(); next !== undefined && this.#running; next = wanted.shift()) {
          await this.#walks.look(next, limits.liveEnough, config.lookupMs);
        }
      };
      this.#isLooking = true;
      await Promise.all(Array.from({ length: limits.walksMax }, walker));
      this.#isLooking = false;
    }
    if (this.#running) this.#discoverSoon(this.#discoverMs());
  }

  #rank(facts: readonly Facts[], query: FitQuery, terms: FitTerms, limit: number): Candidate[] {
    const { goneMs } = this.#options.config;
    const { favoured } = terms;
    const options = { goneMs, price: (offer: Offer) => terms.price(offer) };
    return rank(facts, query, favoured === undefined ? options : { ...options, favoured }, limit);
  }

  #factsOf(peerId: PeerId, terms: FitTerms): Facts {
    const record = this.#roll.table.get(peerId)?.record;
    const sign = this.#vitals.sign(peerId);
    return {
      peerId,
      offers: record?.offers ?? [],
      hardware: record?.hardware ?? null,
      liveness: this.#roll.liveness(peerId),
      silentMs: sign === null ? null : this.#options.clock.elapsed() - sign.heardAt,
      nextMs: sign?.nextMs ?? null,
      load: sign?.load ?? null,
      reputation: terms.reputation(peerId),
      inFlight: terms.inFlight(peerId),
    };
  }
}
