/** Items of the event stream as they travel, for every reader: the schema behind the type `StreamItem`. */
import { parseEvent } from '../events/events.ts';
import { EpochMs, Id, PeerId, ReplicaId, ShardId } from '../primitives.ts';
import { z } from '../zod.ts';
import type { StreamItem } from './node-api.ts';

const Envelope = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('event'), seq: z.int().min(1), at: EpochMs, event: z.unknown() }),
  z.object({
    kind: z.literal('progress'),
    jobId: Id,
    shardId: ShardId,
    replicaId: ReplicaId,
    provider: PeerId,
    itemsDone: z.int().min(0),
  }),
  z.object({
    kind: z.literal('token'),
    jobId: Id,
    shardId: ShardId,
    replicaId: ReplicaId,
    provider: PeerId,
    item: z.int().min(0),
    index: z.int().min(0),
    letters: z.int().min(0),
    tokens: z.int().min(0),
    text: z.string(),
    provisional: z.literal(true),
  }),
  z.object({
    kind: z.literal('restarted'),
    jobId: Id,
    shardId: ShardId,
    replicaId: ReplicaId,
    item: z.int().min(0),
    reason: z.string(),
  }),
]);

/** @throws Error when it is of no known form. */
export function parseStreamItem(value: unknown): StreamItem {
  const item = Envelope.parse(value);
  return item.kind === 'event' ? { ...item, event: parseEvent(item.event) } : item;
}
