/**
 * What a node says of itself: the node record in the DHT under `/infernet/node/<peerId>`, the heartbeat on its capability
 * topics, and the tombstone that replaces the record when it leaves.
 */

import { protocolLimits } from '../limits.ts';
import { Cid, DurationMs, EpochMs, Micro, PeerId } from '../primitives.ts';
import { signedSchema } from '../signed.ts';
import { z } from '../zod.ts';
import { HardwareTier } from './capability.ts';

const bytes = z.int().min(0);

export const Gpu = z.object({
  vendor: z.string().max(64),
  model: z.string().max(128),
  memoryBytes: bytes.describe('VRAM, bytes'),
});
export type Gpu = z.infer<typeof Gpu>;

export const HardwarePassport = z.object({
  os: z.string().max(64).describe('platform and architecture, as linux-x64'),
  cpu: z.object({ model: z.string().max(128), cores: z.int().min(1).max(4096) }),
  memoryBytes: bytes.describe('RAM, bytes'),
  gpus: z.array(Gpu).max(16),
  tier: HardwareTier,
});
export type HardwarePassport = z.infer<typeof HardwarePassport>;

/** What a shard costs: a fixed part and a part per item. */
export const Price = z.object({
  shardMicro: Micro.describe('per shard, micro-credits'),
  itemMicro: Micro.describe('per item, micro-credits'),
});
export type Price = z.infer<typeof Price>;

/** Price of a shard of `items` items. */
export function priceOf(price: Price, items: number): Micro {
  return (BigInt(price.shardMicro) + BigInt(price.itemMicro) * BigInt(items)).toString();
}

export const Offer = z.object({
  template: Cid.describe('content id of the template'),
  templateName: z.string().max(64),
  model: Cid.nullable().describe('content id of the model, null where the template needs none'),
  modelName: z.string().max(128).nullable(),
  price: Price,
  tokensPerSecondMilli: z.int().min(0).describe('measured speed, thousandths of a token per second; 0 = not measured'),
  itemsPerShardMax: z.int().min(1).max(protocolLimits.itemsPerShardMax),
  gpu: z.string().max(128).optional().describe('model of the graphics card that its runs get; left out without one'),
});
export type Offer = z.infer<typeof Offer>;

const sequence = z.int().min(1).describe('rises with every publication; the highest wins');

export const NodeRecord = z.object({
  v: z.literal(1),
  kind: z.literal('node'),
  peerId: PeerId,
  sequence,
  addresses: z.array(z.string().max(256)).max(16).describe('multiaddrs where the node listens'),
  agent: z.string().max(64).describe('software and version'),
  hardware: HardwarePassport.nullable().describe('null for a node that provides nothing'),
  offers: z.array(Offer).max(protocolLimits.offersPerRecordMax),
  attestation: z.literal('none').describe('reserved for SGX and SEV quotes'),
  issuedAt: EpochMs,
  expiresAt: EpochMs,
});
export type NodeRecord = z.infer<typeof NodeRecord>;

/** The tombstone: published in place of the node record on leaving. */
export const Leave = z.object({
  v: z.literal(1),
  kind: z.literal('leave'),
  peerId: PeerId,
  sequence,
  issuedAt: EpochMs,
  expiresAt: EpochMs,
});
export type Leave = z.infer<typeof Leave>;

export const SignedNodeRecord = signedSchema(NodeRecord);
export type SignedNodeRecord = z.infer<typeof SignedNodeRecord>;
export const SignedLeave = signedSchema(Leave);
export type SignedLeave = z.infer<typeof SignedLeave>;

/** The value under `/infernet/node/<peerId>`. */
export const NodeRecordValue = z.union([SignedNodeRecord, SignedLeave]);
export type NodeRecordValue = z.infer<typeof NodeRecordValue>;

/** Heartbeat of a provider on one capability's topic. */
export const Presence = z.object({
  v: z.literal(1),
  kind: z.literal('presence'),
  peerId: PeerId,
  at: EpochMs,
  sequence: z.int().min(1).describe('of the node record in force: a higher one than known means “read it again”'),
  load: z.object({
    running: z.int().min(0),
    queued: z.int().min(0),
    queueMax: z.int().min(0),
    warm: z
      .array(Cid)
      .max(protocolLimits.warmPerPresenceMax)
      .optional()
      .describe('models in memory, or templates without one: their work begins at once'),
  }),
  nextMs: DurationMs.describe('the next heartbeat follows within this time'),
});
export type Presence = z.infer<typeof Presence>;

export const SignedPresence = signedSchema(Presence);
export type SignedPresence = z.infer<typeof SignedPresence>;

/** What travels on a presence topic. */
export const PresenceMessage = z.union([SignedPresence, SignedLeave]);
export type PresenceMessage = z.infer<typeof PresenceMessage>;

export const nodeRecordPrefix = '/infernet/node/';

export function nodeRecordKey(peerId: PeerId): string {
  return `${nodeRecordPrefix}${peerId}`;
}
