/**
 * Items whose answers are known: from shards of own former jobs on which several providers agreed in every item. One of them is
 * mixed into some shards of jobs whose answers are checked singly; who cheats cannot tell it from the others.
 *
 *     const places = canaries.places(planned);                  // which shards leave room for one, or null
 *     const canary = canaries.draw(job, provider, inputs);      // for the first copy of such a shard
 *     const { events, blobs } = canaries.keep(job, shard, …);   // with the verdict on a shard that was checked
 */
import type { Journal, Projection, View } from '../journal/index.ts';
import type { Random, StoredBlob } from '../ports/index.ts';
import {
  canonicalJson,
  type EpochMs,
  hashOf,
  type Json,
  type NodeEvent,
  type PeerId,
  type PlannedJob,
  protocolLimits,
  type Sha256,
  type ShardCanary,
  type Template,
  utf8,
} from '../protocol/index.ts';
import { isDrawn } from '../verification/index.ts';
import { type Canary, payloads } from './payloads.ts';
import type { Job, Shard } from './state.ts';

interface Kept {
  /** Template, model and parameters. */
  readonly key: string;
  /** Were given it, as an item of a job or as a canary. */
  readonly seenBy: PeerId[];
  readonly at: EpochMs;
  /** How many times it was a canary. */
  uses: number;
}

export interface CanariesState {
  kept: Record<Sha256, Kept>;
}

/** Of one template, model and parameters. */
const perTaskMax = 32;
/** Whoever has seen it might tell others; and an item that comes again and again is no secret. */
const usesMax = 8;
const seenByMax = 32;

function keyOf(template: string, model: string | null, paramsHash: Sha256): string {
  return `${template} ${model ?? '-'} ${paramsHash}`;
}

const canariesProjection: Projection<CanariesState> = {
  name: 'canaries',
  version: 2,
  initial: () => ({ kept: {} }),
  apply(state, { at, event }) {
    switch (event.type) {
      case 'canary.kept':
        for (const hash of event.drops) delete state.kept[hash];
        state.kept[event.hash] = {
          key: keyOf(event.template, event.model, event.paramsHash),
          seenBy: [...event.seenBy],
          at,
          uses: 0,
        };
        break;
      case 'canary.dropped':
        delete state.kept[event.hash];
        break;
      case 'replica.assigned': {
        const kept = event.canary === undefined ? undefined : state.kept[event.canary.of];
        if (kept === undefined || kept.seenBy.includes(event.provider)) break;
        kept.seenBy.push(event.provider);
        kept.uses++;
        break;
      }
    }
  },
};

export interface CanariesOptions {
  /** Not yet opened. */
  readonly journal: Journal;
  readonly random: Random;
  readonly config: { readonly canaryPpm: number; readonly canariesMax: number; readonly canaryBytesMax: number };
}

export interface DrawnCanary {
  readonly canary: ShardCanary;
  readonly item: Canary;
  /** To be committed with the assignment. */
  readonly blob: StoredBlob;
}

export class Canaries {
  readonly #o: CanariesOptions;
  readonly #view: View<CanariesState>;
  /** Those of the tasks that jobs were begun with. */
  readonly #items = new Map<Sha256, Canary>();

  constructor(options: CanariesOptions) {
    this.#o = options;
    this.#view = options.journal.register(canariesProjection);
  }

