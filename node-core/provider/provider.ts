/**
 * The job server: quotes, admits, queues, runs, commits, reveals, and hears the verdict.
 *
 * Order that makes it safe to kill at any moment:
 * - inputs are a blob and `work.admitted` is durable before `shard.accept` leaves;
 * - outputs, salt and commitment are durable before `shard.commit` leaves, so the same commitment can be sent again;
 * - work that a kill interrupted before its commitment is `failed{internal}` on return, with a release.
 * Every assignment is also a query: sent again, it is answered with the replica's present state.
 */
import type { NodeConfig } from '../config/schema.ts';
import type { Journal, View } from '../journal/index.ts';
import { MessageRefused, type Messenger, PeerUnreachable } from '../messaging/index.ts';
import type { CreditWish, Payment } from '../payment/index.ts';
import type { Clock, Executor, Logger, Random, Signer, Store, Verifier } from '../ports/index.ts';
import {
  type AnyMessage,
  type Cid,
  type FailureCode,
  idOf,
  isSigned,
  type MessageBody,
  micro,
  type NodeEvent,
  type PeerId,
  priceOf,
  protocolLimits,
  type Quote,
  type ReceiptBody,
  type ReplicaId,
  replicaMachine,
  type Sha256,
  type SignedRelease,
  signBody,
} from '../protocol/index.ts';
import type { Reputation } from '../reputation/index.ts';
import { creditDecline, type Decline, judgeAssignment, judgeClient, notServed, type Room } from './admission.ts';
import { Calibration } from './calibration.ts';
import { type Catalogue, keepingFindings, type Served, without, withSpeed } from './catalogue.ts';
import { limitsFor } from './client-limits.ts';
import { Demand, type DemandCounts } from './demand.ts';
import { FairQueue, type Standing } from './fair-queue.ts';
import { HandOver } from './hand-over.ts';
import { HoldSwitch } from './hold.ts';
import { type Hours, hourFreeInMs, hoursProjection } from './hours.ts';
import { Leases } from './leases.ts';
import type { Pauses } from './pauses.ts';
import { payloads } from './payloads.ts';
import { Runs } from './runs.ts';
import { isPending, type ProviderState, providerProjection, verdictEvents, type Work } from './state.ts';

export interface ProviderOptions {
  readonly journal: Journal;
  readonly messenger: Messenger;
  readonly payment: Payment;
  readonly reputation: Reputation;
  readonly executor: Executor;
  readonly store: Store;
  readonly clock: Clock;
  readonly random: Random;
  readonly signer: Signer;
  readonly verifier: Verifier;
  readonly log: Logger;
  readonly pauses: Pauses;
  readonly config: NodeConfig['provider'];
  /** Measure what is offered and was never measured. */
  readonly measure: boolean;
  /** The load or the switch changed. */
  onLoad(): void;
  /** What is offered changed. */
  onOffers(): void;
}

/** A client that can soon be served is quoted a price, and waits with its work. */
const quoteAnywayMs = 1_000;
const emptyCatalogue: Catalogue = { served: new Map(), offers: [], notOffered: [] };

export class Provider {
  readonly #o: ProviderOptions;
  readonly #view: View<ProviderState>;
  readonly #hours: View<Hours>;
  readonly #fairQueue: FairQueue;
  readonly #demand: Demand;
  readonly #leases: Leases;
  readonly #runs: Runs;
  readonly #calibration: Calibration;
  readonly #handOver: HandOver;
  /** Of what runs for nobody: measurements. */
  readonly #hold = new HoldSwitch();
  #catalogue: Catalogue = emptyCatalogue;
  /** What was taken is run, though its template is not served any more. */
  readonly #formerly = new Map<Cid, Served>();
  /** Commitments on their way to their clients. */
  #sending = 0;
  #draining = false;
  #drained: (() => void) | null = null;

