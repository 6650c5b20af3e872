import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { type FullScreenOptions, fullScreenWatch } from './full-screen.ts';
import { lineHelper } from './line-helper.ts';

const ownPid = 4711;
type Run = NonNullable<FullScreenOptions['run']>;

describe('a full screen on X11', () => {
  /** @param root what xprop says of the root, @param active of the window that is active; null = it fails. */
  const onX11 = (root: string, active: string | null = null, env: Record<string, string> = { DISPLAY: ':0' }) => {
    const run: Run = async (_program, [what]) => {
      const text = what === '-root' ? root : active;
      return text === null ? { isMissing: false, error: 'X Error: BadWindow' } : { text };
    };
    return fullScreenWatch({ platform: 'linux', env, ownPid, run })();
  };
  const root = '_NET_ACTIVE_WINDOW(WINDOW): window id # 0x1c00003\n';
  const state = (atoms: string, pid = 99) => `_NET_WM_STATE(ATOM) = ${atoms}\n_NET_WM_PID(CARDINAL) = ${pid}\n`;

  it('is one when the active window says so', async () => {
    expect(await onX11(root, state('_NET_WM_STATE_FULLSCREEN'))).toEqual({ fills: true });
    expect(await onX11(root, state('_NET_WM_STATE_ABOVE, _NET_WM_STATE_FULLSCREEN'))).toEqual({ fills: true });
    expect(await onX11(`${root.trim()}, 0x0\n`, state('_NET_WM_STATE_FULLSCREEN'))).toEqual({ fills: true });
  });

  it('is none when that is only large, says nothing, is ours, has gone, or there is none', async () => {
    expect(await onX11(root, state('_NET_WM_STATE_MAXIMIZED_VERT, _NET_WM_STATE_MAXIMIZED_HORZ'))).toEqual({
      fills: false,
    });
    expect(await onX11(root, '_NET_WM_STATE:  not found.\n_NET_WM_PID:  not found.\n')).toEqual({ fills: false });
    expect(await onX11(root, state('_NET_WM_STATE_FULLSCREEN', ownPid))).toEqual({ fills: false });
    expect(await onX11(root)).toEqual({ fills: false });
    expect(await onX11('_NET_ACTIVE_WINDOW(WINDOW): window id # 0x0\n')).toEqual({ fills: false });
    const nothingYet = '_NET_ACTIVE_WINDOW:  not found.\n_NET_SUPPORTING_WM_CHECK(WINDOW): window id # 0x20020b\n';
    expect(await onX11(nothingYet)).toEqual({ fills: false });
  });

  it('is not seen without a display or a window manager, and it says so', async () => {
    const unseen = (reason: RegExp) => ({ unseen: { reason: expect.stringMatching(reason), fix: '' } });
    expect(await onX11(root, null, {})).toEqual(unseen(/without a display/));
    expect(await onX11(root, null, { WAYLAND_DISPLAY: 'wayland-0' })).toEqual(unseen(/Wayland/));
    expect(await onX11('_NET_ACTIVE_WINDOW:  not found.\n_NET_SUPPORTING_WM_CHECK:  not found.\n')).toEqual(
      unseen(/window manager/),
    );
  });

  it('is not seen without xprop, and what brings it is named', async () => {
    const run: Run = async () => ({ isMissing: true, error: '' });
    const look = fullScreenWatch({ platform: 'linux', env: { DISPLAY: ':0' }, run });
    expect(await look()).toEqual({
      unseen: { reason: expect.stringMatching(/no xprop/), fix: expect.stringMatching(/x11-utils/) },
    });
  });
});

// What it says was written after the documentation: no Windows was here.
describe('a full screen on Windows', () => {
  const saying = (line: string | null) =>
    fullScreenWatch({ platform: 'win32', ownPid, helper: { ask: async () => line } })();

  it.each([
    ['0 1 99', false],
    ['0 2 99', true],
    ['0 3 99', true],
    ['0 4 99', true],
    ['0 5 99', false],
    ['0 6 99', false],
    [`0 2 ${ownPid}`, false],
  ])('is told from what PowerShell says (%s)', async (line, fills) => {
    expect(await saying(line)).toEqual({ fills });
  });

  it.each([null, '-2147024891 0 0', 'Add-Type : cannot'])('is not seen where it says %s', async (line) => {
    expect(await saying(line)).toEqual({ unseen: { reason: expect.stringMatching(/Windows/), fix: '' } });
  });
});

it('a full screen is not seen on a Mac, and it says why', async () => {
  expect(await fullScreenWatch({ platform: 'darwin' })()).toEqual({
    unseen: { reason: expect.stringMatching(/control the computer/), fix: '' },
  });
});

describe.skipIf(process.platform === 'win32')('a program that stays', () => {
  const folder = mkdtempSync(join(tmpdir(), 'infernet-helper-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  const programOf = (name: string, body: string): string => {
    const path = join(folder, name);
    writeFileSync(path, `#!/bin/sh\n${body}\n`);
    chmodSync(path, 0o755);
    return path;
  };

  it('answers each line, one process for all, and one that has ended is started again', async () => {
    const helper = lineHelper(programOf('twice', 'read x; echo "$$ 1"; read x; echo "$$ 2"'), [], 10_000);
    const [first, second] = [await helper.ask(), await helper.ask()];
    expect(second).toBe(first?.replace(/ 1$/, ' 2'));
    // Whether it has ended by now is seen by the answer or by its lack.
    const third = (await helper.ask()) ?? (await helper.ask());
    expect(third).toMatch(/^\d+ 1$/);
    expect(third).not.toBe(first);
  });

  it('gives no answer where it is not there, or cannot work', async () => {
    const gone = lineHelper(join(folder, 'gone'), [], 10_000);
    expect(await gone.ask()).toBeNull();
    const starts = join(folder, 'starts');
    const failing = lineHelper(programOf('failing', `echo x >> ${starts}; exit 1`), [], 10_000);
    for (let i = 0; i < 6; i += 1) expect(await failing.ask()).toBeNull();
    expect(readFileSync(starts, 'utf8')).toBe('x\nx\nx\n');
  });
});
