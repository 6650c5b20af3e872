/**
 * Talks to a node on this computer, as the node's own `NodeApi`:
 *
 *     const node = await connectControl('/home/ada/.local/share/infernet');
 *     const status = await node.call('node.status', {});
 *     const end = node.subscribe(cursor, (item) => …);
 *     await node.close();
 *
 * Every call ends: with its answer, with the node's ApiError, or with an ApiError `unavailable` when the connection broke
 * or the deadline passed. It does not reconnect: whoever follows keeps its cursor and connects anew.
 */
import { WebSocket } from 'ws';
import {
  ApiError,
  type MethodInput,
  type MethodName,
  type MethodResult,
  type NodeApi,
  parseStreamItem,
  type Scope,
  type StreamItem,
  z,
} from '../../protocol/index.ts';
import { apiErrorOf, parseResult, RpcAnswer, requestText } from '../rpc.ts';
import { EventParams } from '../stream-item.ts';
import { controlFilePath, readControlFile } from './control-file.ts';

/** A data folder, whose `control.json` is read, or the address itself. */
export type ControlTarget = string | { readonly url: string; readonly token: string };

export interface ControlClientOptions {
  /** Time to connect and authenticate. Default 5 s. */
  readonly connectMs?: number;
  /** Time for an answer. Default 60 s. */
  readonly callMs?: number;
  /** Ask for less than the token allows. */
  readonly scope?: Scope;
  /** Largest answer taken. Default 256 MiB: results of a whole job. */
  readonly answerBytesMax?: number;
  /** Calls under way at once. Default 256. */
  readonly callsMax?: number;
}

export interface ControlClient extends NodeApi {
  /** Resolves with the reason when the connection is gone. */
  readonly closed: Promise<string>;
  close(): Promise<void>;
}

interface Waiting {
  readonly timer: NodeJS.Timeout;
  resolve(result: unknown): void;
  reject(error: ApiError): void;
}

interface Subscription {
  /** Its number at the node, once it is known. */
  number: number | null;
  readonly receive: (item: StreamItem) => void;
}

const Subscribed = z.object({ subscription: z.int() });

