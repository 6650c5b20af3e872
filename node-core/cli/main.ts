/**
 * The command line: `infernet-desktop <command>`, for people and for scripts. `--headless` is the node itself
 * (`headless.ts`); everything else asks a running one through its control API. The commands are in `table.ts`.
 */
import { exitCodes } from './exit-codes.ts';
import { runProgram } from './program.ts';
import { closeWorld, realWorld } from './world.ts';

const words = process.argv.slice(2);
const headless = words.indexOf('--headless');
// Before or after its other options, but not as a word of a command.
if (
  headless !== -1 &&
  words.slice(0, headless).every((word, i) => word.startsWith('-') || words[i - 1]?.startsWith('-'))
) {
  // It reads its options itself.
  process.argv.splice(2 + headless, 1);
  await import('../headless.ts');
} else {
  const exit = await runProgram(words, realWorld);
  await closeWorld();
  process.exit(exitCodes[exit]);
}
