/** Items of the event stream as they travel: the schema behind the type `StreamItem` of the protocol. */
import { EpochMs, Id, PeerId, parseEvent, ReplicaId, ShardId, type StreamItem, z } from '../protocol/index.ts';

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

/** Parameters of the notification `event`. */
export const EventParams = z.object({
  subscription: z.int().min(1),
  cursor: z.int().min(0).describe('pass it as `after` to go on from here'),
  item: z.unknown(),
});

/** @throws Error when it is of no known form. */
export function parseStreamItem(value: unknown): StreamItem {
  const item = Envelope.parse(value);
  return item.kind === 'event' ? { ...item, event: parseEvent(item.event) } : item;
}
