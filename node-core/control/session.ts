/**
 * One caller's conversation with the node, over any carrier that brings texts in and out:
 *
 *     const session = createSession({ api, scope: 'follow', send, end, log });
 *     carrier.onText((text) => session.receive(text));
 *     carrier.onClose(() => session.close());
 *
 * Besides the methods of `NodeApi` there are `events.subscribe {after}`, answered with `{subscription}` and followed by
 * notifications `event {subscription, cursor, item}`, and `events.unsubscribe {subscription}`.
 */
import type { Logger } from '../ports/index.ts';
import {
  ApiError,
  isMethodName,
  type NodeApi,
  nodeMethods,
  type Scope,
  type StreamItem,
  scopeIncludes,
  z,
} from '../protocol/index.ts';
import { Gathered } from './gathered.ts';
import {
  apiErrorText,
  errorText,
  parseParams,
  parseRequest,
  parseWith,
  type RpcRequest,
  requestText,
  resultText,
} from './rpc.ts';

export interface SessionOptions {
  readonly api: NodeApi;
  /** What this caller may do. */
  readonly scope: Scope;
  readonly log: Logger;
  /** Requests under way at once; more are refused. Default 256. */
  readonly inFlightMax?: number;
  /** Default 8. */
  readonly subscriptionsMax?: number;
  send(text: string): void;
  /** Much waits to be sent: tokens are gathered until {@link Session.drained}. Default: never. */
  isBusy?(): boolean;
  /**
   * So much waits that no more events are to follow: the streams pause, and go on from where they were by
   * {@link Session.drained}, which reads them from the log. Default: never, the carrier ends such a connection.
   */
  isFull?(): boolean;
  /** Ends the connection. */
  end(reason: string): void;
}

export interface Session {
  receive(text: string): void;
  /** The carrier has sent what waited, or is not full any more. */
  drained(): void;
  /** The carrier is gone: ends the subscriptions. Answers that come later go nowhere. */
  close(): void;
}

const Subscribe = z.object({ after: z.int().min(0) });
const Unsubscribe = z.object({ subscription: z.int() });

export function createSession(options: SessionOptions): Session {
  const { api, scope, log, inFlightMax = 256, subscriptionsMax = 8 } = options;
  const subscriptions = new Map<number, () => void>();
  /** Sends what was gathered for a subscription. */
  const drains = new Map<number, () => void>();
  let lastSubscription = 0;
  let inFlight = 0;
  let closed = false;

  const send = (text: string) => {
    if (!closed) options.send(text);
  };

  async function answer(request: RpcRequest): Promise<void> {
    const { id } = request;
    try {
      const { result, afterwards } = await dispatch(request);
      if (id !== undefined) send(resultText(id, result));
      afterwards?.();
    } catch (error) {
      const shown = error instanceof ApiError ? error : unexpected(request.method, error);
      if (id !== undefined) send(apiErrorText(id, shown));
    }
  }

  async function dispatch({ method, params }: RpcRequest): Promise<{ result: unknown; afterwards?: () => void }> {
    if (method === 'events.subscribe') return subscribe(parseWith(Subscribe, method, params).after);
    if (method === 'events.unsubscribe') return unsubscribe(parseWith(Unsubscribe, method, params).subscription);
    if (!isMethodName(method)) throw new ApiError('method-not-found', `there is no method ${JSON.stringify(method)}`);
    const needed = nodeMethods[method].scope;
    if (!scopeIncludes(scope, needed)) {
      throw new ApiError('not-allowed', `${method} needs the scope ${needed}; this connection has ${scope}`);
    }
    return { result: await api.call(method, parseParams(method, params)) };
  }

  /** Every scope may follow. The stream begins after the answer, so that its reader knows the number by then. */
  function subscribe(after: number): { result: { subscription: number }; afterwards(): void } {
    if (subscriptions.size >= subscriptionsMax) {
      throw new ApiError('unavailable', `a connection has at most ${subscriptionsMax} subscriptions`);
    }
    lastSubscription += 1;
    const subscription = lastSubscription;
    subscriptions.set(subscription, () => {});
    let cursor = after;
    const waiting = new Gathered();
    const give = (item: StreamItem) => {
      if (item.kind === 'event') cursor = item.seq;
      send(requestText(null, 'event', { subscription, cursor, item }));
    };
    /** Nothing comes until its reader has caught up. */
    let isPaused = false;
    const receive = (item: StreamItem) => {
      if (isPaused || !subscriptions.has(subscription)) return;
      // Answers are for those who may see results.
      if (
        (item.kind === 'token' || item.kind === 'restarted') &&
        !scopeIncludes(scope, nodeMethods['jobs.results'].scope)
      )
        return;
      if (item.kind === 'token' || item.kind === 'restarted') {
        if (!waiting.isEmpty || options.isBusy?.() === true) {
          waiting.add(item);
          return;
        }
      } else {
        if (options.isFull?.() === true) {
          // How far a shard has come is told again with its next item.
          if (item.kind === 'event') pause(item.seq - 1);
          return;
        }
        // Whoever hears that a shard is accepted has seen all of its answers.
        for (const shown of waiting.take()) give(shown);
      }
      give(item);
    };
    const pause = (last: number) => {
      isPaused = true;
      // A cursor beyond the log meant its end.
      cursor = Math.min(cursor, last);
      // What answers have by then is shown from their beginning to whoever begins to listen.
      waiting.take();
      subscriptions.get(subscription)?.();
    };
    const afterwards = () => {
      if (!subscriptions.has(subscription)) return;
      isPaused = false;
      try {
        const end = api.subscribe(cursor, receive);
        // What came at once may have filled the carrier's buffer, and closed it or paused the stream.
        if (subscriptions.has(subscription) && !isPaused) subscriptions.set(subscription, end);
        else end();
      } catch (error) {
        options.end(error instanceof ApiError ? error.message : unexpected('events.subscribe', error).message);
      }
    };
    drains.set(subscription, () => {
      if (isPaused) afterwards();
      else for (const shown of waiting.take()) give(shown);
    });
    return { result: { subscription }, afterwards };
  }

  function unsubscribe(subscription: number): { result: Record<string, never> } {
    subscriptions.get(subscription)?.();
    subscriptions.delete(subscription);
    drains.delete(subscription);
    return { result: {} };
  }

  function unexpected(method: string, error: unknown): ApiError {
    log.error(
      { method, error: error instanceof Error ? (error.stack ?? error.message) : String(error) },
      'a control call failed',
    );
    return new ApiError('internal', `${method} failed inside the node; its log says why`);
  }

  return {
    receive(text) {
      const parsed = parseRequest(text);
      if (!parsed.ok) {
        send(errorText(parsed.id, parsed.code, parsed.message));
        return;
      }
      const { request } = parsed;
      if (inFlight >= inFlightMax) {
        const error = new ApiError('unavailable', `more than ${inFlightMax} requests at once; wait for answers`);
        if (request.id !== undefined) send(apiErrorText(request.id, error));
        return;
      }
      inFlight += 1;
      void answer(request).finally(() => {
        inFlight -= 1;
      });
    },
    drained() {
      for (const drain of drains.values()) drain();
    },
    close() {
      closed = true;
      drains.clear();
      const ends = [...subscriptions.values()];
      subscriptions.clear();
      for (const end of ends) end();
    },
  };
}
