/** The life of single replicas on the wire: assigned, sent, declined, failed, cancelled, lost, told the verdict. */
import { MessageRefused, PeerUnreachable } from '../messaging/index.ts';
import type { StoredBlob } from '../ports/index.ts';
import {
  copiesOf,
  type FailureCode,
  hashOf,
  isSampled,
  isSigned,
  type Json,
  type MessageBody,
  type NodeEvent,
  type ReplicaId,
  replicaIdOf,
  replicaMachine,
  type Sha256,
  type SignedRelease,
  type TokenClaim,
  type Verdict,
} from '../protocol/index.ts';
import type { ClaimedAnswer } from '../verification/index.ts';
import type { DrawnCanary } from './canaries.ts';
import type { Choice } from './choose.ts';
import type { AggregatorContext } from './context.ts';
import type { Quotes } from './quotes.ts';
import { accusedOf, type Job, type Replica, type Role, type Shard } from './state.ts';
import { drawTrap } from './traps.ts';

export class Assignments {
  readonly #c: AggregatorContext;
  readonly #quotes: Quotes;
  readonly #changed: (replica: Replica) => void;

  constructor(context: AggregatorContext, quotes: Quotes, changed: (replica: Replica) => void) {
    this.#c = context;
    this.#quotes = quotes;
    this.#changed = changed;
  }

  /** Chosen and paid for out of the budget, before anything leaves. @returns the id, and when it is durable. */
  assign(
    job: Job,
    shard: Shard,
    role: Role,
    choice: Choice,
    prefixesFor: (replicaId: ReplicaId) => StoredBlob | null,
    drawn: DrawnCanary | null = null,
    claims: readonly ClaimedAnswer[] | null = null,
  ): { replicaId: ReplicaId; durable: Promise<void> } {
    const { clock, config, journal, payment, liveness } = this.#c;
    const { jobId } = job;
    const { shardId } = shard;
    const { provider, priceMicro, terms, quote, others } = choice;
    const attempt = this.#attempt(job, shard);
    const replicaId = replicaIdOf(shardId, attempt, provider);
    const deadlineAt = Math.min(clock.now() + config.replicaMs, job.deadlineAt);
    const prefixes = prefixesFor(replicaId);
    const checks = shard.auditBy === 'check' ? accusedOf(shard)?.replicaId : undefined;
    // All copies of a shard are given the same, so that they can be compared.
    const canary = drawn?.canary ?? shard.canary;
    const trap = checks === undefined || claims === null ? null : drawTrap(this.#c, job, provider, claims);
    const events: NodeEvent[] = [];
    if (job.quotes[provider]?.body.quoteId !== quote.body.quoteId) events.push({ type: 'quote.taken', jobId, quote });
    events.push({
      type: 'replica.assigned',
      jobId,
      shardId,
      replicaId,
      provider,
      attempt,
      role,
      priceMicro,
      deadlineAt,
      terms,
      ...(others.length === 0 ? {} : { others: [...others] }),
      ...(prefixes === null ? {} : { prefixesHash: prefixes.hash }),
      ...(checks === undefined ? {} : { checks }),
      ...(canary === undefined ? {} : { canary }),
      ...(trap === null ? {} : { trap }),
    });
    if (role !== 'own-node') events.push(...payment.reserve({ jobId, replicaId, payee: provider, priceMicro }));
    liveness.expect(provider);
    const blobs = [prefixes, drawn?.blob ?? null].filter((blob) => blob !== null);
    return { replicaId, durable: journal.commit(events, blobs) };
  }

  /** A second attempt at the shard of a sampled policy would be known for a check by its number. */
  #attempt({ job: { policy } }: Job, { replicas }: Shard): number {
    if (!isSampled(policy)) return replicas.length + 1;
    const taken = new Set(replicas.map(({ attempt }) => attempt));
    for (;;) {
      const [high = 0, low = 0] = this.#c.random.bytes(2);
      const attempt = 1 + high * 256 + low;
      if (!taken.has(attempt)) return attempt;
    }
  }

  inputsHash(inputs: readonly Json[]): Sha256 {
    return hashOf(inputs);
  }

