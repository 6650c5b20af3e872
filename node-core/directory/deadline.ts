/** Waits with an end: no promise of a port is awaited for ever. */
import type { Clock } from '../ports/index.ts';

export type Outcome<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly reason: string };

/** Resolves with what the promise brings, or with the reason why it did not within `ms`. Never rejects. */
export function within<T>(clock: Clock, ms: number, promise: Promise<T>): Promise<Outcome<T>> {
  return new Promise((resolve) => {
    const cancel = clock.after(ms, () => resolve({ ok: false, reason: `no answer within ${ms} ms` }));
    promise.then(
      (value) => {
        cancel();
        resolve({ ok: true, value });
      },
      (error: unknown) => {
        cancel();
        resolve({ ok: false, reason: messageOf(error) });
      },
    );
  });
}

/** An async function's synchronous throw becomes a rejection, so that {@link within} sees it. */
export async function attempt<T>(run: () => Promise<T> | T): Promise<T> {
  return run();
}

export function messageOf(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).slice(0, 500);
}
