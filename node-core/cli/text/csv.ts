/** Comma-separated values as RFC 4180 has them. */

export class CsvError extends Error {
  override readonly name = 'CsvError';
}

/** Rows of cells; cells in quotes may hold commas, line breaks and doubled quotes. @throws CsvError with the line. */
export function parseCsv(source: string): string[][] {
  const text = source.replace(/^\ufeff/, '');
  const rows: string[][] = [];
  let row: string[] = [];
  let cell = '';
  let line = 1;
  let quotedSince: number | null = null;
  let wasQuoted = false;
  const endCell = () => {
    row.push(cell);
    cell = '';
    wasQuoted = false;
  };
  const endRow = () => {
    const isEmpty = row.length === 0 && cell === '' && !wasQuoted;
    endCell();
    if (!isEmpty) rows.push(row);
    row = [];
  };
  for (let i = 0; i < text.length; i += 1) {
    const letter = text[i] ?? '';
    if (letter === '\n') line += 1;
    if (quotedSince !== null) {
      if (letter !== '"') cell += letter;
      else if (text[i + 1] === '"') {
        cell += '"';
        i += 1;
      } else quotedSince = null;
    } else if (letter === '"' && cell === '' && !wasQuoted) {
      quotedSince = line;
      wasQuoted = true;
    } else if (letter === '"' || (wasQuoted && ![',', '\n', '\r'].includes(letter))) {
      throw new CsvError(
        `line ${line}: a quote in the middle of a cell; put the cell in quotes and double each quote inside`,
      );
    } else if (letter === ',') endCell();
    else if (letter === '\n') endRow();
    else if (letter !== '\r' || text[i + 1] !== '\n') cell += letter;
  }
  if (quotedSince !== null) throw new CsvError(`line ${quotedSince}: a quote is opened and never closed`);
  if (cell !== '' || row.length > 0 || wasQuoted) endRow();
  return rows;
}

export function csvLine(cells: ReadonlyArray<string | number | null>): string {
  return cells
    .map((cell) => {
      const text = cell === null ? '' : String(cell);
      return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
    })
    .join(',');
}
