/** Size and place of the window, from the last time; a screen that is gone takes nothing with it. */
import { readFileSync, writeFileSync } from 'node:fs';
import { z } from '../node-core/protocol/index.ts';

export interface Rectangle {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

const State = z.object({
  bounds: z.object({ x: z.int(), y: z.int(), width: z.int().min(480), height: z.int().min(400) }),
  maximized: z.boolean(),
});
export type WindowState = z.infer<typeof State>;

/** @returns null when there is none, or it makes no sense. */
export function readWindowState(path: string): WindowState | null {
  try {
    return State.parse(JSON.parse(readFileSync(path, 'utf8')));
  } catch {
    return null;
  }
}

export function saveWindowState(path: string, state: WindowState): void {
  try {
    writeFileSync(path, JSON.stringify(state));
  } catch {
    // It is a comfort, and no reason to disturb anybody.
  }
}

/** Enough of the window is on some screen to be taken hold of. */
export function isOnScreen({ x, y, width }: Rectangle, screens: readonly Rectangle[]): boolean {
  const grip = 100;
  return screens.some(
    (screen) =>
      x + width - grip >= screen.x &&
      x + grip <= screen.x + screen.width &&
      y >= screen.y - 10 &&
      y + 40 <= screen.y + screen.height,
  );
}
