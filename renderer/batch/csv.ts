/** CSV as RFC 4180 describes it; separated by comma, semicolon or tab, whichever the head has most of. */

export class InputError extends Error {
  override readonly name = 'InputError';
}

export function parseCsv(source: string, unclosed: string): string[][] {
  const text = source.replace(/^\ufeff/, '');
  const separator = separatorOf(text);
  const rows: string[][] = [];
  let row: string[] = [];
  let cell = '';
  let quoted = false;
  let i = 0;
  const endRow = (): void => {
    row.push(cell);
    // A line without anything on it is no row.
    if (row.length > 1 || cell !== '') rows.push(row);
    row = [];
    cell = '';
  };
  while (i < text.length) {
    const letter = text[i] ?? '';
    i += 1;
    if (quoted) {
      if (letter !== '"') cell += letter;
      else if (text[i] === '"') {
        cell += '"';
        i += 1;
      } else quoted = false;
    } else if (letter === '"' && cell === '') quoted = true;
    else if (letter === separator) {
      row.push(cell);
      cell = '';
    } else if (letter === '\n') endRow();
    else if (letter !== '\r') cell += letter;
  }
  if (quoted) throw new InputError(unclosed);
  if (cell !== '' || row.length > 0) endRow();
  return rows;
}

function separatorOf(text: string): string {
  const head = text.split('\n', 1)[0] ?? '';
  const counts = [',', ';', '\t'].map((letter) => ({ letter, count: head.split(letter).length }));
  return counts.reduce((most, one) => (one.count > most.count ? one : most)).letter;
}

/** A cell that begins like a formula is quoted by an apostrophe: spreadsheets would run it (CWE-1236). */
export function csvCell(value: string): string {
  const safe = /^[=+\-@\t\r]/.test(value) && !/^-?\d+(\.\d+)?$/.test(value) ? `'${value}` : value;
  return /[",\r\n;]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

export const csvText = (rows: readonly (readonly string[])[]): string =>
  `${rows.map((row) => row.map(csvCell).join(',')).join('\r\n')}\r\n`;
