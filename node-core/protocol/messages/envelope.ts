/** The envelope of every message of `/infernet/job/1`. A frame is a JSON array of envelopes, 1 MiB at most. */
import { EpochMs } from '../primitives.ts';
import { z } from '../zod.ts';

export const Envelope = z.object({
  v: z.int().describe('major version of the protocol; another one closes the channel with a reason'),
  type: z.string().max(64),
  id: z.string().min(1).max(64).describe('unique per sender and channel'),
  re: z.string().max(64).optional().describe('id of the message that this one answers'),
  at: EpochMs.describe('sender’s clock'),
  body: z.unknown(),
});
export type Envelope = z.infer<typeof Envelope>;

export const jobProtocol = '/infernet/job/1';