  constructor(options: ProviderOptions) {
    this.#o = options;
    this.#view = options.journal.register(providerProjection);
    this.#hours = options.journal.register(hoursProjection);
    this.#demand = new Demand(() => options.clock.now());
    this.#fairQueue = new FairQueue({
      standing: (client) => this.#standing(client),
      ageMs: () => options.config.queueAgeMs,
    });
    this.#leases = new Leases(options.clock, (replicaIds) => this.#guard(this.#leasesEnded(replicaIds)));
    this.#runs = new Runs({
      ...options,
      work: (replicaId) => this.#view.state.work[replicaId],
      next: (isTaken) => this.#next(isTaken),
      isHeld: (work) => this.#heldBy(work) !== null,
      served: (template) => this.#catalogue.served.get(template) ?? this.#formerly.get(template),
      onCommitted: (work) => {
        // From now on it is the grace that counts.
        this.#watch(work);
        void this.#sendCommit(work);
      },
      onFailed: (work) => this.#guard(this.#over(work).then(() => this.#sendFail(work))),
      onIdle: () => {
        this.#calibration.next();
        this.#idle();
      },
    });
    this.#handOver = new HandOver(options.clock, (replicaId) => this.#guard(this.#giveUp(replicaId)));
    this.#calibration = new Calibration({
      hold: this.#hold,
      executor: options.executor,
      log: options.log,
      busy: () => !this.takesWork || this.#draining || this.#pending().length > 0,
      onMeasured: (offer, speed) => this.#offer(withSpeed(this.#catalogue, offer, speed)),
      onBroken: (template, model, reason) => this.#offer(without(this.#catalogue, template, model, reason)),
    });
    const { messenger, reputation } = options;
    messenger.handle('job.quote', (from, body) => this.#noted(from, 'quote', this.#quote(from, body)));
    messenger.handle('shard.assign', (from, body) => this.#noted(from, 'assignment', this.#assign(from, body)));
    messenger.handle('lease.renew', (from, body) => this.#renew(from, body));
    messenger.handle('shard.reveal.request', (from, body) => this.#reveal(from, body));
    messenger.handle('shard.stop', (from, body) => this.#stopItem(from, body));
    messenger.handle('shard.cancel', (from, body) => this.#cancel(from, body));
    messenger.handle('shard.verdict', (from, body) => this.#verdict(from, body));
    messenger.onUp((peer) => this.#returned(peer));
    options.journal.subscribe(({ event }) => {
      if (event.type !== 'payment.received') return;
      for (const { replicaId } of event.replicas) this.#guard(this.#paid(event.voucher.body.payer, replicaId));
    });
    reputation.isOurWork = (body) => this.#isOurWork(body);
  }

  get on(): boolean {
    return this.#view.state.on ?? this.#o.config.enabled;
  }

  /** Does it take work of others now? */
  get takesWork(): boolean {
    return this.on && this.#o.pauses.all.length === 0;
  }

  get catalogue(): Catalogue {
    return this.#catalogue;
  }

  get load(): { running: number; queued: number; queueMax: number; warm?: Cid[] } {
    const { running } = this.#runs;
    const { executor, config } = this.#o;
    const warm = executor.warm?.().map(({ template, model }) => model ?? template);
    return {
      running,
      queued: this.#pending().length - running,
      queueMax: config.queueMax,
      ...(warm === undefined ? {} : { warm: [...new Set(warm)].slice(0, protocolLimits.warmPerPresenceMax) }),
    };
  }

  /** Blobs that work in hand may still need. */
  blobsInUse(): Sha256[] {
    return Object.values(this.#view.state.work).flatMap((work) =>
      replicaMachine.isFinal(work.state) ? [] : blobsOf(work),
    );
  }

  /** Work in hand, for the control API. */
  work(): Array<Work & { itemsDone: number }> {
    return Object.values(this.#view.state.work)
      .filter((work) => !replicaMachine.isFinal(work.state))
      .map((work) => ({ ...work, itemsDone: this.#runs.itemsDone(work.replicaId) }));
  }

  /** After the journal is open: what a kill interrupted has failed. */
  async start(catalogue: Catalogue): Promise<void> {
    this.#catalogue = catalogue;
    const interrupted = this.#pending();
    await this.#o.journal.commit(
      interrupted.flatMap((work) =>
        this.#failure(work, 'internal', 'the node stopped while the replica waited or ran'),
      ),
    );
    for (const work of Object.values(this.#view.state.work)) this.#watch(work);
    this.#leases.start();
  }

  /** The node is online: there is time to measure. */
  calibrate(): void {
    if (this.#o.measure) this.#calibration.start(this.#catalogue.offers);
  }

  /**
   * The owner changed settings of the provider. What was measured is kept, and what did not run when it was tried is still
   * not offered.
   */
  configured(catalogue: Catalogue): void {
    for (const [template, served] of this.#catalogue.served) this.#formerly.set(template, served);
    this.#catalogue = keepingFindings(catalogue, this.#catalogue);
    this.calibrate();
    this.#o.onLoad();
    this.#runs.pump();
  }

  /** A pause began or is over: what runs stands still, or goes on. */
  pausesChanged(): void {
    this.#hold.set(this.#o.pauses.all.length > 0);
    this.#runs.hold();
    this.#handOver.set(this.#pending().filter((work) => this.#heldBy(work) !== null));
    this.#runs.pump();
    this.#calibration.next();
  }

  async switch(on: boolean): Promise<void> {
    // The first decision is written down also when it changes nothing: the owner has made it, and is not asked again.
    if (on === this.#view.state.on) return;
    await this.#o.journal.commit([{ type: 'provider.switched', on }]);
    this.#calibration.next();
    this.#o.onLoad();
  }

  /**
   * Takes no more work and waits, `drainMs` at most, for what runs and for results that a client who is there has yet to
   * fetch. What is not done by then fails with its client told.
   */
  async drain(drainMs: number): Promise<void> {
    this.#draining = true;
    if (this.#isInHand() && drainMs > 0) {
      await new Promise<void>((resolve) => {
        const cancel = this.#o.clock.after(drainMs, resolve);
        this.#drained = () => {
          cancel();
          resolve();
        };
      });
    }
    await Promise.all(this.#pending().map((work) => this.#fail(work, 'no-capacity', 'the provider is stopping')));
  }

  stop(): void {
    this.#leases.stop();
    this.#handOver.stop();
    this.#calibration.stop();
    this.#runs.stop();
  }

  /** What others asked since the start. */
  get demand(): DemandCounts {
    return this.#demand.counts();
  }

  async #noted(client: PeerId, what: 'quote' | 'assignment', answer: Promise<AnyMessage>): Promise<AnyMessage> {
    if (client === this.#o.signer.peerId) return answer;
    this.#demand.asked(client, what);
    const said = await answer;
    if (said.type === 'job.decline' || said.type === 'shard.decline')
      this.#demand.declined(said.body.code, said.body.message);
    return said;
  }

  // ——— asked for a price ———

  async #quote(client: PeerId, body: MessageBody<'job.quote'>): Promise<AnyMessage> {
    const { config, clock, random, signer, payment } = this.#o;
    const decline = (reason: Decline): AnyMessage => ({ type: 'job.decline', body: { jobId: body.jobId, ...reason } });
    const limits = limitsFor(client, config);
    const refusal = judgeClient(client, signer.peerId, this.#open(client));
    if (refusal !== null) return decline(refusal);
    const served = this.#catalogue.served.get(body.template);
    if (served === undefined) return decline(notServed(this.#formerly.has(body.template)));
    if (!served.models.includes(body.model))
      return decline({ code: 'model-missing', message: 'this node does not serve this model' });
    if (body.itemsPerShard > limits.itemsPerShardMax) {
      return decline({ code: 'requirements', message: `a shard has at most ${limits.itemsPerShardMax} items here` });
    }
    const own = client === signer.peerId;
    const shardMicro = priceOf(served.price, Math.min(body.itemsPerShard, body.items));
    if (!own) {
      // What its own vouchers will make room for is no reason to wait with a quote.
      const credit = payment.admits(client, { priceMicro: shardMicro, shardMicro });
      if (!credit.ok && credit.retryAfterMs > quoteAnywayMs) return decline(creditDecline(credit));
    }
    const quote: Quote = {
      v: 1,
      quoteId: idOf(random.bytes(16)),
      provider: signer.peerId,
      client,
      jobId: body.jobId,
      template: body.template,
      model: body.model,
      price: own ? { shardMicro: '0', itemMicro: '0' } : served.price,
      inFlightMax: limits.inFlightMax,
      runsMax: config.runsMax,
      creditLimitMicro: payment.creditLimitOf(client, shardMicro).limitMicro,
      expiresAt: clock.now() + config.quoteTtlMs,
    };
    return { type: 'job.offer', body: { quote: signBody(signer, 'quote', quote) } };
  }

  // ——— given work ———

  async #assign(client: PeerId, body: MessageBody<'shard.assign'>): Promise<AnyMessage> {
    const { replicaId } = body;
    const work = this.#view.state.work[replicaId];
    if (work !== undefined && work.client !== client) {
      // Ids are made by clients, and those who compute the same shard can guess them.
      const message = 'another client uses this replica id; the next attempt has another';
      return { type: 'shard.decline', body: { replicaId, code: 'no-capacity', message } };
    }
    const answer = await (work === undefined ? this.#admit(client, body) : this.#presentState(work));
    const admitted = this.#view.state.work[replicaId];
    if (admitted !== undefined) this.#watch(admitted);
    return answer;
  }

  #room(client: PeerId, body: MessageBody<'shard.assign'>): Room {
    const { payment, signer } = this.#o;
    const pending = this.#pending();
    return {
      ...this.#open(client),
      pending: pending.length,
      storedBytes: this.#view.state.storedBytes,
      pendingOfClient: pending.filter((work) => work.client === client).length,
      credit: client === signer.peerId ? { ok: true } : payment.admits(client, creditWish(body)),
    };
  }

  /** What decides on a client whatever it brings. */
  #open(client: PeerId): Pick<Room, 'on' | 'draining' | 'paused' | 'hourFreeInMs' | 'config'> {
    const { config, clock } = this.#o;
    const { shardsPerHourMax } = limitsFor(client, config);
    const freeInMs =
      shardsPerHourMax === null ? 0 : hourFreeInMs(this.#hours.state, client, clock.now(), shardsPerHourMax);
    const paused = this.#o.pauses.against(client === this.#o.signer.peerId);
    return { on: this.on, draining: this.#draining, paused, hourFreeInMs: freeInMs, config };
  }

  /** In the state before anything is awaited: of two assignments of one moment, the second finds the first. */
  async #admit(client: PeerId, body: MessageBody<'shard.assign'>): Promise<AnyMessage> {
    const { clock, journal, payment, signer, verifier } = this.#o;
    const own = client === signer.peerId;
    const { quote, replicaId, jobId, payload, priceMicro } = body;
    const declined = (reason: Decline): AnyMessage => ({ type: 'shard.decline', body: { replicaId, ...reason } });
    const refusal = judgeAssignment(client, body, {
      ...this.#room(client, body),
      now: clock.now(),
      served: this.#catalogue.served.get(quote.body.template),
      unserved: notServed(this.#formerly.has(quote.body.template)),
      ownPeer: signer.peerId,
      quoteIsOurs: quote.by === signer.peerId && isSigned(verifier, 'quote', quote),
    });
    if (refusal !== null || payload.type !== 'plain')
      return declined(refusal ?? { code: 'policy', message: 'sealed payloads come with a later version' });

    const { inputs, itemSalt } = payload;
    const blob = payloads.ofInputs({
      replicaId,
      params: body.params,
      inputs,
      itemSalt,
      stream: body.stream ?? false,
      ...(body.prefixes === undefined ? {} : { prefixes: body.prefixes }),
      ...(body.kind.type === 'check' ? { claims: body.kind.claims } : {}),
    });
    const durable = journal.commit(
      [
        {
          type: 'work.admitted',
          replicaId,
          jobId,
          client,
          shardId: body.shardId,
          attempt: body.attempt,
          template: quote.body.template,
          model: quote.body.model,
          items: inputs.length,
          priceMicro,
          inputsHash: blob.hash,
          inputsBytes: blob.bytes.length,
          deadlineAt: body.deadlineAt,
          leaseMs: body.leaseMs,
          graceMs: body.graceMs,
          reveal: body.reveal,
          priority: body.priority,
        },
        ...(own ? [] : payment.extend({ replicaId, client, priceMicro })),
      ],
      [blob],
    );
    // It may begin while the disk is still writing: nobody hears of it before.
    this.#runs.pump();
    await durable;
    if (!own) this.#demand.took();
    this.#o.onLoad();
    return { type: 'shard.accept', body: { replicaId, state: 'queued', itemsDone: 0 } };
  }

  /** The answer to an assignment that is known already: what it says is durable, whoever committed it. */
  async #presentState(work: Work): Promise<AnyMessage> {
    const { replicaId } = work;
    await this.#o.journal.settled();
    if (work.state === 'committed' || work.state === 'revealed') void this.#sendCommit(work);
    if (work.failure !== null) return { type: 'shard.fail', body: this.#failBody(work, work.failure) };
    if (work.state === 'cancelled' || work.state === 'lost') {
      return {
        type: 'shard.fail',
        body: this.#failBody(work, { code: 'expired', reason: `the replica is ${work.state}` }),
      };
    }
    return { type: 'shard.accept', body: { replicaId, state: work.state, itemsDone: this.#runs.itemsDone(replicaId) } };
  }

  async #renew(client: PeerId, body: MessageBody<'lease.renew'>): Promise<AnyMessage> {
    const replicas = body.replicaIds.map((replicaId) => {
      const work = this.#view.state.work[replicaId];
      if (work === undefined || work.client !== client) return { replicaId, state: 'unknown' as const, itemsDone: 0 };
      this.#watch(work);
      return { replicaId, state: work.state, itemsDone: this.#runs.itemsDone(replicaId) };
    });
    return { type: 'lease.ack', body: { replicas } };
  }

  async #stopItem(client: PeerId, { replicaId, item }: MessageBody<'shard.stop'>): Promise<null> {
    const work = this.#ownedBy(client, replicaId);
    if (isPending(work)) this.#runs.stopItem(replicaId, item);
    return null;
  }

  async #cancel(client: PeerId, body: MessageBody<'shard.cancel'>): Promise<AnyMessage> {
    const { replicaId } = body;
    const work = this.#ownedBy(client, replicaId);
    if (isPending(work)) {
      await this.#end(
        work,
        [{ type: 'work.cancelled', replicaId, jobId: work.jobId, client }],
        'cancelled by its client',
      );
    }
    // Who signs that it will never claim anything has no claim in its books: results that a client saw and never judged
    // stay there.
    const isClaimed = ['committed', 'revealed', 'accepted'].includes(work.state) || this.#dropped(work, '').length > 0;
    await this.#o.journal.settled();
    return {
      type: 'shard.cancelled',
      body: { replicaId, state: work.state, release: isClaimed ? null : this.#release(replicaId) },
    };
  }

  // ——— commit and reveal ———

  async #sendCommit(work: Work): Promise<void> {
    const { commitment, resultHash, client, replicaId } = work;
    if (commitment === null || resultHash === null) return;
    this.#sending++;
    try {
      // A client that asks, or comes back, can be faster than the disk.
      await this.#o.journal.settled();
      const body: MessageBody<'shard.commit'> = { commitment };
      if (work.reveal === 'with-commit') {
        body.result = await this.#resultOf(work);
        await this.#markRevealed(work);
      }
      await this.#o.messenger.send(client, { type: 'shard.commit', body });
    } catch (error) {
      // The client asks for it when it is back, or the lease ends.
      this.#o.log.debug({ replicaId, error: textOf(error) }, 'a commitment could not be sent');
    } finally {
      this.#sending--;
      this.#idle();
    }
  }

  async #reveal(client: PeerId, body: MessageBody<'shard.reveal.request'>): Promise<AnyMessage> {
    const work = this.#ownedBy(client, body.replicaId);
    if (work.commitment === null)
      throw new MessageRefused('unknown-replica', `the replica is ${work.state}: there is nothing to reveal`);
    // Judged, its outputs are gone. Its client asks once more when it was restored from a backup.
    if (replicaMachine.isFinal(work.state)) throw new MessageRefused('unknown-replica', `the replica is ${work.state}`);
    const result = await this.#resultOf(work);
    await this.#markRevealed(work);
    await this.#o.journal.settled();
    this.#watch(work);
    this.#idle();
    return { type: 'shard.reveal', body: result };
  }

  async #resultOf(work: Work): Promise<MessageBody<'shard.reveal'>> {
    if (work.resultHash === null) throw new Error('no result');
    const { outputs, reveal } = await payloads.result(this.#o.journal, work.resultHash);
    return { replicaId: work.replicaId, outputs, reveal };
  }

  async #markRevealed(work: Work): Promise<void> {
    if (work.state !== 'committed') return;
    const { replicaId, jobId, client } = work;
    await this.#o.journal.commit([{ type: 'work.revealed', replicaId, jobId, client }]);
  }

  async #verdict(client: PeerId, body: MessageBody<'shard.verdict'>): Promise<AnyMessage> {
    const { payment, journal } = this.#o;
    const { replicaId, verdict } = body;
    const work = this.#view.state.work[replicaId];
    const answer: AnyMessage = { type: 'shard.verdict.ack', body: { replicaId } };
    // A verdict on what is settled and forgotten is acknowledged, so that the client need not repeat it.
    if (work === undefined || work.client !== client || replicaMachine.isFinal(work.state)) {
      await journal.settled();
      return answer;
    }
    if (!replicaMachine.allows(work.state, verdictEvents[verdict])) {
      throw new MessageRefused('bad-message', `a replica that is ${work.state} cannot be ${verdict}`);
    }
    const judged: NodeEvent = { type: 'work.judged', replicaId, jobId: work.jobId, client, verdict };
    const own = client === this.#o.signer.peerId;
    if (verdict === 'accepted') await this.#end(work, [judged, ...(own ? [] : payment.earn(client, replicaId))], null);
    else await this.#end(work, [judged], `verdict: ${verdict}`);
    return answer;
  }

  /** A voucher is the better verdict: it is repeated until it is acknowledged, and the word `accepted` is said once. */
  async #paid(client: PeerId, replicaId: ReplicaId): Promise<void> {
    const work = this.#view.state.work[replicaId];
    if (work === undefined || work.client !== client || !replicaMachine.allows(work.state, 'accept')) return;
    await this.#end(work, [{ type: 'work.judged', replicaId, jobId: work.jobId, client, verdict: 'accepted' }], null);
  }

  // ——— ends ———

  async #leasesEnded(replicaIds: readonly ReplicaId[]): Promise<void> {
    const works = replicaIds.flatMap((replicaId) => this.#view.state.work[replicaId] ?? []);
    const over = works.filter((work) => replicaMachine.isFinal(work.state));
    const ends = works.filter((work) => !replicaMachine.isFinal(work.state)).map((work) => this.#abandoned(work));
    if (over.length > 0)
      ends.push(
        this.#o.journal.commit([
          // Nobody can give a verdict on it any more; a voucher that comes late is still taken.
          ...over.flatMap((work) => this.#dropped(work, 'its client gave no verdict')),
          { type: 'work.forgotten', replicaIds: over.map(({ replicaId }) => replicaId) },
        ]),
      );
    await Promise.all(ends);
  }

  /** Why the work stands still, or null. */
  #heldBy({ client }: Work): string | null {
    return this.#o.pauses.against(client === this.#o.signer.peerId);
  }

  /** It has stood still for as long as its lease. */
  async #giveUp(replicaId: ReplicaId): Promise<void> {
    const work = this.#view.state.work[replicaId];
    const reason = work === undefined ? null : this.#heldBy(work);
    if (work === undefined || reason === null) return;
    await this.#fail(work, 'no-capacity', `held for ${work.leaseMs} ms, the length of its lease: ${reason}`);
  }

  /** Its client has said nothing for the whole lease. */
  #abandoned(work: Work): Promise<void> {
    const { replicaId, jobId, client } = work;
    if (isPending(work)) return this.#fail(work, 'expired', 'its client did not renew the lease');
    // What was revealed stays due until it is forgotten: its client may be back by then.
    if (work.state === 'revealed')
      return this.#end(work, [{ type: 'work.judged', replicaId, jobId, client, verdict: 'undecided' }], null);
    return this.#end(work, [{ type: 'work.lost', replicaId, jobId, client }], 'its client did not come back for it');
  }

  async #fail(work: Work, code: FailureCode, reason: string): Promise<void> {
    if (!isPending(work)) return;
    const { replicaId, jobId, client } = work;
    const dropped = this.#dropped(work, reason, code !== 'expired');
    await this.#end(work, [{ type: 'work.failed', replicaId, jobId, client, code, reason }, ...dropped], null);
    await this.#sendFail(work);
  }

  /**
   * Makes an end durable. The payloads are not needed any more; the work itself is kept for a while, for who asks.
   * @param dropped why it will not be paid; null = it is, or stays in the books, or `events` say it.
   */
  async #end(work: Work, events: readonly NodeEvent[], dropped: string | null): Promise<void> {
    this.#runs.cancel(work.replicaId);
    await this.#o.journal.commit([...events, ...(dropped === null ? [] : this.#dropped(work, dropped))]);
    await this.#over(work);
  }

  /** After an end is durable. */
  async #over(work: Work): Promise<void> {
    this.#watch(work);
    this.#o.onLoad();
    this.#runs.pump();
    this.#idle();
    try {
      await this.#o.store.deleteBlobs(blobsOf(work));
    } catch (error) {
      // Swept at the next start.
      this.#o.log.warn({ replicaId: work.replicaId, error: textOf(error) }, 'payloads could not be deleted');
    }
  }

  #failure(work: Work, code: FailureCode, reason: string): NodeEvent[] {
    const { replicaId, jobId, client } = work;
    return [{ type: 'work.failed', replicaId, jobId, client, code, reason }, ...this.#dropped(work, reason, true)];
  }

  async #sendFail(work: Work): Promise<void> {
    if (work.failure === null) return;
    try {
      await this.#o.messenger.send(work.client, { type: 'shard.fail', body: this.#failBody(work, work.failure) });
    } catch (error) {
      this.#o.log.debug(
        { replicaId: work.replicaId, error: textOf(error) },
        'a failure could not be told; the client will ask',
      );
    }
  }

  #failBody(work: Work, failure: { code: FailureCode; reason: string }): MessageBody<'shard.fail'> {
    return {
      replicaId: work.replicaId,
      code: failure.code,
      message: failure.reason,
      release: this.#release(work.replicaId),
    };
  }

  #release(replicaId: ReplicaId): SignedRelease {
    const { signer } = this.#o;
    return signBody(signer, 'release', { v: 1 as const, replicaId, provider: signer.peerId });
  }

  #dropped(work: Work, reason: string, isOwnFault = false): NodeEvent[] {
    const { client, replicaId, shown, state } = work;
    if (client === this.#o.signer.peerId) return [];
    const worked = state !== 'queued' && !isOwnFault;
    return this.#o.payment.drop(client, replicaId, reason, { shown, worked });
  }

  /** A client is back: what it may have missed is said again. */
  #returned(peer: PeerId): void {
    this.#runs.clientIsBack(peer);
    for (const work of Object.values(this.#view.state.work)) {
      if (work.client !== peer) continue;
      if (work.state === 'committed') void this.#sendCommit(work);
    }
  }

  #offer(catalogue: Catalogue): void {
    this.#catalogue = catalogue;
    this.#o.onOffers();
  }

  #idle(): void {
    if (this.#draining && !this.#isInHand()) this.#drained?.();
  }

  #isInHand(): boolean {
    const { state } = this.#view;
    if (Object.keys(state.pending).length > 0 || this.#sending > 0) return true;
    return Object.values(state.work).some(
      (work) => work.state === 'committed' && this.#o.messenger.channelOf(work.client) !== null,
    );
  }

  /** For what nobody waits for: a failure is logged, not thrown at the process. */
  #guard(done: Promise<void>): void {
    done.catch((error: unknown) => this.#o.log.warn({ error: textOf(error) }, 'work could not be ended in order'));
  }

  #watch(work: Work): void {
    this.#leases.watch(work.replicaId, isPending(work) ? work.leaseMs : work.leaseMs + work.graceMs);
  }

  #pending(): Work[] {
    const { work, pending } = this.#view.state;
    return Object.keys(pending).flatMap((replicaId) => work[replicaId] ?? []);
  }

  #next(isTaken: (replicaId: ReplicaId) => boolean): Work | null {
    const waiting = this.#pending().filter(
      (work) => work.state === 'queued' && !isTaken(work.replicaId) && this.#heldBy(work) === null,
    );
    return this.#fairQueue.take(waiting, this.#o.clock.now());
  }

  /** The own node's jobs wait as those of a client that owes nothing. */
  #standing(client: PeerId): Standing {
    const { payment, signer, config } = this.#o;
    if (client === signer.peerId) return { isStranger: false, creditUsed: 0 };
    const { paidMicro, unpaidMicro } = payment.paidBy(client);
    const limit = Number(payment.creditLimitOf(client).limitMicro);
    return {
      isStranger: micro.less(paidMicro, config.creditLimitMicro),
      creditUsed: limit === 0 ? 1 : Math.min(1, Number(unpaidMicro) / limit),
    };
  }

  #ownedBy(client: PeerId, replicaId: ReplicaId): Work {
    const work = this.#view.state.work[replicaId];
    if (work === undefined || work.client !== client)
      throw new MessageRefused('unknown-replica', `${replicaId} is not known here as yours`);
    return work;
  }

  /** Before a receipt is countersigned: does it say what happened? */
  #isOurWork(body: ReceiptBody): boolean {
    const work = this.#view.state.work[body.replicaId];
    return (
      work !== undefined &&
      body.kind === 'good' &&
      body.client === work.client &&
      body.jobId === work.jobId &&
      body.shardId === work.shardId &&
      body.template === work.template &&
      body.model === work.model &&
      body.items === work.items &&
      body.priceMicro === work.priceMicro &&
      work.commitment !== null &&
      body.digest === work.commitment.body.digest &&
      body.provider === this.#o.signer.peerId
    );
  }
}

/** The quote is judged besides: one that is not ours never gets as far as the credit. */
function creditWish({ quote, payload, priceMicro }: MessageBody<'shard.assign'>): CreditWish {
  const items = payload.type === 'plain' ? payload.inputs.length : 0;
  const { price, creditLimitMicro } = quote.body;
  return { priceMicro, shardMicro: priceOf(price, items), quotedMicro: creditLimitMicro };
}

function blobsOf({ inputsHash, resultHash }: Work): Sha256[] {
  return resultHash === null ? [inputsHash] : [inputsHash, resultHash];
}

function textOf(error: unknown): string {
  if (error instanceof PeerUnreachable) return error.message;
  return error instanceof Error ? error.message : String(error);
}
