/** The Clock port by this computer's clocks. */
import type { Clock } from '../ports/index.ts';

/** The platform's timers count in 32 bits: a longer wait would fire at once. */
const timerMsMax = 2 ** 31 - 1;

export function createSystemClock(): Clock {
  return {
    now: () => Date.now(),
    elapsed: () => performance.now(),
    after(ms, run) {
      // A timer of 0 ms fires after 1 ms; what is only to come after this moment need not wait for it.
      if (ms <= 0) {
        const soon = setImmediate(run);
        return () => clearImmediate(soon);
      }
      let timer: NodeJS.Timeout;
      const wait = (left: number) => {
        const step = Math.min(Math.max(left, 0), timerMsMax);
        timer = setTimeout(() => (left > step ? wait(left - step) : run()), step);
      };
      wait(ms);
      return () => clearTimeout(timer);
    },
  };
}
