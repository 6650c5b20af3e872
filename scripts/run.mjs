// node scripts/run.mjs <file.ts | file.mjs | tool> [arguments]
//
// Installs what is missing, then runs the file, or the named tool, under the pinned Node 24. The system's Node may
// be 20: Node 24 runs our TypeScript as it is.

import { spawn } from 'node:child_process';
import { closeSync, existsSync, openSync } from 'node:fs';
import { constants } from 'node:os';
import { delimiter, join } from 'node:path';
import { ensureInstall, InstallError, nodeBinary, root } from './lib/ensure-install.mjs';
import { toolPath } from './lib/tools.mjs';

const [target, ...args] = process.argv.slice(2);
if (target === undefined) fail('usage: node scripts/run.mjs <file.ts | file.mjs | tool> [arguments]');

try {
  await ensureInstall();
} catch (error) {
  if (error instanceof InstallError) fail(error.message);
  throw error;
}

const isFile = /\.(ts|mjs|js|cjs)$/.test(target);
const file = isFile ? join(root, target) : toolPath(target);
if (!existsSync(file)) fail(`${target} does not exist in ${root}`);

const child = spawn(nodeBinary, [file, ...args], {
  stdio: 'inherit',
  env: {
    // Stripped and compiled once instead of in every process and worker: a node starts in half the time. It also keeps
    // V8's WebAssembly, which strips types, out of short-lived workers, where Node 24 has crashed
    // ("Check failed: jit_page.has_value()").
    NODE_COMPILE_CACHE: join(root, 'node_modules', '.cache', 'node-compile'),
    ...process.env,
    PATH: `${join(root, 'node_modules', '.bin')}${delimiter}${process.env.PATH ?? ''}`,
  },
});

// On Ctrl-C the terminal signals the child as well; passing it on would look like a second, impatient Ctrl-C.
const terminalSignalsTheChild = hasTerminal();
process.on('SIGINT', () => terminalSignalsTheChild || child.kill('SIGINT'));
process.on('SIGTERM', () => child.kill('SIGTERM'));
process.on('SIGHUP', () => child.kill('SIGHUP'));

child.on('error', (error) => fail(`${nodeBinary} could not be started: ${error.message}`));
child.on('exit', (code, signal) => {
  process.exit(code ?? 128 + (signal === null ? 0 : constants.signals[signal]));
});

function hasTerminal() {
  if (process.platform === 'win32') return true;
  try {
    closeSync(openSync('/dev/tty', 'r'));
    return true;
  } catch {
    return false;
  }
}

/**
 * @param {string} message
 * @returns {never}
 */
function fail(message) {
  process.stderr.write(`infernet: ${message}\n`);
  process.exit(1);
}
