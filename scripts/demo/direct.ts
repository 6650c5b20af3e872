/** The yardstick: the same prompts through the model itself, without a network, in a process of its own. */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { z } from '../../node-core/protocol/index.ts';

const script = fileURLToPath(new URL('../../resources/templates/lib/direct.mjs', import.meta.url));

/** A thousand tasks on a busy computer. */
const directMsMax = 180_000;

/** @returns one answer per line of the file, and how long that took once the model was loaded. */
export async function runDirectly(
  modelFile: string,
  promptsFile: string,
): Promise<{ answers: string[]; busyMs: number }> {
  const running = promisify(execFile)(process.execPath, [script, modelFile, promptsFile], { timeout: directMsMax });
  // It does not outlive us, however we end.
  const kill = () => void running.child.kill('SIGKILL');
  process.once('exit', kill);
  try {
    const { stdout, stderr } = await running;
    const answers = z.array(z.string()).parse(JSON.parse(stdout));
    return { answers, busyMs: z.coerce.number().parse(/(\d+) ms/.exec(stderr)?.[1]) };
  } finally {
    process.off('exit', kill);
  }
}