  /** Sends, or asks again: the provider answers with the replica's present state. */
  async send(
    job: Job,
    replica: Replica,
    given: {
      inputs: readonly Json[];
      itemSalt: string;
      prefixes: readonly number[][] | undefined;
      claims: TokenClaim[] | undefined;
    },
  ): Promise<void> {
    const { inputs, itemSalt, prefixes, claims } = given;
    const { messenger, config } = this.#c;
    const quote = job.quotes[replica.provider];
    if (quote === undefined) throw new Error(`no quote of ${replica.provider}`);
    const { replicaId, jobId, shardId, attempt, priceMicro, deadlineAt } = replica;
    try {
      const answer = await messenger.request(
        replica.provider,
        {
          type: 'shard.assign',
          body: {
            replicaId,
            jobId,
            shardId,
            attempt,
            kind: claims === undefined ? { type: 'run' } : { type: 'check', claims },
            quote,
            params: job.job.params,
            payload: { type: 'plain', inputs: [...inputs], itemSalt },
            inputsHash: this.inputsHash(inputs),
            priceMicro,
            deadlineAt,
            leaseMs: config.leaseMs,
            graceMs: config.graceMs,
            reveal: replica.role === 'own-node' || copiesOf(job.job.policy) === 1 ? 'with-commit' : 'on-request',
            priority: job.job.priority,
            ...(job.job.stream && claims === undefined ? { stream: true } : {}),
            ...(prefixes === undefined ? {} : { prefixes: [...prefixes] }),
          },
        },
        ['shard.accept', 'shard.decline', 'shard.fail'],
      );
      switch (answer.type) {
        case 'shard.accept':
          await this.#started(replica);
          break;
        case 'shard.decline':
          await this.#declined(replica, answer.body.code, answer.body.message, answer.body.retryAfterMs);
          break;
        case 'shard.fail':
          await this.failed(replica, answer.body);
          break;
      }
    } catch (error) {
      // Silence is the failure detector's matter; it asks again as long as there is hope.
      if (error instanceof PeerUnreachable) this.#quotes.unreachable(replica.provider);
      // An error instead of an answer: it did not take the replica.
      else if (error instanceof MessageRefused) await this.#declined(replica, 'internal', error.message, undefined);
      else throw error;
    }
  }

  /** @throws MessageRefused when its provider keeps a claim. */
  async failed(replica: Replica, { code, message, release }: MessageBody<'shard.fail'>): Promise<void> {
    if (!this.#isRelease(replica, release))
      throw new MessageRefused('bad-signature', 'a failure carries a release signed by its provider');
    if (!replicaMachine.allows(replica.state, 'fail')) return;
    const { jobId, shardId, replicaId, provider } = replica;
    const reason = message.slice(0, 500);
    await this.#commit(replica, [
      { type: 'replica.failed', jobId, shardId, replicaId, provider, code, reason },
      ...this.#release(replica, `failed: ${code}`),
      ...(code === 'no-capacity' || replica.role === 'own-node'
        ? []
        : this.#c.reputation.note(provider, 'failed', replicaId)),
    ]);
    this.#quotes.declined(provider, code === 'no-capacity' ? code : 'internal', reason, undefined);
  }

