/**
 * What the owner of a job sees of its answers while they are made: tokens of one replica of each shard, provisional until
 * the verdict. Kept in memory alone: tokens never go to the log, and after a kill nothing counts as shown.
 *
 * All replicas of a job that streams send their tokens; one of them, the primary, is shown. When it is lost, another one goes on
 * where it ended if it says the same, and else what was shown is marked as restarted. A job whose shards have one copy
 * gives the new provider the shown tokens to begin with; where copies are compared each makes its own text.
 *
 * So at any time what the owner has seen of an item is what some replica has streamed, and when the shard is accepted it is
 * a prefix of the answer, or was marked as replaced (I10).
 */
import { MessageRefused } from '../messaging/index.ts';
import {
  contradicts,
  type Id,
  type Json,
  type MessageBody,
  type ReplicaId,
  type SignedCommitment,
  type SignedStreamHead,
  z,
} from '../protocol/index.ts';
import type { AggregatorContext, KnownTemplate, Shows } from './context.ts';
import type { Job, Replica, Shard } from './state.ts';
import { beginsWith, nothing, StreamedItem, type Text } from './streamed-item.ts';

/** In an assignment, over all its items: more would not fit into a frame with the inputs. */
const prefixTokensMax = 32_768;

/** What outputs of templates that stream have. */
const Streamed = z.object({ tokenIds: z.array(z.int()), text: z.string() });

export type StreamCheck =
  | { readonly kind: 'good' }
  /** It signed that it showed something else than it committed to: evidence against it. */
  | { readonly kind: 'mismatch'; readonly stream: SignedStreamHead }
  /** No proof of anything, but no answer either. */
  | { readonly kind: 'bad'; readonly reason: string };

interface ShownItem {
  tokens: number[];
  text: string;
  /** Who said it last. */
  by: Replica;
}

interface ShownShard {
  primary: Replica | null;
  readonly items: Map<number, ShownItem>;
}

/** What it needs to know of the job. */
export interface StreamingJob {
  readonly context: AggregatorContext;
  readonly jobId: Id;
  readonly job: Job | undefined;
  readonly inputs: { readonly itemSalt: string } | null;
  readonly template: KnownTemplate | null;
}

export class Shown {
  readonly #r: StreamingJob;
  readonly #shards = new Map<number, ShownShard>();
  readonly #streams = new Map<ReplicaId, Map<number, StreamedItem>>();
  /** What replicas were given to begin with. */
  readonly #given = new Map<ReplicaId, readonly Text[]>();
  /** They broke the rules of streaming: what they say is not shown any more. */
  readonly #faulty = new Set<ReplicaId>();

  constructor(running: StreamingJob) {
    this.#r = running;
  }

