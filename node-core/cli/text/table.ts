/** Columns of text, and pairs of name and value. */
import { clipped, type Terminal, widthOf } from './terminal.ts';

export interface Column {
  readonly title: string;
  readonly align?: 'left' | 'right';
}

const gap = '  ';

export function tableLines(
  terminal: Terminal,
  columns: readonly Column[],
  rows: ReadonlyArray<readonly string[]>,
): string[] {
  const widths = columns.map(({ title }, i) => Math.max(title.length, ...rows.map((row) => widthOf(row[i] ?? ''))));
  const line = (cells: readonly string[]) =>
    columns
      .map(({ align }, i) => {
        const text = cells[i] ?? '';
        const fill = ' '.repeat(Math.max(0, (widths[i] ?? 0) - widthOf(text)));
        return align === 'right' ? fill + text : text + fill;
      })
      .join(gap)
      .trimEnd();
  const head = terminal.paint('dim', line(columns.map(({ title }) => title)));
  return [head, ...rows.map(line)].map((text) => clipped(text, terminal.columns));
}

/** Names in one column, values in the next; further lines of a value below it. */
export function pairLines(
  terminal: Terminal,
  pairs: ReadonlyArray<readonly [name: string, value: string | readonly string[]]>,
): string[] {
  const width = Math.max(...pairs.map(([name]) => name.length));
  return pairs.flatMap(([name, value]) => {
    const [first = '', ...rest] = typeof value === 'string' ? [value] : value;
    return [
      `${terminal.paint('dim', name.padEnd(width))}${gap}${first}`.trimEnd(),
      ...rest.map((line) => ' '.repeat(width) + gap + line),
    ];
  });
}
