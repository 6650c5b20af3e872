/** What its owner is told of at once, wherever in the interface he is: out of the events as they come. */
import type { NodeEvent } from '../../node-core/protocol/index.ts';
import { t } from '../text/en.ts';
import { shortPeer } from '../text/format.ts';
import { href } from './route.svelte.ts';

export interface Notice {
  readonly kind: 'wrong' | 'news' | 'done';
  readonly text: string;
  readonly detail: string;
  /** Where more is to be seen. */
  readonly to: string | null;
  /** Of the same key one is enough for a while. */
  readonly key: string;
}

/** @returns null for what needs no word. */
export function noticeOf(event: NodeEvent): Notice | null {
  switch (event.type) {
    case 'provider.paused':
      return notice('wrong', t.notices.paused[event.by], event.reason, href('dashboard'), event.by);
    case 'provider.resumed':
      return notice('news', t.notices.resumed, '', null, event.by);
    case 'peer.penalised':
      return notice(
        'wrong',
        t.notices.penalised(shortPeer(event.peerId)),
        event.reason,
        href('providers', event.peerId),
        event.peerId,
      );
    case 'peer.excluded':
      return notice(
        'wrong',
        t.notices.excluded(shortPeer(event.provider)),
        t.providers.excludedWhy(event.differed, event.compared),
        href('providers', event.provider),
        event.provider,
      );
    case 'replica.lost':
      return notice(
        'news',
        t.notices.lost(shortPeer(event.provider)),
        t.notices.lostText,
        href('jobs', event.jobId),
        event.provider,
      );
    case 'work.judged':
      if (event.verdict !== 'rejected') return null;
      return notice(
        'wrong',
        t.notices.rejected,
        t.notices.rejectedText,
        href('logs', undefined, { job: event.jobId }),
        event.client,
      );
    case 'job.ended':
      if (event.state !== 'failed') return null;
      return notice('wrong', t.notices.failed, event.reason, href('jobs', event.jobId), event.jobId);
    default:
      return null;
  }

  function notice(kind: Notice['kind'], text: string, detail: string, to: string | null, about: string): Notice {
    return { kind, text, detail, to, key: `${event.type} ${about}` };
  }
}

/** Lets each through at most once in a while, and not too many at all: a network that breaks down says it many times. */
export class NoticeGate {
  readonly #quietMs: number;
  readonly #atOnceMax: number;
  #told = new Map<string, number>();

  constructor(quietMs: number, atOnceMax: number) {
    this.#quietMs = quietMs;
    this.#atOnceMax = atOnceMax;
  }

  /** @param now any clock, ms. */
  lets({ key }: Notice, now: number): boolean {
    this.#told = new Map([...this.#told].filter(([, at]) => now - at < this.#quietMs));
    if (this.#told.has(key) || this.#told.size >= this.#atOnceMax) return false;
    this.#told.set(key, now);
    return true;
  }
}
