/** The notification by which items of the event stream travel. */
import { z } from '../protocol/index.ts';

/** Parameters of the notification `event`. */
export const EventParams = z.object({
  subscription: z.int().min(1),
  cursor: z.int().min(0).describe('pass it as `after` to go on from here'),
  item: z.unknown(),
});
