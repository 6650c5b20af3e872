/**
 * Whose shard runs next, among clients that all want this provider.
 *
 * 1. The higher priority first. A client orders its own shards by it freely; against others it counts only as far as the
 *    client has earned it: a stranger's at most as much as the usual one. Nor does any priority hold others back for ever:
 *    with each `queueAgeMs` that a shard has waited it counts one higher.
 * 2. Within a priority: deficit round-robin, counted in items. Who has had the fewest goes next. All strangers together are
 *    one in this, and take turns within: else somebody with a thousand fresh identities would have a thousand turns.
 * 3. Of those that are no shard apart the balance decides: who uses the smaller part of its credit. Then the order of
 *    admission.
 *
 * A stranger is a client that has paid for less than the credit that everybody is granted at the beginning.
 */
import type { PeerId } from '../protocol/index.ts';
import type { Work } from './state.ts';

/** What the provider knows of a client as a payer. */
export interface Standing {
  readonly isStranger: boolean;
  /** Unpaid work as a part of the credit limit: 0 = owes nothing. */
  readonly creditUsed: number;
}

export interface FairQueueOptions {
  standing(client: PeerId): Standing;
  /** Waiting for so long raises a shard by one priority. */
  ageMs(): number;
}

type Waiting = Pick<Work, 'replicaId' | 'client' | 'items' | 'priority' | 'seq' | 'admittedAt'>;

/** What strangers may claim at most: `JobSpec.priority`'s default. */
const strangerPriorityMax = 5;
const priorityMax = 9;
/** No peer id: the lane that strangers share. */
const strangers = 'strangers';

export class FairQueue {
  readonly #o: FairQueueOptions;
  readonly #lanes = new Rounds();
  readonly #clients = new Rounds();

  constructor(options: FairQueueOptions) {
    this.#o = options;
  }

  /** Takes the next one: its client's turn is used up by it. @param waiting all that wait. @returns null when none does. */
  take<W extends Waiting>(waiting: readonly W[], now: number): W | null {
    if (waiting.length === 0) return null;
    const ageMs = this.#o.ageMs();
    const standings = new Map<PeerId, Standing>();
    const standingOf = (client: PeerId): Standing => {
      const standing = standings.get(client) ?? this.#o.standing(client);
      standings.set(client, standing);
      return standing;
    };
    const levelOf = ({ client, priority, admittedAt }: W): number => {
      const claimed = standingOf(client).isStranger ? Math.min(priority, strangerPriorityMax) : priority;
      return Math.min(priorityMax, claimed + Math.floor(Math.max(0, now - admittedAt) / ageMs));
    };
    const levels = waiting.map((work) => ({ work, level: levelOf(work) }));
    const top = Math.max(...levels.map(({ level }) => level));
    const heads = new Map<PeerId, W>();
    for (const { work, level } of levels) {
      const head = heads.get(work.client);
      if (level === top && (head === undefined || isSooner(work, head))) heads.set(work.client, work);
    }

    const quantum = Math.min(...[...heads.values()].map(({ items }) => items));
    const laneOf = (client: PeerId): string => (standingOf(client).isStranger ? strangers : client);
    const all = new Set(waiting.map(({ client }) => client));
    const lanes = this.#lanes.first(new Set([...all].map(laneOf)), new Set([...heads.keys()].map(laneOf)), quantum);
    const inLanes = [...heads.keys()].filter((client) => lanes.has(laneOf(client)));
    const clients = this.#clients.first(all, new Set(inLanes), quantum);
    const next = [...heads.values()]
      .filter(({ client }) => clients.has(client))
      .reduce((best, work) => {
        const difference = standingOf(work.client).creditUsed - standingOf(best.client).creditUsed;
        return difference < 0 || (difference === 0 && work.seq < best.seq) ? work : best;
      });
    this.#lanes.charge(laneOf(next.client), next.items);
    this.#clients.charge(next.client, next.items);
    return next;
  }
}

function isSooner(a: Waiting, b: Waiting): boolean {
  return a.priority > b.priority || (a.priority === b.priority && a.seq < b.seq);
}

/** Deficit round-robin: how many items each has had, from where the least served of those that waited stood. */
class Rounds {
  readonly #had = new Map<string, number>();
  #floor = 0;

  /** @returns those of `wanted` that have had the fewest items; differences below `quantum` do not count. */
  first(waiting: ReadonlySet<string>, wanted: ReadonlySet<string>, quantum: number): ReadonlySet<string> {
    // Who comes anew, or back, is owed nothing for the time in which it wanted nothing.
    const had = (name: string): number => Math.max(this.#floor, this.#had.get(name) ?? 0);
    this.#floor = Math.min(...[...waiting].map(had));
    for (const [name, items] of this.#had) if (items <= this.#floor) this.#had.delete(name);
    const fewest = Math.min(...[...wanted].map(had));
    return new Set([...wanted].filter((name) => had(name) - fewest < quantum));
  }

  charge(name: string, items: number): void {
    this.#had.set(name, Math.max(this.#floor, this.#had.get(name) ?? 0) + items);
  }
}
