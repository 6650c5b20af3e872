/** A process that was killed cannot clean up after itself: the next one does it. */
import { readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A folder may belong to a process of another container, whose number says nothing here: it gets time to end. */
const ageMsMin = 10 * 60_000;

/** Removes temporary folders named `<prefix><process id>-…` whose process is gone. Never throws: nothing depends on it. */
export async function removeLeftovers(prefix: string): Promise<void> {
  const names = await readdir(tmpdir()).catch((): string[] => []);
  for (const name of names) {
    const pid = name.startsWith(prefix) ? /^(\d+)-/.exec(name.slice(prefix.length))?.[1] : undefined;
    if (pid === undefined || isAlive(Number(pid))) continue;
    const folder = join(tmpdir(), name);
    try {
      const { mtimeMs } = await stat(folder);
      if (Date.now() - mtimeMs > ageMsMin) await rm(folder, { recursive: true, force: true });
    } catch {
      // Another's, or gone already.
    }
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}