  /** @throws MessageRefused for a piece that breaks the rules. */
  take(replica: Replica, shard: Shard, body: MessageBody<'shard.token'>): void {
    const { inputs, job, context } = this.#r;
    const { replicaId, provider } = replica;
    if (inputs === null || job?.job.stream !== true || this.#faulty.has(replicaId)) return;
    // Late ones, of a channel that broke, say nothing new.
    if (replica.state !== 'assigned' && replica.state !== 'running') return;
    // What it was given is not known any more after a restart.
    if (replica.prefixesHash !== undefined && !this.#given.has(replicaId)) return;
    const { item } = body;
    const streams = this.#streams.get(replicaId) ?? new Map<number, StreamedItem>();
    this.#streams.set(replicaId, streams);
    const prefix = this.#given.get(replicaId)?.[item] ?? nothing;
    const stream = streams.get(item) ?? new StreamedItem(inputs.itemSalt, item, prefix);
    const fault =
      item < shard.count ? stream.take(provider, context.verifier, body) : `there is no item ${item} in the shard`;
    if (fault !== null) {
      this.#faulty.add(replicaId);
      this.attend(shard);
      throw new MessageRefused('bad-message', `shard.token: ${fault}`);
    }
    streams.set(item, stream);
    const shown = this.#shardOf(shard);
    shown.primary ??= replica;
    if (shown.primary === replica) this.#show(shard, shown, item, replica, stream);
    else if (context.liveness.isSuspect(shown.primary.provider)) this.attend(shard);
  }

  /** Is the primary lost? Then another one is shown. */
  attend(shard: Shard): void {
    const shown = this.#shards.get(shard.index);
    if (shown === undefined || shard.state !== 'open') return;
    const { primary } = shown;
    if (primary !== null && this.#isLive(primary)) return;
    const next = shard.replicas
      .filter((replica) => replica !== primary && this.#isLive(replica) && this.#streams.has(replica.replicaId))
      .sort((a, b) => this.#progress(b) - this.#progress(a));
    // One that says the same, and more, needs no restart; and a primary that is only silent is kept while there is no other.
    const best = next.find((replica) => this.#agrees(shown, replica)) ?? next[0] ?? null;
    if (best === null && primary !== null && this.#isWorking(primary) && !this.#faulty.has(primary.replicaId)) return;
    shown.primary = best;
    if (best === null) return;
    for (const [item, stream] of this.#streams.get(best.replicaId) ?? []) this.#show(shard, shown, item, best, stream);
  }

  /** Tokens that a new replica has to begin with, per item; null when there are none, or none may be forced. */
  prefixesFor(shard: Shard): readonly Text[] | null {
    const items = this.#shards.get(shard.index)?.items;
    if (items === undefined || this.#r.template?.template.streaming !== true) return null;
    const texts = Array.from({ length: shard.count }, (_, item): Text => {
      const shown = items.get(item);
      // What a liar has shown, or was not believed, is no beginning for anybody.
      const isDoubted = shown === undefined || this.#faulty.has(shown.by.replicaId) || isJudged(shown.by);
      return isDoubted ? nothing : { tokens: [...shown.tokens], text: shown.text };
    });
    const count = texts.reduce((sum, { tokens }) => sum + tokens.length, 0);
    return count > 0 && count <= prefixTokensMax ? texts : null;
  }

  given(replicaId: ReplicaId, prefixes: readonly Text[]): void {
    this.#given.set(replicaId, prefixes);
  }

  /** Tokens of an item that the owner has seen. */
  tokensShown(shard: Shard, item: number): number {
    return this.#shards.get(shard.index)?.items.get(item)?.tokens.length ?? 0;
  }

  /** Tokens of an item that a replica has, those that it was given among them. */
  tokensOf({ replicaId }: Replica, item: number): number {
    const given = this.#given.get(replicaId)?.[item]?.tokens.length ?? 0;
    return this.#streams.get(replicaId)?.get(item)?.tokens.length ?? given;
  }

  isPrimary(replica: Replica, shard: Shard): boolean {
    const primary = this.#shards.get(shard.index)?.primary ?? null;
    return primary === null || primary === replica;
  }

  textShown(shard: Shard, item: number): string {
    return this.#shards.get(shard.index)?.items.get(item)?.text ?? '';
  }

  /** Is what a replica reveals what it has streamed? */
  check(replica: Replica, commitment: SignedCommitment, outputs: readonly Json[]): StreamCheck {
    const result = this.#check(replica, commitment, outputs);
    if (result.kind !== 'good') this.#faulty.add(replica.replicaId);
    return result;
  }

  #check({ replicaId }: Replica, { body }: SignedCommitment, outputs: readonly Json[]): StreamCheck {
    for (const [item, stream] of this.#streams.get(replicaId) ?? []) {
      const { signed, text, given, tokens } = stream;
      if (signed !== null && contradicts(body.shown ?? [], signed.body)) return { kind: 'mismatch', stream: signed };
      const output = Streamed.safeParse(outputs[item]).data ?? { tokenIds: [], text: '' };
      const isTokens = tokens.every((token, i) => token === output.tokenIds[i]);
      // Where its own text begins is the word of who made the prefix.
      const isText = given === 0 ? output.text.startsWith(text) : output.text.includes(text.slice(given));
      if (!isTokens || !isText)
        return { kind: 'bad', reason: `output ${item} does not begin with what was shown of it` };
    }
    const prefixes = this.#given.get(replicaId) ?? [];
    for (const [item, { tokens }] of prefixes.entries()) {
      const output = Streamed.safeParse(outputs[item]).data ?? { tokenIds: [] };
      if (!tokens.every((token, i) => token === output.tokenIds[i]))
        return { kind: 'bad', reason: `output ${item} does not begin with the tokens that it was given` };
    }
    return { kind: 'good' };
  }

  /** Before a shard is accepted: its owner sees all of it, and what was shown and does not hold is replaced. */
  settle(shard: Shard, outputs: readonly Json[], by: Replica): void {
    if (this.#r.job?.job.stream !== true) return;
    const shown = this.#shardOf(shard);
    for (const [item, output] of outputs.entries()) {
      const parsed = Streamed.safeParse(output).data;
      if (parsed === undefined) continue;
      const said = { tokens: parsed.tokenIds, text: parsed.text };
      // What was shown beyond it does not hold.
      const isLess = said.text.length < (shown.items.get(item)?.text.length ?? 0);
      this.#show(shard, shown, item, by, said, isLess);
    }
    for (const { replicaId } of shard.replicas) {
      this.#streams.delete(replicaId);
      this.#given.delete(replicaId);
    }
  }

  /** All that is shown now, for who comes later. */
  snapshot(): Shows[] {
    const { job } = this.#r;
    return [...this.#shards].flatMap(([index, { items }]) => {
      const shard = job?.shards[index];
      if (shard === undefined) return [];
      return [...items].map(([item, { by, text, tokens }]) =>
        this.#token(shard, by, item, { index: 0, letters: 0, tokens: tokens.length, text }),
      );
    });
  }

  #shardOf({ index }: Shard): ShownShard {
    let shown = this.#shards.get(index);
    if (shown === undefined) {
      shown = { primary: null, items: new Map() };
      this.#shards.set(index, shown);
    }
    return shown;
  }

  /** @param isFinal also where it is less than was shown. */
  #show(shard: Shard, { items }: ShownShard, item: number, by: Replica, said: Text, isFinal = false): void {
    const { context, jobId } = this.#r;
    const before = items.get(item) ?? { tokens: [], text: '', by };
    if (!isFinal && beginsWith(before, said)) {
      items.set(item, before);
      return;
    }
    let { tokens, text } = before;
    if (!beginsWith(said, before)) {
      const reason =
        before.by === by ? 'its answer is another' : 'its provider is lost or was not believed; another one answers';
      context.onShown({
        kind: 'restarted',
        jobId,
        shardId: shard.shardId,
        replicaId: by.replicaId,
        item: shard.start + item,
        reason,
      });
      tokens = [];
      text = '';
    }
    const more = { index: tokens.length, letters: text.length, tokens: said.tokens.length - tokens.length };
    items.set(item, { tokens: [...said.tokens], text: said.text, by });
    context.onShown(this.#token(shard, by, item, { ...more, text: said.text.slice(text.length) }));
  }

  #token(
    { shardId, start }: Shard,
    { replicaId, provider }: Replica,
    item: number,
    piece: { index: number; letters: number; tokens: number; text: string },
  ): Shows {
    const { jobId } = this.#r;
    return { kind: 'token', jobId, shardId, replicaId, provider, item: start + item, ...piece, provisional: true };
  }

  #isWorking({ state }: Replica): boolean {
    return state === 'assigned' || state === 'running' || state === 'committed' || state === 'revealed';
  }

  #isLive(replica: Replica): boolean {
    if (!this.#isWorking(replica) || this.#faulty.has(replica.replicaId)) return false;
    const isDone = replica.state === 'committed' || replica.state === 'revealed';
    return isDone || !this.#r.context.liveness.isSuspect(replica.provider);
  }

  #progress({ replicaId }: Replica): number {
    return [...(this.#streams.get(replicaId)?.values() ?? [])].reduce((sum, { tokens }) => sum + tokens.length, 0);
  }

  #agrees({ items }: ShownShard, { replicaId }: Replica): boolean {
    const streams = this.#streams.get(replicaId);
    return [...items].every(([item, shown]) => {
      const stream = streams?.get(item);
      return stream === undefined || beginsWith(stream, shown) || beginsWith(shown, stream);
    });
  }
}

function isJudged({ state }: Replica): boolean {
  return state === 'rejected' || state === 'undecided' || state === 'superseded';
}
