/** Runs: takes work from the queue, as many at once as configured, and turns outputs into commitments. */
import type { NodeConfig } from '../config/schema.ts';
import type { Journal } from '../journal/index.ts';
import type { Messenger } from '../messaging/index.ts';
import type { Payment } from '../payment/index.ts';
import type { CheckOutcome, Clock, Executor, Logger, Random, RunOutcome, Signer } from '../ports/index.ts';
import {
  type Cid,
  canonicalBytes,
  commitmentDigest,
  type FailureCode,
  hashOf,
  itemHashesOf,
  type Json,
  type NodeEvent,
  normaliseOutput,
  outputsHashOf,
  type PeerId,
  protocolLimits,
  type ReplicaId,
  signBody,
  taskHashOf,
  toBase64Url,
} from '../protocol/index.ts';
import { CancelSwitch } from './cancel.ts';
import type { Served } from './catalogue.ts';
import { HoldSwitch } from './hold.ts';
import { payloads, type WorkInputs } from './payloads.ts';
import { isPending, type Work } from './state.ts';
import { StopSwitch } from './stop.ts';
import { TokenSender } from './token-sender.ts';

export interface RunsOptions {
  readonly journal: Journal;
  readonly messenger: Messenger;
  readonly payment: Payment;
  readonly executor: Executor;
  readonly clock: Clock;
  readonly random: Random;
  readonly signer: Signer;
  readonly log: Logger;
  readonly config: NodeConfig['provider'];
  work(replicaId: ReplicaId): Work | undefined;
  /** Takes the next one out of the queue; null when nothing waits. @param isTaken is not waiting any more. */
  next(isTaken: (replicaId: ReplicaId) => boolean): Work | null;
  served(template: Cid): Served | undefined;
  /** Is it to stand still for now? */
  isHeld(work: Work): boolean;
  onCommitted(work: Work): void;
  onFailed(work: Work): void;
  /** A run ended, well or not. */
  onIdle(): void;
}

interface Running {
  readonly signal: CancelSwitch;
  readonly stop: StopSwitch;
  readonly hold: HoldSwitch;
  /** Of a run whose client wants its tokens. */
  sender: TokenSender | null;
  itemsDone: number;
  toldAt: number;
}

const progressEveryMs = 200;

class RunFailure extends Error {
  readonly code: FailureCode;
  constructor(code: FailureCode, message: string) {
    super(message);
    this.code = code;
  }
}

export class Runs {
  readonly #o: RunsOptions;
  readonly #running = new Map<ReplicaId, Running>();
  /** Stops of work that still waits. */
  readonly #stops = new Map<ReplicaId, StopSwitch>();
  #stopped = false;

  constructor(options: RunsOptions) {
    this.#o = options;
  }

  get running(): number {
    return this.#running.size;
  }

  itemsDone(replicaId: ReplicaId): number {
    const work = this.#o.work(replicaId);
    if (work !== undefined && work.commitment !== null) return work.items;
    return this.#running.get(replicaId)?.itemsDone ?? 0;
  }

