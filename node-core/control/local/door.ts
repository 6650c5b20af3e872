/**
 * Who may knock at the loopback server. Any web page can make the browser of this computer send requests here, so an
 * upgrade is judged by its Host (a name that an attacker points to 127.0.0.1 gives itself away: DNS rebinding) and by its
 * Origin before anything else is looked at; then by the token.
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';

export interface DoorOptions {
  readonly port: number;
  readonly allowedOrigins: readonly string[];
  /** The interface is served from here: its pages have this server as their origin. */
  readonly servesInterface: boolean;
  readonly token: string;
}

export type Judgement =
  | { readonly ok: true; readonly authenticated: boolean }
  | { readonly ok: false; readonly status: 401 | 403; readonly reason: string };

/** @returns why a request is refused whatever it asks for, or null. */
export function judgeSender(
  headers: IncomingHttpHeaders,
  { port, allowedOrigins, servesInterface }: Omit<DoorOptions, 'token'>,
): string | null {
  const hosts = ['127.0.0.1', 'localhost', '[::1]'].map((name) => `${name}:${port}`);
  if (headers.host === undefined || !hosts.includes(headers.host.toLowerCase())) {
    return `the Host must be one of ${hosts.join(', ')}`;
  }
  // Browsers always send an Origin with a WebSocket, and pages cannot change it.
  const { origin } = headers;
  const isOwn = servesInterface && hosts.some((host) => origin === `http://${host}`);
  if (origin !== undefined && !isOwn && !allowedOrigins.includes(origin)) {
    return 'this Origin is not in control.allowedOrigins';
  }
  return null;
}

export function judgeUpgrade(headers: IncomingHttpHeaders, options: DoorOptions): Judgement {
  const { token } = options;
  const refusal = judgeSender(headers, options);
  if (refusal !== null) return { ok: false, status: 403, reason: refusal };
  if (headers.authorization === undefined) return { ok: true, authenticated: false };
  const given = /^Bearer (?<token>\S+)$/i.exec(headers.authorization)?.groups?.['token'];
  if (given === undefined || !sameToken(given, token)) return { ok: false, status: 401, reason: 'wrong token' };
  return { ok: true, authenticated: true };
}

/** In a time that does not depend on where they differ; hashing makes them equally long. */
export function sameToken(given: string, expected: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(given), digest(expected));
}