/** @throws ApiError `unavailable` when no node is there, or `not-allowed` when it does not take the token. */
export async function connectControl(
  target: ControlTarget,
  options: ControlClientOptions = {},
): Promise<ControlClient> {
  const { url, token } = typeof target === 'string' ? await addressIn(target) : target;
  const { connectMs = 5_000, callMs = 60_000, answerBytesMax = 256 * 1024 * 1024, callsMax = 256 } = options;
  const socket = new WebSocket(url, {
    handshakeTimeout: connectMs,
    maxPayload: answerBytesMax,
    perMessageDeflate: false,
  });

  const calls = new Map<number, Waiting>();
  const subscriptions = new Set<Subscription>();
  let lastId = 0;
  let closedBecause: string | null = null;
  let failure = '';

  const closed = new Promise<string>((resolve) => {
    socket.once('close', (code, reason) => {
      const why = reason.toString() || failure || `code ${code}`;
      closedBecause = why;
      for (const { timer, reject } of calls.values()) {
        clearTimeout(timer);
        reject(unreachable(why));
      }
      calls.clear();
      subscriptions.clear();
      resolve(why);
    });
  });
  socket.on('error', (error) => {
    failure = error.message;
  });

  /** `resolve` runs before the next message is read. */
  function send(method: string, params: unknown, deadlineMs: number, handlers: Omit<Waiting, 'timer'>): void {
    const refusal =
      closedBecause !== null
        ? unreachable(closedBecause)
        : calls.size >= callsMax
          ? new ApiError('unavailable', `more than ${callsMax} calls at once; wait for answers`)
          : null;
    if (refusal !== null) {
      handlers.reject(refusal);
      return;
    }
    lastId += 1;
    const id = lastId;
    const timer = setTimeout(() => {
      calls.delete(id);
      handlers.reject(new ApiError('unavailable', `no answer to ${method} within ${deadlineMs} ms`));
    }, deadlineMs);
    calls.set(id, { timer, ...handlers });
    // A failure to send closes the socket, which ends the call.
    socket.send(requestText(id, method, params), () => {});
  }

  const request = (method: string, params: unknown, deadlineMs: number): Promise<unknown> =>
    new Promise((resolve, reject) => send(method, params, deadlineMs, { resolve, reject }));

  function breakOff(reason: string): void {
    failure = reason;
    socket.terminate();
  }

  socket.on('message', (data) => {
    let message: Message;
    try {
      message = parseMessage(String(data));
    } catch (error) {
      breakOff(`the node sent what this version does not understand: ${textOf(error)}`);
      return;
    }
    if (message.kind === 'item') {
      for (const { number, receive } of subscriptions) if (number === message.subscription) receive(message.item);
    } else if (message.kind === 'answer') {
      settle(message.id, message.answer);
    }
  });

  function settle(id: number, answer: Extract<RpcAnswer, { id: unknown }>): void {
    const call = calls.get(id);
    if (call === undefined) return;
    calls.delete(id);
    clearTimeout(call.timer);
    if ('error' in answer) call.reject(apiErrorOf(answer.error));
    else call.resolve(answer.result);
  }

  await opened(socket, url);
  try {
    await request('auth', { token, ...(options.scope && { scope: options.scope }) }, connectMs);
  } catch (error) {
    socket.terminate();
    throw new ApiError('not-allowed', `the node at ${url} does not let this program in: ${textOf(error)}`, {
      cause: error,
    });
  }

  return {
    closed,
    async call<M extends MethodName>(method: M, params: MethodInput<M>): Promise<MethodResult<M>> {
      return parseResult(method, await request(method, params, callMs));
    },
    subscribe(after, receive) {
      const subscription: Subscription = { number: null, receive };
      subscriptions.add(subscription);
      const unsubscribe = () => {
        const { number } = subscription;
        if (number !== null) request('events.unsubscribe', { subscription: number }, callMs).catch(() => {});
      };
      send('events.subscribe', { after }, callMs, {
        resolve: (result) => {
          const subscribed = Subscribed.safeParse(result);
          if (!subscribed.success) return breakOff('the node did not say the number of the subscription');
          subscription.number = subscribed.data.subscription;
          if (!subscriptions.has(subscription)) unsubscribe();
        },
        // A stream that never starts must not look like one where nothing happens.
        reject: (error) => breakOff(`the events could not be followed: ${error.message}`),
      });
      return () => {
        if (subscriptions.delete(subscription)) unsubscribe();
      };
    },
    async close() {
      socket.close(1000);
      const cut = setTimeout(() => socket.terminate(), connectMs);
      await closed;
      clearTimeout(cut);
    },
  };
}

type Message =
  | { readonly kind: 'item'; readonly subscription: number; readonly item: StreamItem }
  | { readonly kind: 'answer'; readonly id: number; readonly answer: Extract<RpcAnswer, { id: unknown }> }
  | { readonly kind: 'other' };

/** @throws Error when it is of no known form. */
function parseMessage(text: string): Message {
  const message = RpcAnswer.parse(JSON.parse(text));
  if ('method' in message) {
    if (message.method !== 'event') return { kind: 'other' };
    const { subscription, item } = EventParams.parse(message.params);
    return { kind: 'item', subscription, item: parseStreamItem(item) };
  }
  return typeof message.id === 'number' ? { kind: 'answer', id: message.id, answer: message } : { kind: 'other' };
}

async function addressIn(dataFolder: string): Promise<{ url: string; token: string }> {
  const found = await readControlFile(dataFolder).catch((error: unknown) => {
    throw new ApiError('unavailable', textOf(error), { cause: error });
  });
  if (found !== null) return found;
  throw new ApiError(
    'unavailable',
    `no node runs on ${dataFolder}: there is no ${controlFilePath(dataFolder)}. Start the node, or name its data folder`,
  );
}

function opened(socket: WebSocket, url: string): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.once('open', resolve);
    socket.once('error', (error) => {
      const message = `no node answers at ${url}: ${error.message}. If it was killed, start it again`;
      reject(new ApiError('unavailable', message, { cause: error }));
    });
  });
}

function unreachable(reason: string): ApiError {
  return new ApiError('unavailable', `the connection to the node is closed: ${reason}`);
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