  /** Gone without a word. Its price stays reserved until nobody can claim it any more. */
  async lose(replica: Replica, reason: string, isItsFault = true): Promise<void> {
    if (!replicaMachine.allows(replica.state, 'lose')) return;
    const { jobId, shardId, replicaId, provider, deadlineAt, commitment } = replica;
    const committed = commitment !== null;
    await this.#commit(replica, [
      {
        type: 'replica.lost',
        jobId,
        shardId,
        replicaId,
        provider,
        reason,
        committed,
        holdUntil: deadlineAt + this.#c.config.graceMs,
      },
      ...(replica.role === 'own-node' || !isItsFault
        ? []
        : this.#c.reputation.note(provider, committed ? 'no-reveal' : 'lost', replicaId)),
    ]);
  }

  /** Asks for a release. If the provider has committed meanwhile, its result is judged like any other. */
  async cancel(replica: Replica, reason: string): Promise<void> {
    const { messenger, config, clock, journal } = this.#c;
    const { replicaId, provider } = replica;
    // Why it is not needed any more may still be on its way to the disk.
    await journal.settled();
    const pause = () => new Promise<void>((resolve) => clock.after(config.leaseRenewMs, resolve));
    try {
      const { body } = await messenger.request(
        provider,
        { type: 'shard.cancel', body: { replicaId, reason: reason.slice(0, 500) } },
        ['shard.cancelled'],
        config.suspectMs,
      );
      if (this.#isRelease(replica, body.release)) await this.#cancelled(replica);
      // Committed: the commitment is on its way; the query brings it if it was lost.
      else await pause();
    } catch (error) {
      if (error instanceof PeerUnreachable)
        return this.lose(replica, 'cancelled, and its provider could not be told', false);
      if (!(error instanceof MessageRefused)) throw error;
      // It never heard of the replica: nothing to release.
      if (error.code === 'unknown-replica') await this.#cancelled(replica);
      else await pause();
    }
  }

  /** The provider's signed word that it will never claim anything for a replica. */
  #isRelease(replica: Replica, release: SignedRelease | null): boolean {
    return (
      release !== null &&
      release.by === replica.provider &&
      release.body.replicaId === replica.replicaId &&
      isSigned(this.#c.verifier, 'release', release)
    );
  }

  async undecidable(replica: Replica): Promise<void> {
    const { jobId, shardId, replicaId, provider } = replica;
    if (!replicaMachine.allows(replica.state, 'leave-undecided')) return;
    await this.#commit(replica, [
      {
        type: 'replica.judged',
        jobId,
        shardId,
        replicaId,
        provider,
        verdict: 'undecided',
        itemsWrong: 0,
        reason: 'its result was lost on this computer’s disk',
        evidence: null,
      },
      ...this.#release(replica, 'its result was lost on the client’s disk'),
    ]);
  }

  /** Tells an accepted verdict at once; the others are repeated until acknowledged (`verdicts.ts`). */
  tell(job: Job, replica: Replica, verdict: Verdict): void {
    if (verdict !== 'accepted') return;
    const { replicaId, provider } = replica;
    const { policy } = job.job;
    this.#c.messenger
      .request(provider, { type: 'shard.verdict', body: { replicaId, verdict, policy, evidence: null } }, [
        'shard.verdict.ack',
      ])
      // The voucher says the same, and is repeated.
      .catch(() => undefined);
  }

  async #started(replica: Replica): Promise<void> {
    if (replica.state !== 'assigned') return;
    const { jobId, shardId, replicaId, provider } = replica;
    await this.#commit(replica, [{ type: 'replica.started', jobId, shardId, replicaId, provider }]);
  }

  async #declined(
    replica: Replica,
    code: FailureCode,
    message: string,
    retryAfterMs: number | undefined,
  ): Promise<void> {
    const { jobId, shardId, replicaId, provider } = replica;
    this.#quotes.declined(provider, code, message, retryAfterMs);
    if (!replicaMachine.allows(replica.state, 'decline')) return;
    await this.#commit(replica, [
      { type: 'replica.declined', jobId, shardId, replicaId, provider, code, reason: message.slice(0, 500) },
      ...this.#release(replica, `declined: ${code}`),
    ]);
  }

  async #cancelled(replica: Replica): Promise<void> {
    if (!replicaMachine.allows(replica.state, 'cancel')) return;
    const { jobId, shardId, replicaId, provider } = replica;
    await this.#commit(replica, [
      { type: 'replica.cancelled', jobId, shardId, replicaId, provider },
      ...this.#release(replica, 'cancelled; released by its provider'),
    ]);
  }

  #release(replica: Replica, reason: string): NodeEvent[] {
    return replica.role === 'own-node' ? [] : this.#c.payment.release(replica.replicaId, reason.slice(0, 500));
  }

  async #commit(replica: Replica, events: readonly NodeEvent[]): Promise<void> {
    await this.#c.journal.commit(events);
    this.#changed(replica);
  }
}
