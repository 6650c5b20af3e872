/**
 * The command line: `infernet-desktop <command>`, for people and for scripts. `--headless` is the node itself
 * (`headless.ts`); everything else asks a running one through its control API. The commands are in `table.ts`.
 */
import { exitCodes } from './exit-codes.ts';
import { runProgram } from './program.ts';
import { closeWorld, realWorld } from './world.ts';

const words = process.argv.slice(2);
if (words[0] === '--headless') {
  // It reads its options itself.
  process.argv.splice(2, 1);
  await import('../headless.ts');
} else {
  const exit = await runProgram(words, realWorld);
  await closeWorld();
  process.exit(exitCodes[exit]);
}
