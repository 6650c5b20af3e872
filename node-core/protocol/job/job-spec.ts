/** What a client asks for, and the plan that the aggregator makes of it. */

import { protocolLimits } from '../limits.ts';
import { Cid, DurationMs, type Id, Json, Micro, PeerId, type ShardId, shardIdOf } from '../primitives.ts';
import { z } from '../zod.ts';

const tieBreakers = z.int().min(0).max(3).describe('further copies when the first disagree');

/**
 * How answers are checked.
 * `replicate`: `copies` providers run each shard; a result is accepted when `quorum` of them agree on every item.
 * `sample`: one provider runs each shard; another one runs a random part of them again.
 * `adaptive`: likewise, the less often the more good checks in a row its provider has.
 */
export const VerificationPolicy = z.discriminatedUnion('type', [
  z
    .object({
      type: z.literal('replicate'),
      copies: z.int().min(1).max(7),
      quorum: z.int().min(1).max(7),
      tieBreakers: tieBreakers.default(1),
    })
    .refine((p) => p.quorum <= p.copies, { error: 'quorum must not exceed copies', path: ['quorum'] })
    .refine((p) => p.copies === 1 || p.quorum * 2 > p.copies, {
      error: 'quorum must be a majority of copies',
      path: ['quorum'],
    }),
  z.object({
    type: z.literal('sample'),
    ratePpm: z.int().min(0).max(1_000_000).default(50_000).describe('shards of a million that are checked'),
    tieBreakers: tieBreakers.default(3),
  }),
  z.object({
    type: z.literal('adaptive'),
    streak: z
      .int()
      .min(1)
      .max(1000)
      .default(10)
      .describe('good checks in a row before which every shard of a provider is checked; after s of them 1 in s'),
    floorPpm: z.int().min(0).max(1_000_000).default(20_000).describe('never fewer than these of a million'),
    tieBreakers: tieBreakers.default(3),
  }),
]);
export type VerificationPolicy = z.infer<typeof VerificationPolicy>;

export const JobSpec = z.object({
  template: z.string().max(128).describe('name or content id of the template'),
  model: z
    .string()
    .max(128)
    .nullable()
    .default(null)
    .describe('name or content id of the model; null = the template’s default, if it needs one'),
  params: z.record(z.string(), Json).default({}).describe('parameters by the template’s schema'),
  inputs: z
    .array(Json)
    .min(1, 'a job needs at least one input item')
    .max(protocolLimits.itemsPerJobMax)
    .describe('one item each by the template’s schema'),
  itemsPerShard: z.int().min(1).max(protocolLimits.itemsPerShardMax).default(10),
  policy: VerificationPolicy.default({ type: 'replicate', copies: 2, quorum: 2, tieBreakers: 1 }),
  budgetMicro: Micro.describe('the most that the job may spend, micro-credits'),
  deadlineMs: DurationMs.min(1000)
    .max(7 * 24 * 3_600_000)
    .default(600_000)
    .describe('time after which the job ends with what it has'),
  providers: z
    .object({
      only: z.array(PeerId).min(1).max(64).optional().describe('nobody else may run it'),
      never: z.array(PeerId).max(64).optional().describe('these may not'),
    })
    .optional()
    .describe('who may run it, beside what the settings say of blocked and favoured providers'),
  priority: z.int().min(0).max(9).default(5),
  ownNode: z
    .enum(['never', 'if-alone', 'only'])
    .default('if-alone')
    .describe('may the own node run it (one copy, unchecked, unpaid) when nobody else can, or must it'),
  stream: z
    .boolean()
    .default(false)
    .describe('show tokens as they come, provisional until the verdict; of templates that stream'),
  label: z.string().max(200).default('').describe('for people'),
  retryOf: z.string().max(64).nullable().default(null).describe('id of the job whose failed shards this one repeats'),
  aggregator: PeerId.nullable().default(null).describe('reserved: a foreign aggregator; null = the client’s own node'),
});
export type JobSpec = z.infer<typeof JobSpec>;
/** As a caller writes it: what has a default may be left out. */
export type JobSpecInput = z.input<typeof JobSpec>;

/** A job spec after names are resolved to content ids and the inputs went to the blobs. */
export const PlannedJob = JobSpec.omit({ inputs: true, template: true, model: true }).extend({
  template: Cid,
  templateName: z.string(),
  model: Cid.nullable(),
  modelName: z.string().nullable(),
  items: z.int().min(1),
});
export type PlannedJob = z.infer<typeof PlannedJob>;

export const ShardPlan = z.object({
  shardId: z.string().describe('<jobId>.<index>'),
  index: z.int().min(0),
  start: z.int().min(0).describe('index of the first item'),
  count: z.int().min(1),
});
export interface ShardPlan {
  shardId: ShardId;
  index: number;
  start: number;
  count: number;
}

/**
 * Cuts items into shards, in order: at most `itemsPerShard` items and `bytesMax` bytes each.
 * @param itemBytes size of each item's JSON.
 * @param place bytes that a shard, by its index, keeps free for one more item; null = none. Asked once for each.
 * @throws RangeError naming the item that alone is over the limit.
 */
export function planShards(
  jobId: Id,
  itemBytes: readonly number[],
  itemsPerShard: number,
  bytesMax: number,
  place: (index: number) => number | null = () => null,
): ShardPlan[] {
  const shards: ShardPlan[] = [];
  let start = 0;
  let bytes = 0;
  let kept = place(0);
  const close = (end: number): void => {
    if (end > start) {
      shards.push({ shardId: shardIdOf(jobId, shards.length), index: shards.length, start, count: end - start });
      kept = place(shards.length);
    }
    start = end;
    bytes = 0;
  };
  for (const [i, size] of itemBytes.entries()) {
    if (size > bytesMax) {
      throw new RangeError(
        `input item ${i} has ${size} bytes; at most ${bytesMax} bytes (inlineBytesMax) travel inside a message`,
      );
    }
    const itemsMax = kept === null ? itemsPerShard : itemsPerShard - 1;
    if (i - start >= itemsMax || bytes + size > bytesMax - (kept ?? 0)) close(i);
    bytes += size;
  }
  close(itemBytes.length);
  return shards;
}