  /** Starts what may start. */
  pump(): void {
    // Without a log nothing can be committed, and what waits would begin again and again.
    if (this.#stopped || this.#o.journal.failed) return;
    while (this.#running.size < this.#o.config.runsMax) {
      const work = this.#o.next((replicaId) => this.#running.has(replicaId));
      if (work === null) return;
      const running: Running = {
        signal: new CancelSwitch(),
        stop: this.#stops.get(work.replicaId) ?? new StopSwitch(),
        hold: new HoldSwitch(),
        sender: null,
        itemsDone: 0,
        toldAt: this.#o.clock.elapsed(),
      };
      this.#stops.delete(work.replicaId);
      this.#running.set(work.replicaId, running);
      void this.#run(work, running);
    }
  }

  /** What is held may have changed. */
  hold(): void {
    for (const [replicaId, { hold }] of this.#running) {
      const work = this.#o.work(replicaId);
      if (work !== undefined) hold.set(this.#o.isHeld(work));
    }
  }

  cancel(replicaId: ReplicaId): void {
    this.#running.get(replicaId)?.signal.cancel();
    this.#stops.delete(replicaId);
  }

  /** Ends an item, or all, with what there is. Only of work that waits or runs. */
  stopItem(replicaId: ReplicaId, item: number | null): void {
    let stop = this.#running.get(replicaId)?.stop ?? this.#stops.get(replicaId);
    if (stop === undefined) {
      stop = new StopSwitch();
      this.#stops.set(replicaId, stop);
    }
    stop.stop(item);
  }

  /** A channel to a client came up: it may have missed tokens. */
  clientIsBack(client: PeerId): void {
    for (const [replicaId, { sender }] of this.#running) {
      if (this.#o.work(replicaId)?.client === client) sender?.again();
    }
  }

  stop(): void {
    this.#stopped = true;
    for (const { signal } of this.#running.values()) signal.cancel();
  }

  async #run(work: Work, running: Running): Promise<void> {
    try {
      await this.#runToCommitment(work, running);
    } catch (error) {
      await this.#failed(work, error);
    } finally {
      this.#running.delete(work.replicaId);
      this.#o.onIdle();
      this.pump();
    }
  }

  async #runToCommitment(work: Work, running: Running): Promise<void> {
    const { journal, executor, messenger, signer } = this.#o;
    const { replicaId, jobId, client } = work;
    const served = this.#o.served(work.template);
    if (served === undefined) throw new RunFailure('template-missing', 'the template is not served any more');
    const inputs = await payloads.inputs(journal, work.inputsHash);
    if (work.state !== 'queued') return;
    // Only tokens wait for it: the commitment's entry is behind it in the log.
    const started = journal.commit([{ type: 'work.started', replicaId, jobId, client }]);
    started.catch(() => undefined);
    const { template } = served.installed;
    const { prefixes, itemSalt } = inputs;
    const sender =
      inputs.stream && template.streaming
        ? new TokenSender({ messenger, signer, client, replicaId, itemSalt, prefixes: prefixes ?? [], started })
        : null;
    running.sender = sender;
    const request = {
      runId: replicaId,
      template: work.template,
      model: work.model,
      params: inputs.params,
      inputs: inputs.inputs,
      timeoutMs: template.resources.timeoutMs,
      hold: running.hold,
      onProgress: (itemsDone: number) => this.#progress(work, running, itemsDone),
    };
    if (inputs.claims !== undefined) {
      const checked = await executor.check({ ...request, claims: inputs.claims }, running.signal);
      await started;
      if (!isPending(work) || this.#stopped) return;
      await this.#commit(work, running, inputs, checksOf(work, checked));
      return;
    }
    const outcome = await executor.run(
      {
        ...request,
        stop: running.stop,
        ...(sender === null ? {} : { onToken: (piece) => sender.push(piece) }),
        ...(prefixes === undefined ? {} : { prefixes }),
      },
      running.signal,
    );
    await started;
    // Cancelled, or its lease ended, while it ran: that was decided elsewhere.
    if (!isPending(work) || this.#stopped) return;
    await this.#commit(work, running, inputs, this.#judge(work, outcome, served));
  }

  /** What the executor gave must be what the template promises. @throws RunFailure */
  #judge(work: Work, outcome: RunOutcome, served: Served): Json[] {
    if (!outcome.ok) throw new RunFailure(outcome.code === 'cancelled' ? 'internal' : outcome.code, outcome.message);
    if (outcome.outputs.length !== work.items) {
      throw new RunFailure('container', `the runner gave ${outcome.outputs.length} outputs for ${work.items} inputs`);
    }
    const outputs = outcome.outputs.map((output) => normaliseOutput(served.installed.template.verifier, output));
    for (const [index, output] of outputs.entries()) {
      const fault = served.checkOutput(output);
      if (fault !== null) throw new RunFailure('container', `output ${index}: ${fault}`);
    }
    const bytes = canonicalBytes(outputs).length;
    if (bytes > protocolLimits.inlineBytesMax) {
      throw new RunFailure(
        'bad-input',
        `the outputs have ${bytes} bytes; at most ${protocolLimits.inlineBytesMax} (inlineBytesMax) travel inside a message: use smaller shards`,
      );
    }
    return outputs;
  }

  async #commit(work: Work, { stop, sender }: Running, given: WorkInputs, outputs: Json[]): Promise<void> {
    const { journal, signer, clock, random } = this.#o;
    const { replicaId, jobId, shardId, client } = work;
    const salt = toBase64Url(random.bytes(16));
    const outputsHash = outputsHashOf(itemHashesOf(given.itemSalt, outputs));
    const digest = commitmentDigest({ jobId, shardId, replicaId, peerId: signer.peerId }, outputsHash, salt);
    const shown = sender?.end(outputs);
    const stopped = outputs.flatMap((output, item) => (stop.isStopped(item) && wasStopped(output) ? [item] : []));
    const taskHash = taskHashOf({
      template: work.template,
      model: work.model,
      params: given.params,
      inputsHash: hashOf(given.inputs),
      itemSalt: given.itemSalt,
      prefixes: given.prefixes,
      stopped,
      claims: given.claims,
    });
    const reveal = signBody(signer, 'reveal', { v: 1 as const, replicaId, digest, outputsHash, salt });
    const blob = payloads.ofResult({ outputs, reveal });
    const commitment = signBody(signer, 'commitment', {
      v: 1 as const,
      jobId,
      shardId,
      replicaId,
      peerId: signer.peerId,
      taskHash,
      digest,
      at: clock.now(),
      ...(stopped.length === 0 ? {} : { stopped }),
      ...(shown === undefined ? {} : { shown }),
    });
    const events: NodeEvent[] = [
      {
        type: 'work.committed',
        replicaId,
        jobId,
        client,
        commitment,
        resultHash: blob.hash,
        resultBytes: blob.bytes.length,
      },
    ];
    // The result leaves together with the commitment.
    if (work.reveal === 'with-commit') events.push({ type: 'work.revealed', replicaId, jobId, client });
    await journal.commit(events, [blob]);
    this.#o.onCommitted(work);
  }

  async #failed(work: Work, error: unknown): Promise<void> {
    if (this.#stopped || !isPending(work)) return;
    const { journal, payment, signer, log } = this.#o;
    const { replicaId, jobId, client } = work;
    const code = error instanceof RunFailure ? error.code : 'internal';
    const reason = (error instanceof Error ? error.message : String(error)).slice(0, 500);
    log.warn({ replicaId, code, reason }, 'a run failed');
    const dropped =
      client === signer.peerId ? [] : payment.drop(client, replicaId, reason, { shown: false, worked: false });
    try {
      await journal.commit([{ type: 'work.failed', replicaId, jobId, client, code, reason }, ...dropped]);
    } catch {
      // The journal has stopped, and with it the node.
      return;
    }
    this.#o.onFailed(work);
  }

  #progress(work: Work, running: Running, itemsDone: number): void {
    running.itemsDone = itemsDone;
    const now = this.#o.clock.elapsed();
    if (now - running.toldAt < progressEveryMs || !isPending(work)) return;
    running.toldAt = now;
    const { replicaId, items, client } = work;
    // Only for show: a lost one is made up for by the next lease.ack.
    this.#o.messenger
      .send(client, { type: 'shard.progress', body: { replicaId, itemsDone, itemsTotal: items } })
      .catch(() => undefined);
  }
}

/** @throws RunFailure */
function checksOf({ items }: Work, outcome: CheckOutcome): Json[] {
  if (!outcome.ok) throw new RunFailure(outcome.code === 'cancelled' ? 'internal' : outcome.code, outcome.message);
  if (outcome.checks.length !== items)
    throw new RunFailure('container', `the runner gave ${outcome.checks.length} checks for ${items} inputs`);
  return outcome.checks.map((check) => ({ ...check }));
}

/** Outputs of templates that stream say why they ended. */
function wasStopped(output: Json): boolean {
  return output !== null && typeof output === 'object' && !Array.isArray(output) && output['finish'] === 'stopped';
}
