/** Calls to an engine: each with a deadline, and what their failures mean. */
import { Agent } from 'node:http';
import type Docker from 'dockerode';
import { messageOf, systemCodeOf } from '../fault.ts';

/** An engine's client on a socket. Loaded when there is one: it takes a fifth of a second, and most computers have none. */
export async function clientAt(socketPath: string): Promise<Docker> {
  const { default: Client } = await import('dockerode');
  // No connection is kept for another call: after the engine's return it would be a dead one.
  const agent = new Agent({ keepAlive: false });
  // Named one by one, or the client takes them from the environment.
  const options = { socketPath, host: undefined, port: undefined, protocol: 'http' as const, agent };
  return new Client(options);
}

export class EngineSilent extends Error {
  override readonly name = 'EngineSilent';
}

/** @throws EngineSilent, besides what the call throws. What comes after the deadline is handed to `late`. */
export async function within<T>(call: Promise<T>, msMax: number, late?: (value: T) => void): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  let isLate = false;
  const deadline = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      isLate = true;
      reject(new EngineSilent(`the container engine gave no answer within ${msMax} ms`));
    }, msMax);
  });
  call.then(
    (value) => {
      if (isLate) late?.(value);
    },
    () => undefined,
  );
  try {
    return await Promise.race([call, deadline]);
  } finally {
    clearTimeout(timer);
  }
}

const goneCodes = new Set(['ECONNREFUSED', 'ECONNRESET', 'ENOENT', 'EPIPE', 'ENOTSOCK', 'EACCES', 'ECONNABORTED']);

/** Does it say that no engine is there, and nothing about what was asked? */
export function isEngineGone(error: unknown): boolean {
  if (error instanceof EngineSilent) return true;
  return goneCodes.has(systemCodeOf(error) ?? '') || /socket hang up|aborted/i.test(messageOf(error));
}

/** HTTP status of a refusal; null where there was no answer. */
export function statusOf(error: unknown): number | null {
  return error instanceof Error && 'statusCode' in error && typeof error.statusCode === 'number'
    ? error.statusCode
    : null;
}
