/**
 * Many containers, one after the other and then together, and what they leave behind in the engine and in this process:
 * for the test that says "nothing", and for the soak.
 */
import { readdirSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type Docker from 'dockerode';
import type { RunOutcome } from '../../ports/index.ts';

export interface TurnoverPlan {
  readonly docker: Docker;
  readonly sequence: number;
  readonly together: number;
  /** One run in a container of its own. */
  run(): Promise<RunOutcome>;
}

export interface Turnover {
  /** Why runs failed; empty where none did. */
  readonly faults: readonly string[];
  /** Of one run, from asking to its answer. */
  readonly medianMs: number;
  readonly slowestMs: number;
  /** What is there at the end and was not there after the warm-up. */
  readonly containersLeft: number;
  readonly openFilesMore: number;
  /** Live objects and buffers at the end beyond the fewest that were seen before, after collecting what is garbage. */
  readonly memoryMoreBytes: number;
}

/** Of one round before the count begins. */
const warmUpRuns = 10;
const warmUpRoundsMax = 8;
/** At live bytes, on the way. */
const looks = 10;
/** Rounds that keep nothing were seen to differ by 90 KiB. */
const restlessBytesMax = 128 * 2 ** 10;
/** Sockets of the last calls close a moment later. */
const openFilesSpare = 2;
const settleMsMax = 30_000;
const pollMs = 50;

export async function turnOver({ docker, sequence, together, run }: TurnoverPlan): Promise<Turnover> {
  const faults: string[] = [];
  const times: number[] = [];
  const once = async (): Promise<void> => {
    const startedAt = performance.now();
    const outcome = await run();
    times.push(performance.now() - startedAt);
    if (!outcome.ok) faults.push(`${outcome.code}: ${outcome.message}`);
  };
  const left = async (): Promise<number> => (await docker.listContainers({ all: true })).length;
  const openFiles = (): number => readdirSync('/proc/self/fd').length;

  // What runs once only is loaded, compiled and cached when live bytes no longer fall: counted before, it would hide a leak.
  // V8 lets go of what it compiled for the start minutes later, which would hide as much of one, too: so the lowest counts.
  let lowestBytes = Number.POSITIVE_INFINITY;
  for (let round = 0; round < warmUpRoundsMax; round++) {
    for (let i = 0; i < warmUpRuns; i++) await run();
    await Promise.all(Array.from({ length: together }, run));
    await until(async () => (await left()) === 0);
    const bytes = await liveBytes();
    const isSettled = bytes > lowestBytes - restlessBytesMax;
    lowestBytes = Math.min(lowestBytes, bytes);
    if (isSettled) break;
  }
  const filesBefore = openFiles();
  for (let i = 1; i <= sequence; i++) {
    await once();
    if (i % Math.ceil(sequence / looks) === 0) lowestBytes = Math.min(lowestBytes, await liveBytes());
  }
  await Promise.all(Array.from({ length: together }, once));
  await until(async () => (await left()) === 0 && openFiles() <= filesBefore + openFilesSpare);

  const sorted = times.toSorted((a, b) => a - b);
  return {
    faults,
    medianMs: sorted[Math.floor(sorted.length / 2)] ?? 0,
    slowestMs: sorted.at(-1) ?? 0,
    containersLeft: await left(),
    openFilesMore: Math.max(0, openFiles() - filesBefore - openFilesSpare),
    memoryMoreBytes: (await liveBytes()) - lowestBytes,
  };
}

/** Gives up silently: what is still there is counted then. */
async function until(holds: () => Promise<boolean>): Promise<void> {
  for (const end = performance.now() + settleMsMax; performance.now() < end; await sleep(pollMs)) {
    if (await holds()) return;
  }
}

async function liveBytes(): Promise<number> {
  setFlagsFromString('--expose-gc');
  const collect: unknown = runInNewContext('gc');
  if (typeof collect !== 'function') throw new Error('this program cannot be told to collect garbage');
  for (let i = 0; i < 3; i++) {
    collect();
    // What is freed by callbacks.
    await sleep(pollMs);
  }
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}
