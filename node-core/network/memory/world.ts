/** What all parts of the simulated network share: time, chance, the link, who is there and who is connected to whom. */
import type { Clock, Random } from '../../ports/index.ts';
import type { PeerId } from '../../protocol/index.ts';
import type { LinkModel, Place } from './link.ts';
import { compareDistance, type Member, type Position, positionOf } from './member.ts';

export class World {
  readonly clock: Clock;
  readonly random: Random;
  link: LinkModel;
  /** The present life of each peer. */
  readonly members = new Map<PeerId, Member>();
  readonly subscribers = new Map<string, Set<Member>>();
  readonly #positions = new Map<string, Position>();
  #stale = true;

  constructor(clock: Clock, random: Random, link: LinkModel) {
    this.clock = clock;
    this.random = random;
    this.link = link;
  }

  /** One-way delay now, ms. */
  delay(from: Place, to: Place): number {
    const { jitterMs } = this.link;
    return this.link.latencyMs(from, to) + (jitterMs > 0 ? jitterMs * this.random.fraction() : 0);
  }

  /** Whether a packet from one to the other passes, should both be up. */
  passes(a: Member, b: Member): boolean {
    return a.group === b.group;
  }

  chance(probability: number): boolean {
    return probability > 0 && this.random.fraction() < probability;
  }

  /** Connections or partitions changed: who reaches whom is worked out again when next asked. */
  changed(): void {
    this.#stale = true;
  }

  /** Whether two members reach each other over connections, their own or others'. */
  joined(a: Member, b: Member): boolean {
    this.#refresh();
    return a.isUp && b.isUp && a.component === b.component && this.passes(a, b);
  }

  /** Where a key lies: the same few are asked for again and again. */
  positionOf(key: string): Position {
    let position = this.#positions.get(key);
    if (position === undefined) {
      position = positionOf(key);
      this.#positions.set(key, position);
    }
    return position;
  }

  /** The members closest to a position that `from` reaches, nearest first, without itself. */
  closest(from: Member, to: Position, count: number): Member[] {
    const nearest: Member[] = [];
    if (!from.isUp || count === 0) return nearest;
    this.#refresh();
    for (const member of this.members.values()) {
      if (member === from || member.component !== from.component || !member.isUp) continue;
      const last = nearest[count - 1];
      if (last !== undefined && compareDistance(to, member.position, last.position) >= 0) continue;
      let at = nearest.length;
      for (; at > 0; at--) {
        const before = nearest[at - 1];
        if (before === undefined || compareDistance(to, before.position, member.position) <= 0) break;
      }
      nearest.splice(at, 0, member);
      if (nearest.length > count) nearest.pop();
    }
    return nearest;
  }

  /** A timer of one member: it is cancelled when that member's life ends. */
  after(member: Member, ms: number, run: () => void): () => void {
    const cancel = this.clock.after(ms, () => {
      member.timers.delete(cancel);
      run();
    });
    member.timers.add(cancel);
    return () => {
      member.timers.delete(cancel);
      cancel();
    };
  }

  /**
   * A wait with an end. Settles once; never for a crashed member, whose code must not run on.
   * @param late what happens at the deadline, or when the member stops: it calls one of the two.
   */
  wait<T>(
    member: Member,
    deadlineMs: number,
    start: (resolve: (value: T) => void, reject: (error: Error) => void) => void,
    late: (resolve: (value: T) => void, reject: (error: Error) => void) => void,
  ): Promise<T> {
    return new Promise((resolve, reject) => {
      const settle = <V>(how: (value: V) => void) => {
        return (value: V) => {
          cancel();
          member.waits.delete(end);
          if (member.state !== 'crashed') how(value);
        };
      };
      const done = settle<T>(resolve);
      const failed = settle<Error>(reject);
      const end = () => late(done, failed);
      const cancel = this.after(member, deadlineMs, end);
      member.waits.add(end);
      start(done, failed);
    });
  }

  #refresh(): void {
    if (!this.#stale) return;
    this.#stale = false;
    for (const member of this.members.values()) member.component = -1;
    let component = 0;
    for (const start of this.members.values()) {
      if (start.component !== -1 || !start.isUp) continue;
      start.component = component;
      const open = [start];
      for (let member = open.pop(); member !== undefined; member = open.pop()) {
        for (const next of member.connections) {
          if (next.component !== -1 || !next.isUp || !this.passes(member, next)) continue;
          next.component = component;
          open.push(next);
        }
      }
      component++;
    }
  }
}
