/** For the tests of this room: time that jumps from timer to timer, chance from a seed, and hooks that write down what came. */
import { setImmediate as soon } from 'node:timers';
import type { Channel, Clock, Logger, NetworkHooks, Random } from '../ports/index.ts';
import { type PeerId, peerIdOf } from '../protocol/index.ts';

/** Virtual time: as soon as nothing else is to do, it stands at the next timer. */
export class JumpingClock implements Clock {
  #elapsed = 0;
  #order = 0;
  #timers: Array<{ at: number; order: number; run: () => void }> = [];
  #isPumping = false;

  now(): number {
    return 1_700_000_000_000 + Math.floor(this.#elapsed);
  }

  elapsed(): number {
    return this.#elapsed;
  }

  after(ms: number, run: () => void): () => void {
    const timer = { at: this.#elapsed + ms, order: this.#order++, run };
    this.#timers.push(timer);
    this.#pump();
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer);
    };
  }

  #pump(): void {
    if (this.#isPumping) return;
    this.#isPumping = true;
    soon(() => {
      this.#isPumping = false;
      const next = this.#timers.sort((a, b) => a.at - b.at || a.order - b.order).shift();
      if (next === undefined) return;
      this.#elapsed = Math.max(this.#elapsed, next.at);
      next.run();
      this.#pump();
    });
  }
}

export const silent: Logger = { debug() {}, info() {}, warn() {}, error() {} };

/** The same numbers for the same seed (mulberry32). */
export function seededRandom(seed: number): Random {
  let state = seed;
  const fraction = () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  return { fraction, bytes: (count) => Uint8Array.from({ length: count }, () => Math.floor(fraction() * 256)) };
}

export function anyPeerId(random: Random): PeerId {
  return peerIdOf(random.bytes(32));
}

/** Waits for a condition, letting everything else run. The test's own timeout ends it. */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise<void>((resolve) => soon(resolve));
}

/** A record of the tests: `<sequence>:<text>`; text `forged` is refused, and so is a lower sequence than seen. */
export const testRecord = (sequence: number, text = 'x'): Uint8Array => new TextEncoder().encode(`${sequence}:${text}`);

/** Hooks that keep the highest sequence per key, accept gossip unless it says otherwise, and write everything down. */
export class TestHooks implements NetworkHooks {
  readonly channels: Channel[] = [];
  readonly gossip: Array<{ topic: string; text: string; from: PeerId }> = [];
  readonly peers = new Set<PeerId>();
  readonly refused: string[] = [];
  readonly #highest = new Map<string, number>();
  /** Lets every record pass, as a node that wants to cheat would. */
  isLax = false;
  /** Called for each channel that a peer opened. */
  whenChannel: (channel: Channel) => void = () => {};

  onChannel(channel: Channel): void {
    this.channels.push(channel);
    this.whenChannel(channel);
  }

  validateRecord(key: string, value: Uint8Array): void {
    if (this.isLax) return;
    const [sequence, text] = Buffer.from(value).toString().split(':');
    const highest = this.#highest.get(key) ?? 0;
    const reason = text === 'forged' ? 'wrong signature' : Number(sequence) < highest ? 'old sequence' : null;
    if (reason !== null) {
      this.refused.push(reason);
      throw new Error(reason);
    }
    this.#highest.set(key, Number(sequence));
  }

  selectRecord(_key: string, values: readonly Uint8Array[]): number {
    const sequences = values.map((value) => Number.parseInt(Buffer.from(value).toString(), 10));
    return sequences.indexOf(Math.max(...sequences));
  }

  onGossip(topic: string, message: Uint8Array, from: PeerId): 'accept' | 'ignore' | 'reject' {
    const text = Buffer.from(message).toString();
    this.gossip.push({ topic, text, from });
    return text === 'reject' || text === 'ignore' ? text : 'accept';
  }

  onPeer(peer: PeerId, connected: boolean): void {
    if (connected) this.peers.add(peer);
    else this.peers.delete(peer);
  }
}
