/** A provider's binding answer to `job.quote`. */

import { Price } from '../discovery/node-record.ts';
import { Cid, EpochMs, Id, Micro, PeerId } from '../primitives.ts';
import { signedSchema } from '../signed.ts';
import { z } from '../zod.ts';

export const Quote = z.object({
  v: z.literal(1),
  quoteId: Id,
  provider: PeerId,
  client: PeerId,
  jobId: Id.describe('the job that asked; the quote holds for others of the client, too'),
  template: Cid,
  model: Cid.nullable(),
  price: Price,
  inFlightMax: z.int().min(1).describe('shards that the provider takes at once from this client'),
  runsMax: z.int().min(1).optional().describe('shards that run at once here, of all clients; 1 where it is not said'),
  creditLimitMicro: Micro.describe('unpaid work that the provider grants this client'),
  expiresAt: EpochMs,
});
export type Quote = z.infer<typeof Quote>;
export const SignedQuote = signedSchema(Quote);
export type SignedQuote = z.infer<typeof SignedQuote>;
