/**
 * Watches a world: every entry at the moment at which it is on a disk, every frame as it leaves, every process as it ends.
 * The first thing that breaks is kept in {@link Observers.broken}; the world stops at it after the step.
 */
import type { LogEntry, PeerId, StreamItem } from '../../protocol/index.ts';
import { Broken } from '../broken.ts';
import { booksDiffer } from './books-agree.ts';
import { CreditFacts, type CreditRules } from './credit.ts';
import { checkBelieved } from './records.ts';
import { checkResults } from './results.ts';
import type { Screen } from './screen.ts';
import { creditRulesOf, Subject, type SubjectOptions } from './subject.ts';
import { checkWaits } from './waits.ts';
import { checkSaid, readFrame, type Said } from './wire.ts';

const waitsEveryMs = 5_000;

export interface Counts {
  frames: number;
  messages: number;
  bytes: number;
  gossip: number;
}

export class Observers {
  broken: Broken | null = null;
  readonly counts: Counts = { frames: 0, messages: 0, bytes: 0, gossip: 0 };
  readonly subjects = new Map<PeerId, Subject>();
  readonly #credit = new CreditFacts();
  readonly #elapsedMs: () => number;
  readonly #liveTimers = new Map<PeerId, () => number>();
  #waitsAt = waitsEveryMs;
  /** When the first of all waits is overdue. */
  #overdueAt = Number.POSITIVE_INFINITY;

  constructor(elapsedMs: () => number) {
    this.#elapsedMs = elapsedMs;
  }

  /** @param liveTimers of the node, now. */
  add(options: SubjectOptions, liveTimers: () => number): Subject {
    const subject = new Subject(options, this.#credit);
    this.subjects.set(options.peerId, subject);
    this.#liveTimers.set(options.peerId, liveTimers);
    return subject;
  }

  written(subject: Subject, entries: readonly LogEntry[]): void {
    this.#guard(subject, () => {
      for (const entry of entries) {
        subject.take([entry]);
        checkResults(subject, entry);
      }
    });
  }

  /** @param isReplaced it may have forgotten what others were told. */
  diskChanged(subject: Subject, isReplaced: boolean): void {
    if (isReplaced) subject.forgotAtMs = this.#elapsedMs();
    this.#guard(subject, () => subject.reread());
  }

  /** @returns the messages, for whoever wants to show them. */
  sent(subject: Subject | undefined, to: PeerId, frame: Uint8Array): readonly Said[] {
    const messages = readFrame(frame);
    this.counts.frames++;
    this.counts.messages += messages.length;
    this.counts.bytes += frame.length;
    if (subject !== undefined) {
      subject.spokeAtMs.set(to, this.#elapsedMs());
      this.#guard(subject, () => {
        for (const message of messages) {
          this.#credit.hear(subject.peerId, to, message, (provider) => this.#rulesOf(provider));
          checkSaid(subject, to, message);
        }
      });
    }
    return messages;
  }

  /** Somebody who watches its stream is given an item. */
  told(subject: Subject, screen: Screen, item: StreamItem): void {
    this.#guard(subject, () => screen.take(item));
  }

  believed(subject: Subject, key: string, value: Uint8Array): void {
    this.#guard(subject, () => checkBelieved(subject, key, value));
  }

  /** Something that no node may do, whatever the scenario. */
  fault(node: string, what: string): void {
    this.broken ??= new Broken('the node itself', node, this.#elapsedMs(), what);
  }

  /** After every step. */
  afterStep(): void {
    const now = this.#elapsedMs();
    if (now < this.#waitsAt && now <= this.#overdueAt) return;
    this.#waitsAt = now + waitsEveryMs;
    this.#overdueAt = Number.POSITIVE_INFINITY;
    for (const [peer, subject] of this.subjects) {
      this.#guard(subject, () => {
        const at = checkWaits(subject, now, this.#liveTimers.get(peer)?.() ?? 0);
        this.#overdueAt = Math.min(this.#overdueAt, at);
      });
    }
  }

  /** I4. Null when it holds. */
  booksDiffer(except: ReadonlySet<PeerId> = new Set()): { node: Subject; what: string } | null {
    return booksDiffer([...this.subjects.values()].filter(({ peerId }) => !except.has(peerId)));
  }

  #rulesOf(peer: PeerId): CreditRules | null {
    const config = this.subjects.get(peer)?.config;
    return config === undefined ? null : creditRulesOf(config);
  }

  #guard(subject: Subject, check: () => void): void {
    if (this.broken !== null) return;
    try {
      check();
    } catch (error) {
      if (error instanceof Broken) this.broken = error;
      else
        this.broken = new Broken(
          'the observer',
          subject.name,
          this.#elapsedMs(),
          String(error instanceof Error ? error.stack : error),
        );
    }
  }
}
