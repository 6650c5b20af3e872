/** Commitments and reveals of one job: checked at the door, durable before anything follows from them. */
import { MessageRefused } from '../messaging/index.ts';
import { isSigned, type MessageBody, type ReplicaId, replicaMachine, type Task } from '../protocol/index.ts';
import { tokenClaims } from './claims.ts';
import type { Judging } from './judging.ts';
import { payloads, type Revealed } from './payloads.ts';
import { checkReveal } from './reveal.ts';
import type { RunningJob } from './running-job.ts';
import { itemsOf, type Replica } from './state.ts';
import { isStopped } from './stopping.ts';

export class Reveals {
  readonly #r: RunningJob;
  readonly #judging: Judging;
  /** Monotonic time at which a replica was first asked to reveal. */
  readonly #askedAt = new Map<ReplicaId, number>();

  constructor(running: RunningJob, judging: Judging) {
    this.#r = running;
    this.#judging = judging;
  }

  /** In memory at once; resolves when durable. @throws MessageRefused when the commitment is not its provider's word on this replica. */
  async committed(replica: Replica, body: MessageBody<'shard.commit'>): Promise<{ durable: Promise<void> }> {
    const prefixes = await this.#r.prefixesOf(replica);
    const answers = await this.#r.claimsFor(replica);
    // From here to the commit nothing comes between: the same may be said twice at once.
    if (replica.state !== 'assigned' && replica.state !== 'running') return { durable: Promise.resolve() };
    const claims = answers == null ? undefined : tokenClaims(answers);
    const fault = this.#commitmentFault(replica, body, { prefixes: prefixes ?? undefined, claims });
    if (fault !== null) throw new MessageRefused('bad-signature', fault);
    const { jobId, shardId, replicaId, provider } = replica;
    const { commitment } = body;
    const durable = this.#r.context.journal.commit([
      { type: 'replica.committed', jobId, shardId, replicaId, provider, commitment },
    ]);
    this.#r.stragglers.ended(replica);
    this.#r.quotes.worked(provider);
    return { durable };
  }

  #commitmentFault(
    replica: Replica,
    { commitment }: MessageBody<'shard.commit'>,
    given: Pick<Task, 'prefixes' | 'claims'>,
  ): string | null {
    const { body } = commitment;
    const { job } = this.#r;
    const shard = this.#r.shardOf(replica);
    const stopped = body.stopped ?? [];
    const isWanted = stopped.every((item) => job !== undefined && isStopped(job, (shard?.start ?? 0) + item));
    if (!isWanted) return 'it stopped what nobody had stopped';
    const task = this.#r.taskHash(replica, { ...given, stopped });
    if (commitment.by !== replica.provider || body.peerId !== replica.provider)
      return 'the commitment is by another peer';
    if (body.jobId !== replica.jobId || body.shardId !== replica.shardId || body.replicaId !== replica.replicaId) {
      return 'the commitment is about another replica';
    }
    if (task === null || body.taskHash !== task) return 'the commitment is about another task';
    return isSigned(this.#r.context.verifier, 'commitment', commitment)
      ? null
      : 'the commitment’s signature does not verify';
  }

  async ask(replica: Replica): Promise<void> {
    const { messenger, config, clock, journal } = this.#r.context;
    const { replicaId } = replica;
    const askedAt = this.#askedAt.get(replicaId) ?? clock.elapsed();
    this.#askedAt.set(replicaId, askedAt);
    try {
      // The commitments of all copies are durable before any of them is opened.
      await journal.settled();
      const answer = await messenger.request(
        replica.provider,
        { type: 'shard.reveal.request', body: { replicaId } },
        ['shard.reveal'],
        config.revealMs,
      );
      await this.take(replica, answer.body);
    } catch (error) {
      if (this.#r.stopped) return;
      const refused = error instanceof MessageRefused && error.code === 'unknown-replica';
      // However lively it is otherwise: who renews its lease and does not reveal would hold the shard for ever.
      const late = clock.elapsed() - askedAt >= config.revealMs;
      if (refused || late)
        await this.#r.assignments.lose(replica, 'its provider did not reveal what it had committed to');
      else await new Promise<void>((resolve) => clock.after(config.leaseRenewMs, resolve));
    }
    if (replicaMachine.isFinal(replica.state) || replica.state === 'revealed') this.#askedAt.delete(replicaId);
  }

  /** @throws MessageRefused when it does not open the commitment. */
  async take(replica: Replica, result: MessageBody<'shard.reveal'>): Promise<void> {
    const { context, template, inputs } = this.#r;
    const shard = this.#r.shardOf(replica);
    const { commitment } = replica;
    if (replica.state !== 'committed' || commitment === null) return;
    if (shard === undefined || template === null || inputs === null) return;
    const answers = await this.#r.claimsFor(replica);
    if (replica.state !== 'committed') return;
    const { verifier } = context;
    const check = checkReveal(replica, commitment, result, {
      verifier,
      template,
      itemSalt: inputs.itemSalt,
      items: itemsOf(shard),
      claims: answers,
    });
    if (check.kind === 'bad') {
      await this.#judging.disregard(replica, shard, check.reason);
      return;
    }
    if (check.kind === 'mismatch') {
      await this.#judging.reject(replica, shard, check.opening);
      throw new MessageRefused('commitment-mismatch', 'the revealed outputs and salt do not hash to the commitment');
    }
    const streamed = this.#r.shown.check(replica, commitment, check.outputs);
    if (streamed.kind === 'bad') {
      await this.#judging.disregard(replica, shard, streamed.reason);
      return;
    }
    if (streamed.kind === 'mismatch') {
      await this.#judging.reject(replica, shard, check.opening, streamed.stream);
      throw new MessageRefused('commitment-mismatch', 'what was shown is not what was committed to');
    }
    const { outputs, opening } = check;
    const { jobId, shardId, replicaId, provider } = replica;
    const revealed: Revealed = { replicaId, outputs, opening };
    const blob = payloads.ofRevealed(revealed);
    this.#r.revealed.set(replicaId, revealed);
    const { outputsHash } = opening.reveal.body;
    await this.#r.commitFor(
      shard,
      [{ type: 'replica.revealed', jobId, shardId, replicaId, provider, resultHash: blob.hash, outputsHash }],
      [blob],
    );
  }
}
