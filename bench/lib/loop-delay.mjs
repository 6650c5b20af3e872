// Loaded into the app's main process by bench/desktop.ts: how long its thread was blocked since the last SIGUSR2, in a file.
// A processor that other programs took away blocks as well, so the time that the thread itself ran between two turns of the
// timer stands beside it: that much of a block is ours. Looking costs two hundred wake-ups a second: SIGWINCH ends it, before
// the process is measured at rest.
import { writeFileSync } from 'node:fs';

// Not for the runners that this process starts.
delete process.env['NODE_OPTIONS'];
const file = process.env['BENCH_LOOP_FILE'];
const everyMs = 5;
const writeMs = 500;

let longest = { blockMs: 0, ownMs: 0 };
let at = performance.now();
let used = process.threadCpuUsage();
process.on('SIGUSR2', () => {
  longest = { blockMs: 0, ownMs: 0 };
});
if (file !== undefined) {
  const looking = setInterval(() => {
    const { user, system } = process.threadCpuUsage(used);
    const now = performance.now();
    longest = {
      blockMs: Math.max(longest.blockMs, now - at - everyMs),
      ownMs: Math.max(longest.ownMs, (user + system) / 1000),
    };
    at = now;
    used = process.threadCpuUsage();
  }, everyMs);
  const writing = setInterval(() => writeFileSync(file, JSON.stringify(longest)), writeMs);
  process.on('SIGWINCH', () => {
    clearInterval(looking);
    clearInterval(writing);
  });
}
