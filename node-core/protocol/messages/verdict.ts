/** By itself, so that who only reads the log (as the page does) needs no messages. */
import { z } from '../zod.ts';

/** What the aggregator decided on a replica. */
export const Verdict = z.enum(['accepted', 'rejected', 'undecided', 'superseded']);
export type Verdict = z.infer<typeof Verdict>;
