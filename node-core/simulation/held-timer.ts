import type { Clock, HoldSignal } from '../ports/index.ts';

/** As `clock.after`, without the time for which `hold` holds. @returns a function that ends it. */
export function afterHeld(clock: Clock, hold: HoldSignal | undefined, ms: number, run: () => void): () => void {
  let leftMs = ms;
  let since = clock.elapsed();
  let isOver = false;
  let cancel: (() => void) | null = null;
  const go = (): void => {
    if (isOver || cancel !== null) return;
    since = clock.elapsed();
    cancel = clock.after(leftMs, () => {
      isOver = true;
      run();
    });
  };
  const stay = (): void => {
    if (cancel === null) return;
    cancel();
    cancel = null;
    leftMs = Math.max(0, leftMs - (clock.elapsed() - since));
  };
  hold?.onChange((held) => (held ? stay() : go()));
  if (hold?.held !== true) go();
  return () => {
    isOver = true;
    cancel?.();
  };
}
