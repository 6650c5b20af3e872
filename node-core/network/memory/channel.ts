/**
 * A channel between two members. Frames take the link's time, one after the other, and never overtake: each direction
 * is one queue with one timer. A partition holds the queue, as a dead TCP connection does.
 */
import { ChannelEnd } from '../channel-end.ts';
import { Window } from '../window.ts';
import type { Member, MemberChannel } from './member.ts';
import type { World } from './world.ts';

interface Parcel {
  /** A frame, or the reason of a close. */
  readonly content: Uint8Array | string;
  readonly arrivesAt: number;
}

type Side = 0 | 1;

export class MemoryChannel implements MemberChannel {
  readonly members: readonly [Member, Member];
  readonly ends: readonly [ChannelEnd, ChannelEnd];
  readonly #world: World;
  readonly #directions: readonly [Direction, Direction];
  #gone = false;

  /** @param opener side 0. */
  constructor(world: World, opener: Member, target: Member) {
    this.#world = world;
    this.members = [opener, target];
    this.#directions = [new Direction(world), new Direction(world)];
    this.ends = [this.#end(0), this.#end(1)];
    opener.channels.add(this);
    target.channels.add(this);
  }

  break(reason: string): void {
    this.#remove(reason);
    for (const side of [0, 1] as const) {
      if (this.members[side].state !== 'crashed') this.ends[side].broken(reason);
    }
  }

  resume(): void {
    for (const side of [0, 1] as const) this.#pump(side);
  }

  abandon(member: Member): void {
    this.#directions[this.members[0] === member ? 0 : 1].window.abandon();
  }

  #end(side: Side): ChannelEnd {
    const direction = this.#directions[side];
    return new ChannelEnd(
      { peer: this.members[side === 0 ? 1 : 0].peerId, path: 'direct', transport: 'memory' },
      {
        transmit: (frame) => {
          // The sender's process is gone: nothing leaves, and nothing comes back.
          if (this.members[side].state === 'crashed') return new Promise(() => {});
          this.#post(side, frame, frame.length);
          return direction.window.take(frame.length);
        },
        consumed: (bytes) => this.#directions[side === 0 ? 1 : 0].window.release(bytes),
        shut: (reason) => {
          if (this.members[side].state === 'crashed') return;
          for (const { window } of this.#directions) window.close(reason);
          this.#post(side, reason, 0);
        },
      },
    );
  }

  #post(side: Side, content: Uint8Array | string, bytes: number): void {
    if (this.#gone) return;
    const direction = this.#directions[side];
    const from = this.members[side];
    const to = this.members[side === 0 ? 1 : 0];
    const { clock, link } = this.#world;
    const sentAt = Math.max(clock.elapsed(), direction.busyUntil) + (bytes * 1000) / link.bytesPerSecond(from, to);
    direction.busyUntil = sentAt;
    direction.lastArrival = Math.max(direction.lastArrival, sentAt + this.#world.delay(from, to));
    direction.queue.push({ content, arrivesAt: direction.lastArrival });
    if (direction.queue.length === 1) this.#pump(side);
  }

  /** Waits for the first of the queue. */
  #pump(side: Side): void {
    const direction = this.#directions[side];
    const first = direction.queue[0];
    if (this.#gone || first === undefined || direction.cancel !== null) return;
    direction.cancel = this.#world.clock.after(Math.max(0, first.arrivesAt - this.#world.clock.elapsed()), () => {
      direction.cancel = null;
      this.#arrive(side);
    });
  }

  #arrive(side: Side): void {
    const direction = this.#directions[side];
    const receiver = this.members[side === 0 ? 1 : 0];
    // Held until `resume`: a sender resends what was not acknowledged.
    if (this.#gone || !this.#world.passes(this.members[side], receiver) || !receiver.isUp) return;
    const end = this.ends[side === 0 ? 1 : 0];
    for (;;) {
      const parcel = direction.queue[0];
      if (parcel === undefined || parcel.arrivesAt > this.#world.clock.elapsed()) break;
      direction.queue.shift();
      if (typeof parcel.content === 'string') {
        this.#remove(parcel.content);
        end.broken(parcel.content);
        return;
      }
      if (end.isClosed) direction.window.release(parcel.content.length);
      else end.deliver(parcel.content);
      if (this.#gone) return;
    }
    this.#pump(side);
  }

  #remove(reason: string): void {
    this.#gone = true;
    for (const member of this.members) member.channels.delete(this);
    for (const [side, direction] of this.#directions.entries()) {
      direction.cancel?.();
      direction.queue = [];
      if (this.members[side === 0 ? 0 : 1].state !== 'crashed') direction.window.close(reason);
    }
  }
}

class Direction {
  queue: Parcel[] = [];
  /** When the link is free again, and when the last frame arrives (elapsed ms). */
  busyUntil = 0;
  lastArrival = 0;
  cancel: (() => void) | null = null;
  readonly window: Window;

  constructor(world: World) {
    this.window = new Window(world.link.windowBytes);
  }
}
