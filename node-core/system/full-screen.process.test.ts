/** On a real X server with a real window manager: a browser that fills the screen is noticed, and its end. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, expect } from 'vitest';
import { chromiumPath, requires } from '../../e2e/capabilities.ts';
import { type FullScreenLook, fullScreenWatch } from './full-screen.ts';

const waitMsMax = 30_000;
const pollMs = 100;
const folder = mkdtempSync(join(tmpdir(), 'infernet-screen-'));
const children: ChildProcess[] = [];

afterEach(async () => {
  await Promise.all(children.splice(0).reverse().map(ended));
  rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
});

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
  const exited = new Promise((resolve) => child.once('exit', resolve));
  // Its helpers too.
  process.kill(-child.pid, 'SIGKILL');
  await exited;
}

function start(program: string, args: readonly string[], display?: string): ChildProcess {
  const env = { ...process.env, HOME: folder, ...(display !== undefined && { DISPLAY: display }) };
  const child = spawn(program, [...args], { stdio: ['ignore', 'pipe', 'ignore'], detached: true, env });
  children.push(child);
  return child;
}

/** An X server on a number that is free. */
async function startServer(): Promise<string> {
  const server = start('Xvfb', ['-displayfd', '1', '-screen', '0', '800x600x24', '-nolisten', 'tcp']);
  return await new Promise((resolve, reject) => {
    server.once('exit', () => reject(new Error('Xvfb ended')));
    if (server.stdout !== null) createInterface(server.stdout).once('line', (line) => resolve(`:${line.trim()}`));
  });
}

async function until(look: () => Promise<FullScreenLook>, wanted: FullScreenLook): Promise<void> {
  let last: FullScreenLook | null = null;
  for (const deadline = performance.now() + waitMsMax; performance.now() < deadline; ) {
    last = await look();
    if ('fills' in last && 'fills' in wanted && last.fills === wanted.fills) return;
    await new Promise((resolve) => setTimeout(resolve, pollMs));
  }
  expect(last).toEqual(wanted);
}

requires('x11', 'chromium')(
  'a program that fills the screen is noticed, and so is its end',
  async () => {
    const display = await startServer();
    const watch = (ownPid: number) =>
      fullScreenWatch({ platform: 'linux', env: { ...process.env, DISPLAY: display }, ownPid });
    const look = watch(process.pid);
    expect(await look()).toEqual({ unseen: { reason: expect.stringMatching(/window manager/), fix: '' } });
    start('openbox', ['--sm-disable'], display);
    await until(look, { fills: false });

    const words = ['--no-sandbox', '--disable-gpu', '--no-first-run', `--user-data-dir=${join(folder, 'profile')}`];
    const small = start(chromiumPath ?? '', [...words, '--window-size=300,200', 'about:blank'], display);
    const pidOf = (child: ChildProcess): number => child.pid ?? 0;
    await until(look, { fills: false });
    await ended(small);

    const film = start(chromiumPath ?? '', [...words, '--kiosk', 'about:blank'], display);
    await until(look, { fills: true });
    expect(await watch(pidOf(film))()).toEqual({ fills: false });
    await ended(film);
    await until(look, { fills: false });
  },
  120_000,
);

requires('x11')('a display that is gone is not called free of full screens', async () => {
  const look = fullScreenWatch({ platform: 'linux', env: { ...process.env, DISPLAY: ':4095' } });
  expect(await look()).toEqual({ unseen: { reason: expect.stringMatching(/:4095 does not answer/), fix: '' } });
});