  blobsInUse(): Sha256[] {
    return Object.keys(this.#view.state.kept);
  }

  /** Older than results are kept: their owner was told that nothing of them stays. */
  expired(before: EpochMs): Sha256[] {
    return Object.entries(this.#view.state.kept).flatMap(([hash, { at }]) => (at < before ? [hash] : []));
  }

  /**
   * Which shards of a job leave room for one. Drawn when the job is cut, so that a shard with a canary is no larger than the others.
   * @returns for `planShards`; null where there can be none. A template whose tokens are checked has a better check.
   */
  places(job: PlannedJob, { template }: { readonly template: Template }): ((index: number) => number | null) | null {
    const { canaryPpm, canaryBytesMax } = this.#o.config;
    const isOne = job.policy.type !== 'replicate' && canBeCanary(template) && !job.stream;
    if (canaryPpm === 0 || !isOne || job.itemsPerShard < 2 || job.ownNode === 'only') return null;
    const key = keyOf(job.template, job.model, hashOf(job.params));
    if (!Object.values(this.#view.state.kept).some((kept) => kept.key === key && isFresh(kept))) return null;
    return () => (isDrawn(canaryPpm, this.#o.random.bytes(6)) ? canaryBytesMax + 1 : null);
  }

  /** Brings those for a job into memory. */
  async load({ job: { template, model, params } }: Job): Promise<void> {
    const key = keyOf(template, model, hashOf(params));
    for (const [hash, kept] of Object.entries(this.#view.state.kept)) {
      if (kept.key !== key || this.#items.has(hash)) continue;
      const item = await payloads.canary(this.#o.journal, hash);
      if (item !== null) this.#items.set(hash, item);
    }
    for (const hash of this.#items.keys()) if (this.#view.state.kept[hash] === undefined) this.#items.delete(hash);
  }

  /** One that the provider was never given, as far as this node knows, nor is in the shard anyway. */
  draw(job: Job, { shardId }: Shard, provider: PeerId, inputs: readonly Json[]): DrawnCanary | null {
    const { random } = this.#o;
    const key = keyOf(job.job.template, job.job.model, hashOf(job.job.params));
    const own = new Set(inputs.map((input) => canonicalJson(input)));
    const found = Object.entries(this.#view.state.kept).flatMap(([of, kept]) => {
      const item = this.#items.get(of);
      const isOne = kept.key === key && isFresh(kept) && !kept.seenBy.includes(provider);
      return isOne && item !== undefined && !own.has(canonicalJson(item.input)) ? [{ of, item }] : [];
    });
    // Sorted, as a snapshot keeps no order.
    found.sort((a, b) => (a.of < b.of ? -1 : 1));
    const one = found[Math.floor(random.fraction() * found.length)];
    if (one === undefined) return null;
    const bytes = utf8.encode(JSON.stringify([...inputs, one.item.input])).length;
    if (bytes > protocolLimits.inlineBytesMax) return null;
    const blob = payloads.ofShardCanary(shardId, one.item);
    const at = Math.floor(random.fraction() * (inputs.length + 1));
    return { canary: { at, hash: blob.hash, of: one.of }, item: one.item, blob };
  }

  /** An item of a shard on which all its providers agreed, where there is use for it. */
  keep(
    { job: { template, model, params, stream } }: Job,
    { replicas }: Shard,
    known: { readonly template: Template },
    inputs: readonly Json[],
    outputs: readonly Json[],
  ): { readonly events: NodeEvent[]; readonly blobs: StoredBlob[]; readonly drops: Sha256[] } {
    const nothing = { events: [], blobs: [], drops: [] };
    const { canaryPpm, canariesMax, canaryBytesMax } = this.#o.config;
    const { kept } = this.#view.state;
    if (canaryPpm === 0 || stream || !canBeCanary(known.template)) return nothing;
    const paramsHash = hashOf(params);
    const key = keyOf(template, model, paramsHash);
    const all = Object.entries(kept).sort(([a], [b]) => (a < b ? -1 : 1));
    const drops = worst(
      all.filter(([, { key: its }]) => its === key),
      perTaskMax,
      (one) => one.uses > 0,
    );
    if (drops === null) return nothing;
    const more = drops.length > 0 ? [] : worst(all, canariesMax, () => true);
    if (more === null) return nothing;
    const index = Math.floor(this.#o.random.fraction() * inputs.length);
    const [input, output] = [inputs[index], outputs[index]];
    if (input === undefined || output === undefined) return nothing;
    const item: Canary = { input, output };
    const blob = payloads.ofCanary(key, item);
    const seenBy = [...new Set(replicas.map(({ provider }) => provider))];
    const isTooLarge = utf8.encode(canonicalJson([input, output])).length > canaryBytesMax;
    if (isTooLarge || kept[blob.hash] !== undefined || seenBy.length >= seenByMax) return nothing;
    this.#items.set(blob.hash, item);
    const { hash } = blob;
    const gone = [...drops, ...more];
    return {
      events: [{ type: 'canary.kept', template, model, paramsHash, hash, seenBy, drops: gone }],
      blobs: [blob],
      drops: gone,
    };
  }
}

/** Answers that are equal or not: with a tolerance, or with tokens to check, there are better checks. */
function canBeCanary({ verifier, tokenDivergence }: Template): boolean {
  return (verifier === 'exact' || verifier === 'label') && tokenDivergence === undefined;
}

function isFresh({ uses, seenBy }: Kept): boolean {
  return uses < usesMax && seenBy.length < seenByMax;
}

/** What makes room where there are `most` already: the most used. @returns null when none may go. */
function worst(among: ReadonlyArray<[Sha256, Kept]>, most: number, mayGo: (one: Kept) => boolean): Sha256[] | null {
  if (among.length < most) return [];
  const [first] = among.filter(([, one]) => mayGo(one)).sort(([, a], [, b]) => b.uses - a.uses);
  return first === undefined ? null : [first[0]];
}

/** What a list of a payload has for its real items. */
export function withoutCanary<T>(list: readonly T[], { canary }: Pick<Shard, 'canary'>): T[] {
  return canary === undefined ? [...list] : list.toSpliced(canary.at, 1);
}
