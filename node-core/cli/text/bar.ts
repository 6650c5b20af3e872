import type { Style, Terminal } from './terminal.ts';

const barCells = 24;

/** @param share 0…1. */
export function bar(terminal: Terminal, share: number, style: Style): string {
  const full = Math.round(Math.min(1, Math.max(0, share)) * barCells);
  return terminal.paint(style, '█'.repeat(full)) + terminal.paint('dim', '░'.repeat(barCells - full));
}
