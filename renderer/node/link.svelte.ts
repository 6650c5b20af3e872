/**
 * The node, as the page sees it: calls, and the event stream without a gap. It reconnects by itself and goes on from its
 * cursor, so that what happened meanwhile arrives as what was missed.
 */
import {
  ApiError,
  type MethodInput,
  type MethodName,
  type MethodResult,
  type NodeApi,
  type StreamItem,
} from '../../node-core/protocol/index.ts';
import type { Carrier, Line, LineEnd } from './carrier.ts';
import { parseIncoming, parseResult, requestText } from './wire.ts';

const callMsMax = 60_000;
const retryMsMin = 250;
const retryMsMax = 4_000;

export type LinkState =
  | { readonly kind: 'connecting' }
  | { readonly kind: 'online' }
  | { readonly kind: 'away'; readonly since: number; readonly reason: string }
  /** Only a new ticket helps. */
  | { readonly kind: 'refused'; readonly reason: string };

interface Waiting {
  readonly timer: ReturnType<typeof setTimeout>;
  resolve(result: unknown): void;
  reject(error: ApiError): void;
}

export type EventItem = Extract<StreamItem, { kind: 'event' }>;

export class NodeLink implements Pick<NodeApi, 'call'> {
  state = $state.raw<LinkState>({ kind: 'connecting' });
  /** Rises with each connection: what depends on the node's present state asks anew. */
  connections = $state(0);

  readonly #carrier: Carrier;
  readonly #calls = new Map<number, Waiting>();
  readonly #followers = new Set<(item: StreamItem) => void>();
  readonly #returns = new Set<(missed: readonly EventItem[]) => void>();
  #line: Line | null = null;
  #lastId = 0;
  /** Null until the node has said where its log ends. */
  #cursor: number | null = null;
  #retryMs = retryMsMin;
  #retry: ReturnType<typeof setTimeout> | undefined;
  /** Until when events count as missed, and those that do. */
  #missed: { readonly until: number; readonly items: EventItem[] } | null = null;

  constructor(carrier: Carrier) {
    this.#carrier = carrier;
    globalThis.addEventListener?.('online', () => this.retryNow());
    globalThis.document?.addEventListener('visibilitychange', () => {
      if (!document.hidden) this.retryNow();
    });
    this.#open();
  }

  async call<M extends MethodName>(method: M, params: MethodInput<M>): Promise<MethodResult<M>> {
    return parseResult(method, await this.#request(method, params));
  }

  /** Every item from now on, over all reconnections. @returns a function that ends it. */
  follow(receive: (item: StreamItem) => void): () => void {
    this.#followers.add(receive);
    return () => void this.#followers.delete(receive);
  }

  /** Told after each reconnection, with the events that came while the node was away. */
  onReturn(listener: (missed: readonly EventItem[]) => void): void {
    this.#returns.add(listener);
  }

  /** What comes happened while the node was away. */
  get isCatchingUp(): boolean {
    return this.#missed !== null;
  }

  retryNow(): void {
    if (this.#line !== null || this.state.kind === 'refused') return;
    clearTimeout(this.#retry);
    this.#open();
  }

  #open(): void {
    let open = true;
    this.#line = this.#carrier.open({
      ready: () => this.#ready(),
      text: (text) => this.#receive(text),
      closed: (end) => {
        // Whatever a carrier does, one end is one end.
        if (open) this.#closed(end);
        open = false;
      },
    });
  }

  #ready(): void {
    const isReturn = this.connections > 0;
    this.#retryMs = retryMsMin;
    this.state = { kind: 'online' };
    this.connections += 1;
    if (isReturn) this.#missed = { until: Date.now(), items: [] };
    this.#follow(isReturn).catch(() => this.#line?.close());
  }

  async #follow(isReturn: boolean): Promise<void> {
    this.#cursor ??= (await this.call('node.status', {})).logSeq;
    await this.#request('events.subscribe', { after: this.#cursor });
    if (!isReturn) return;
    // What was missed follows at once, and a call that is asked now is answered after it.
    await this.call('node.status', {});
    this.#tellMissed();
  }

  #tellMissed(): void {
    const items = this.#missed?.items ?? [];
    this.#missed = null;
    for (const listener of this.#returns) listener(items);
  }

  #closed({ reason, refused }: LineEnd): void {
    this.#line = null;
    for (const { timer, reject } of this.#calls.values()) {
      clearTimeout(timer);
      reject(new ApiError('unavailable', 'The connection to the node broke; it is being restored.'));
    }
    this.#calls.clear();
    if (refused) {
      this.state = { kind: 'refused', reason };
      return;
    }
    const since = this.state.kind === 'away' ? this.state.since : Date.now();
    if (this.connections > 0) this.state = { kind: 'away', since, reason };
    this.#retry = setTimeout(() => this.#open(), this.#retryMs);
    this.#retryMs = Math.min(this.#retryMs * 2, retryMsMax);
  }

  #request(method: string, params: unknown): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const line = this.#line;
      if (line === null || this.state.kind !== 'online') {
        reject(new ApiError('unavailable', 'The node does not answer at present; the page reconnects by itself.'));
        return;
      }
      this.#lastId += 1;
      const id = this.#lastId;
      const timer = setTimeout(() => {
        this.#calls.delete(id);
        reject(new ApiError('unavailable', `No answer to ${method} within ${callMsMax / 1000} s.`));
      }, callMsMax);
      this.#calls.set(id, { timer, resolve, reject });
      line.send(requestText(id, method, params));
    });
  }

  #receive(text: string): void {
    const message = parseIncoming(text);
    if (message === null) return;
    if (message.kind === 'item') {
      this.#cursor = message.cursor;
      if (message.item !== null) this.#give(message.item);
      return;
    }
    const call = this.#calls.get(message.id);
    if (call === undefined) return;
    this.#calls.delete(message.id);
    clearTimeout(call.timer);
    if (message.kind === 'error') call.reject(message.error);
    else call.resolve(message.result);
  }

  #give(item: StreamItem): void {
    if (this.#missed !== null && item.kind === 'event' && item.at <= this.#missed.until) this.#missed.items.push(item);
    for (const receive of this.#followers) receive(item);
  }
}
