/** Small pieces of Markdown. */

export function table(head: readonly string[], rows: ReadonlyArray<readonly string[]>): string {
  const line = (cells: readonly string[]) => `| ${cells.map(cell).join(' | ')} |`;
  return [line(head), `|${' --- |'.repeat(head.length)}`, ...rows.map(line)].join('\n');
}

/** A pipe would end the cell, a line break the row; outside of code `<` would begin a tag. */
function cell(text: string): string {
  const parts = text.split('`').map((part, i) => (i % 2 === 0 ? part.replaceAll('<', '&lt;') : part));
  return parts.join('`').replaceAll('|', '\\|').replaceAll('\n', ' ').trim();
}

export const code = (text: string) => `\`${text}\``;

/** The anchor that GitHub gives a heading. */
export function anchor(heading: string): string {
  return heading
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
    .replaceAll(/\s/g, '-');
}

const units: [ms: number, unit: string][] = [
  [24 * 3_600_000, 'd'],
  [3_600_000, 'h'],
  [60_000, 'min'],
  [1000, 's'],
];

/** 10000 → `10 s`. */
export function duration(ms: number): string {
  for (const [size, unit] of units) if (ms >= size && ms % size === 0) return `${ms / size} ${unit}`;
  return `${ms} ms`;
}

/** 1048576 → `1 MiB`. */
export function byteSize(bytes: number): string {
  if (bytes >= 2 ** 20 && bytes % 2 ** 20 === 0) return `${bytes / 2 ** 20} MiB`;
  if (bytes >= 1024 && bytes % 1024 === 0) return `${bytes / 1024} KiB`;
  return `${bytes} bytes`;
}

/** Sections joined by an empty line. */
export function document(...parts: readonly string[]): string {
  return `${parts.map((part) => part.trim()).join('\n\n')}\n`;
}
