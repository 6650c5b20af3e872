import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { isOnScreen, readWindowState, saveWindowState } from './window-state.ts';

const folder = mkdtempSync(join(tmpdir(), 'infernet-window-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

it('comes back as it was saved, and not at all when the file is damaged', () => {
  const path = join(folder, 'window.json');
  expect(readWindowState(path)).toBeNull();
  const state = { bounds: { x: 1, y: 2, width: 900, height: 700 }, maximized: false };
  saveWindowState(path, state);
  expect(readWindowState(path)).toEqual(state);
  writeFileSync(path, '{"bounds":{"x":1,"y":2,"width":1,"height":1},"maximized":false}');
  expect(readWindowState(path)).toBeNull();
});

it('is only where a screen is', () => {
  const screens = [{ x: 0, y: 0, width: 1920, height: 1080 }];
  expect(isOnScreen({ x: 100, y: 100, width: 900, height: 700 }, screens)).toBe(true);
  expect(isOnScreen({ x: 2500, y: 100, width: 900, height: 700 }, screens)).toBe(false);
  expect(isOnScreen({ x: 100, y: -500, width: 900, height: 700 }, screens)).toBe(false);
});
