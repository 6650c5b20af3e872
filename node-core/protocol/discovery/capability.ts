/**
 * Capability keys: under which key of the DHT, and on which gossip topic, the providers of something are found.
 * A provider of a template provides one key per template, one per template and model, and one for its hardware tier.
 */
import { sha256 } from '@noble/hashes/sha2.js';
import { CID } from 'multiformats/cid';
import * as raw from 'multiformats/codecs/raw';
import { create as createDigest } from 'multiformats/hashes/digest';
import { canonicalBytes, hashOf } from '../codec/canonical.ts';
import { Cid } from '../primitives.ts';
import { z } from '../zod.ts';

/** How much model a computer can hold: memory that a model may fill, on the GPU if there is one. */
export const HardwareTier = z
  .enum(['cpu', 'gpu-8g', 'gpu-16g', 'gpu-24g', 'gpu-48g'])
  .describe('hardware tier by the largest GPU’s memory');
export type HardwareTier = z.infer<typeof HardwareTier>;

export const Capability = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('template'), template: Cid }),
  z.object({ kind: z.literal('template-model'), template: Cid, model: Cid }),
  z.object({ kind: z.literal('tier'), tier: HardwareTier }),
]);
export type Capability = z.infer<typeof Capability>;

/** CIDv1 (raw, sha2-256) of the canonical capability: what kad-dht's provider records are kept under. */
export function capabilityKey(capability: Capability): Cid {
  return CID.createV1(raw.code, createDigest(0x12, sha256(canonicalBytes(capability)))).toString();
}

/** Gossip topic on which the providers of a capability say that they live. */
export function presenceTopic(capability: Capability): string {
  return `/infernet/presence/1/${hashOf(capability).slice(0, 32)}`;
}

/** @param gpuMemoryBytes memory of the largest GPU, 0 without one. */
export function hardwareTier(gpuMemoryBytes: number): HardwareTier {
  const gib = gpuMemoryBytes / 2 ** 30;
  if (gib >= 47) return 'gpu-48g';
  if (gib >= 23) return 'gpu-24g';
  if (gib >= 15) return 'gpu-16g';
  if (gib >= 7) return 'gpu-8g';
  return 'cpu';
}
