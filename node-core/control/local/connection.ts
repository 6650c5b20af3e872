/** One WebSocket to the loopback server: it authenticates, then is a session; nothing that waits in it is unbounded. */
import type { RawData, WebSocket } from 'ws';
import type { Logger } from '../../ports/index.ts';
import { type NodeApi, Scope, z } from '../../protocol/index.ts';
import { errorText, parseRequest, type RpcId, resultText, rpcCodes } from '../rpc.ts';
import { createSession, type Session } from '../session.ts';
import type { BrowserDoor } from './browser-door.ts';
import { sameToken } from './door.ts';

export interface ConnectionOptions {
  readonly api: NodeApi;
  readonly log: Logger;
  readonly token: string;
  readonly browsers: Pick<BrowserDoor, 'redeem' | 'knows'>;
  /** It brought the right token with its upgrade. */
  readonly authenticated: boolean;
  /** Time to send `auth`. */
  readonly authMs: number;
  /** Messages that may wait for a slow reader. */
  readonly waitingMax: number;
  /** Bytes that may wait for a slow reader, not counting the last message. */
  readonly waitingBytesMax: number;
}

/** 4000–4999 are free for applications (RFC 6455, section 7.4.2). */
export const closeCodes = { goingAway: 1001, notAuthenticated: 4401, tooSlow: 4408, ended: 4410 } as const;

/** A reader that is stuck never takes the close frame: then the socket is cut. */
const closeMs = 1_000;
/** WebSocket's limit for the reason of a close frame, in bytes. */
const reasonBytesMax = 123;
const authLettersMax = 1_000;
/** More than this waits for a slow reader: its tokens are gathered. */
const busyBytes = 64 * 1024;

const secret = z.string().max(200);

/** `scope`: less than the token allows, for a caller that wants to be unable to do harm. */
const Auth = z.union([
  z.object({ token: secret, scope: Scope.default('owner') }),
  z.object({ ticket: secret }),
  z.object({ session: secret }),
]);

/** @returns a function that ends the connection. */
export function serveConnection(socket: WebSocket, options: ConnectionOptions): (reason: string) => void {
  const { api, log, token, browsers, authMs, waitingMax, waitingBytesMax } = options;
  let session: Session | null = null;
  let waiting = 0;
  let ended = false;

  function end(code: number, reason: string): void {
    if (ended) return;
    ended = true;
    clearTimeout(authTimer);
    session?.close();
    socket.close(code, clipped(reason));
    const cut = setTimeout(() => socket.terminate(), closeMs);
    socket.once('close', () => clearTimeout(cut));
  }

  function send(text: string): void {
    if (ended || socket.readyState !== socket.OPEN) return;
    if (waiting >= waitingMax || socket.bufferedAmount > waitingBytesMax) {
      log.warn(
        { waiting, bufferedBytes: socket.bufferedAmount },
        'a control client reads too slowly and was disconnected',
      );
      end(closeCodes.tooSlow, `too slow: ${waiting} messages wait; reconnect and go on from your cursor`);
      return;
    }
    waiting += 1;
    socket.send(text, () => {
      waiting -= 1;
      if (!isBusy()) session?.drained();
    });
  }

  const isBusy = (): boolean => socket.bufferedAmount > busyBytes;

  function open(scope: Scope): void {
    clearTimeout(authTimer);
    session = createSession({ api, scope, log, send, isBusy, end: (reason) => end(closeCodes.ended, reason) });
  }

  function refuse(id: RpcId, reason: string): void {
    send(errorText(id, rpcCodes.unauthorized, reason));
    end(closeCodes.notAuthenticated, reason);
  }

  function authenticate(text: string): void {
    const parsed = text.length > authLettersMax ? null : parseRequest(text);
    const request = parsed?.ok === true && parsed.request.method === 'auth' ? parsed.request : null;
    const auth = Auth.safeParse(request?.params);
    const id = request?.id ?? null;
    if (!auth.success) {
      refuse(id, 'expected auth {token} as the first message');
    } else if ('ticket' in auth.data) {
      void redeem(id, auth.data.ticket);
    } else if ('session' in auth.data) {
      if (browsers.knows(auth.data.session)) letIn(id, 'owner');
      else refuse(id, 'unknown session');
    } else if (sameToken(auth.data.token, token)) {
      letIn(id, auth.data.scope);
    } else {
      refuse(id, 'wrong token');
    }
  }

  function letIn(id: RpcId, scope: Scope, session?: string): void {
    open(scope);
    send(resultText(id, { scope, ...(session !== undefined && { session }) }));
  }

  async function redeem(id: RpcId, ticket: string): Promise<void> {
    try {
      const found = await browsers.redeem(ticket);
      if (ended) return;
      if (found === null) refuse(id, 'this ticket was used, or is too old');
      else letIn(id, 'owner', found);
    } catch (error) {
      log.error({ error: error instanceof Error ? error.message : String(error) }, 'a session could not be kept');
      refuse(id, 'the session could not be kept; the node’s log says why');
    }
  }

  const authTimer = setTimeout(() => end(closeCodes.notAuthenticated, `no auth within ${authMs} ms`), authMs);
  if (options.authenticated) open('owner');

  socket.on('message', (data, isBinary) => {
    if (ended) return;
    if (isBinary) return end(closeCodes.ended, 'expected text messages');
    const text = textOf(data);
    if (session === null) authenticate(text);
    else session.receive(text);
  });
  // A message that is too large or not well formed; `ws` closes with the code that says so.
  socket.on('error', (error) => log.warn({ error: error.message }, 'a control connection failed'));
  socket.on('close', () => {
    ended = true;
    clearTimeout(authTimer);
    session?.close();
  });
  return (reason) => end(closeCodes.goingAway, reason);
}

function textOf(data: RawData): string {
  if (Array.isArray(data)) return Buffer.concat(data).toString('utf8');
  return Buffer.isBuffer(data) ? data.toString('utf8') : Buffer.from(data).toString('utf8');
}

function clipped(reason: string): string {
  const bytes = Buffer.from(reason);
  // Cutting inside a letter leaves a replacement character, which would make it longer again.
  return bytes.length <= reasonBytesMax
    ? reason
    : new TextDecoder().decode(bytes.subarray(0, reasonBytesMax - 3), { stream: true });
}
