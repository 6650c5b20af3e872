/**
 * Shards taken of each client within about an hour, as a projection of the log: a limit on them holds over a restart.
 *
 * Two counters per client, of this hour and of the one before, of which as much counts as lies within the last 60 minutes
 * if its shards came evenly. That is bounded by the clients of two hours, where a list of times would not be.
 */
import type { Projection } from '../journal/index.ts';
import type { EpochMs, PeerId } from '../protocol/index.ts';

const hourMs = 3_600_000;

export interface Hours {
  /** Hours since 1970 of `now`. */
  hour: number;
  now: Record<PeerId, number>;
  before: Record<PeerId, number>;
}

export const hoursProjection: Projection<Hours> = {
  name: 'provider-hours',
  version: 1,
  initial: () => ({ hour: 0, now: {}, before: {} }),
  apply: (state, { at, event }) => {
    if (event.type !== 'work.admitted') return;
    const hour = Math.floor(at / hourMs);
    // A clock that was set back counts on in the hour in which it was.
    if (hour > state.hour) {
      state.before = hour === state.hour + 1 ? state.now : {};
      state.now = {};
      state.hour = hour;
    }
    state.now[event.client] = (state.now[event.client] ?? 0) + 1;
  },
};

/** Shards of a client within the last hour. */
export function takenWithinHour(state: Hours, client: PeerId, at: EpochMs): number {
  const { now, before, share } = counts(state, client, at);
  return now + before * share;
}

/** When one more is within the limit, if nothing is taken until then: ms from now, 0 = at once. */
export function hourFreeInMs(state: Hours, client: PeerId, at: EpochMs, max: number): number {
  const { now, before, share } = counts(state, client, at);
  // One more must fit: the counts have to fall to this.
  const goal = max - 1;
  if (now + before * share <= goal) return 0;
  const leftMs = share * hourMs;
  // The hour before falls off evenly, and after it this hour does.
  if (now <= goal) return Math.ceil(leftMs - ((goal - now) / before) * hourMs);
  return Math.ceil(leftMs + (1 - goal / now) * hourMs);
}

/** @returns `share` of the hour before that lies within the last 60 minutes. */
function counts(state: Hours, client: PeerId, at: EpochMs): { now: number; before: number; share: number } {
  const elapsed = Math.max(0, at / hourMs - state.hour);
  const [now, before] = [state.now[client] ?? 0, state.before[client] ?? 0];
  if (elapsed < 1) return { now, before, share: 1 - elapsed };
  // Nothing was taken since: what was this hour is the one before.
  return elapsed < 2 ? { now: 0, before: now, share: 2 - elapsed } : { now: 0, before: 0, share: 0 };
}
