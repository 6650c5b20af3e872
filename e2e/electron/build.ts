/** A build of the sources as they are: the one in out/ may be older. */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));

export function build(): Promise<void> {
  return new Promise((resolve, reject) => {
    const electronVite = join(root, 'node_modules/electron-vite/bin/electron-vite.js');
    const child = spawn(process.execPath, [electronVite, 'build', '--logLevel', 'error'], {
      cwd: root,
      stdio: ['ignore', 'ignore', 'inherit'],
      // vitest sets "test", and what is under test is what ships.
      env: { ...process.env, NODE_ENV: 'production' },
    });
    child.once('exit', (code) => (code === 0 ? resolve() : reject(new Error(`the build ended with code ${code}`))));
  });
}
