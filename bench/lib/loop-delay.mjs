// Loaded into the app's main process by bench/desktop.ts: how long its thread was blocked since the last SIGUSR2, in a file.
// Looking costs two hundred wake-ups a second: SIGWINCH ends it, before the process is measured at rest.
import { writeFileSync } from 'node:fs';
import { monitorEventLoopDelay } from 'node:perf_hooks';

// Not for the runners that this process starts.
delete process.env['NODE_OPTIONS'];
const file = process.env['BENCH_LOOP_FILE'];
const resolutionMs = 5;
const writeMs = 500;
const delay = monitorEventLoopDelay({ resolution: resolutionMs });
delay.enable();
process.on('SIGUSR2', () => delay.reset());
if (file !== undefined) {
  // The histogram holds the times between two turns of a timer, which are the resolution when nothing is in the way.
  const writing = setInterval(() => writeFileSync(file, String(Math.max(0, delay.max / 1e6 - resolutionMs))), writeMs);
  process.on('SIGWINCH', () => {
    delay.disable();
    clearInterval(writing);
  });
}
