/**
 * `npm start`: the app. Where Electron's program is there, or can be fetched, its window opens; elsewhere the same
 * interface opens in the installed browser, from a node on this computer.
 *
 *     npm start -- --browser              the browser in any case
 *     npm start -- --data ./my-node       another data folder
 *     npm start -- --no-open              only print the address
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { defaultDataFolder } from '../node-core/config/index.ts';
import { connectControl, requestPageUrl } from '../node-core/control/index.ts';
import { toolPath } from './lib/tools.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const fetchElectronMs = 5 * 60_000;
const say = (line: string) => process.stderr.write(`infernet: ${line}\n`);

const { values: options } = parseArgs({
  options: {
    browser: { type: 'boolean', default: false },
    data: { type: 'string' },
    'no-open': { type: 'boolean', default: false },
  },
});

if (isBuildStale()) build();
const electron = options.browser ? null : electronProgram();
if (electron !== null) {
  const child = spawn(electron, [root, ...(options.data === undefined ? [] : ['--data', resolve(options.data)])], {
    stdio: 'inherit',
  });
  child.once('exit', (code) => process.exit(code ?? 1));
} else {
  if (!options.browser) say('Electron’s program cannot be had here, so the interface opens in your browser');
  await openInBrowser(resolve(options.data ?? defaultDataFolder()));
}

/** @returns the path of Electron's program, fetched if need be, or null. */
function electronProgram(): string | null {
  const folder = join(root, 'node_modules/electron');
  const found = () => {
    const pathFile = join(folder, 'path.txt');
    const program = existsSync(pathFile) ? join(folder, 'dist', readFileSync(pathFile, 'utf8')) : null;
    return program !== null && existsSync(program) ? program : null;
  };
  const there = found();
  if (there !== null) return there;
  spawnSync(process.execPath, [join(folder, 'install.js')], { stdio: 'ignore', timeout: fetchElectronMs });
  return found();
}

/** A node that runs on the data folder already is taken as it is, and goes on when this program ends. */
async function openInBrowser(dataFolder: string): Promise<void> {
  const child = (await isRunning(dataFolder)) ? null : await startNode(dataFolder);
  const url = await requestPageUrl(dataFolder);
  process.stdout.write(`${url}\n`);
  if (options['no-open'] || !openBrowser(url)) say('open this address within a minute; it works once');
  if (child !== null) say('the node runs as long as this does; Ctrl-C stops both');
}

async function isRunning(dataFolder: string): Promise<boolean> {
  try {
    await (await connectControl(dataFolder)).close();
    return true;
  } catch {
    return false;
  }
}

function startNode(dataFolder: string): Promise<ChildProcess> {
  const headless = join(root, 'node-core/headless.ts');
  const child = spawn(process.execPath, [headless, '--data', dataFolder], { stdio: ['ignore', 'pipe', 'inherit'] });
  for (const signal of ['SIGTERM', 'SIGHUP'] as const) process.on(signal, () => child.kill(signal));
  // In a terminal Ctrl-C reaches the node as well: passing it on would look like a second, impatient one.
  process.on('SIGINT', () => {});
  child.once('exit', (code) => process.exit(code ?? 1));
  return new Promise((ready) => {
    createInterface({ input: child.stdout }).once('line', () => ready(child));
  });
}

/** @returns false where there is no window to open it in. */
function openBrowser(url: string): boolean {
  const [program, ...args] =
    process.platform === 'darwin'
      ? ['open', url]
      : process.platform === 'win32'
        ? ['explorer', url]
        : process.env['DISPLAY'] || process.env['WAYLAND_DISPLAY']
          ? ['xdg-open', url]
          : [];
  if (program === undefined) return false;
  const child = spawn(program, args, { stdio: 'ignore', detached: true });
  child.once('error', () => say(`${program} could not be started; open the address yourself`));
  child.unref();
  return true;
}

function isBuildStale(): boolean {
  const built = statSync(join(root, 'out/renderer/index.html'), { throwIfNoEntry: false })?.mtimeMs ?? 0;
  return ['renderer', 'electron', 'node-core'].some((folder) => newestIn(join(root, folder)) > built);
}

function newestIn(folder: string): number {
  let newest = 0;
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile() || entry.name.endsWith('.test.ts')) continue;
    newest = Math.max(newest, statSync(join(entry.parentPath, entry.name)).mtimeMs);
  }
  return newest;
}

function build(): void {
  say('building the interface …');
  const { status } = spawnSync(process.execPath, [toolPath('electron-vite'), 'build', '--logLevel', 'warn'], {
    cwd: root,
    stdio: ['ignore', 2, 2],
  });
  if (status !== 0) process.exit(status ?? 1);
}
