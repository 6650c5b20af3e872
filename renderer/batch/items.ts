/** Input items out of a text or a file. What an item looks like is the template's matter: its schema says it. */
import { Json, protocolLimits } from '../../node-core/protocol/index.ts';
import { t } from '../text/en.ts';
import { InputError, parseCsv } from './csv.ts';

export const formats = ['txt', 'csv', 'jsonl'] as const;
export type Format = (typeof formats)[number];
export type Schema = Readonly<Record<string, Json>>;

export interface Batch {
  readonly items: readonly Json[];
  /** Of a table: its head, and the column that is the text, where the template did not decide it. */
  readonly columns: readonly string[];
  readonly column: string | null;
}

/** By name first, then by what it looks like. */
export function formatOf(name: string | null, text: string): Format {
  const ending = /\.(?<ending>\w+)$/.exec(name ?? '')?.groups?.['ending']?.toLowerCase();
  if (ending === 'csv' || ending === 'tsv') return 'csv';
  if (ending === 'jsonl' || ending === 'ndjson' || ending === 'json') return 'jsonl';
  if (ending === 'txt' || ending === 'md') return 'txt';
  const start = text.trimStart();
  return start.startsWith('{') || start.startsWith('[') ? 'jsonl' : 'txt';
}

/** @throws InputError that says where and what. */
export function readBatch(text: string, format: Format, schema: Schema, column: string | null): Batch {
  const batch =
    format === 'csv'
      ? fromCsv(text, schema, column)
      : { items: format === 'jsonl' ? fromJson(text, schema) : fromLines(text, schema), columns: [], column: null };
  if (batch.items.length > protocolLimits.itemsPerJobMax) {
    throw new InputError(t.inputErrors.tooMany(protocolLimits.itemsPerJobMax));
  }
  return batch;
}

const linesOf = (text: string): string[] => text.replace(/^\ufeff/, '').split(/\r?\n/);

function fromLines(text: string, schema: Schema): Json[] {
  return linesOf(text)
    .filter((line) => line.trim() !== '')
    .map((line) => textItem(line, schema));
}

/** One list, or one value per line. */
function fromJson(text: string, schema: Schema): Json[] {
  const trimmed = text.trim();
  if (trimmed.startsWith('[')) {
    const list = parseJson(trimmed, 1);
    if (!Array.isArray(list)) throw new InputError(t.inputErrors.notArray);
    return list.map((item) => (typeof item === 'string' ? textItem(item, schema) : item));
  }
  return linesOf(text).flatMap((line, index) => {
    if (line.trim() === '') return [];
    const item = parseJson(line, index + 1);
    return [typeof item === 'string' ? textItem(item, schema) : item];
  });
}

function parseJson(text: string, line: number): Json {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new InputError(t.inputErrors.notJson(line, error instanceof Error ? error.message : String(error)));
  }
  const parsed = Json.safeParse(value);
  if (!parsed.success) throw new InputError(t.inputErrors.notJson(line, parsed.error.issues[0]?.message ?? ''));
  return parsed.data;
}

function fromCsv(text: string, schema: Schema, wanted: string | null): Batch {
  const [head = [], ...rows] = parseCsv(text, t.inputErrors.quote);
  for (const [index, row] of rows.entries()) {
    if (row.length !== head.length) throw new InputError(t.inputErrors.cells(index + 1, row.length, head.length));
  }
  const properties = propertiesOf(schema);
  const known = head.filter((title) => Object.hasOwn(properties, title));
  const columns = head;
  if (wanted === null && known.length > 0) {
    const items = rows.map((row) =>
      Object.fromEntries(
        head.flatMap((title, index): [string, Json][] => {
          const cell = row[index] ?? '';
          // An empty cell is how a table leaves something out.
          return known.includes(title) && cell !== '' ? [[title, cellValue(cell, properties[title])]] : [];
        }),
      ),
    );
    return { items, columns, column: known.length === 1 ? (known[0] ?? null) : null };
  }
  const column = wanted !== null && head.includes(wanted) ? wanted : longestColumn(head, rows);
  const index = head.indexOf(column);
  return { items: rows.map((row) => textItem(row[index] ?? '', schema)), columns, column };
}

/** The text is most likely what is longest. */
function longestColumn(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const lengthOf = (index: number) => rows.slice(0, 50).reduce((sum, row) => sum + (row[index]?.length ?? 0), 0);
  return head.reduce(
    (best, title, index) => (lengthOf(index) > lengthOf(head.indexOf(best)) ? title : best),
    head[0] ?? '',
  );
}

function cellValue(cell: string, property: Json | undefined): Json {
  const type = property !== undefined && isRecord(property) ? property['type'] : undefined;
  if (type === undefined || type === 'string') return cell;
  try {
    return Json.parse(JSON.parse(cell));
  } catch {
    // The node says what it should have been.
    return cell;
  }
}

/** A text as the template wants it. @throws InputError when it takes no text. */
export function textItem(text: string, schema: Schema): Json {
  if (schema['type'] === 'string') return text;
  const properties = propertiesOf(schema);
  const takesText = (name: string): boolean => {
    const property = properties[name];
    return property !== undefined && isRecord(property) && property['type'] === 'string';
  };
  const required = Array.isArray(schema['required'])
    ? schema['required'].flatMap((name) => (typeof name === 'string' ? [name] : []))
    : [];
  const name =
    required.length > 1
      ? undefined
      : required.length === 1
        ? required.find(takesText)
        : Object.keys(properties).find(takesText);
  if (name === undefined) throw new InputError(t.inputErrors.noText);
  return { [name]: text };
}

export function propertiesOf(schema: Schema): Readonly<Record<string, Json>> {
  const properties = schema['properties'];
  return properties !== undefined && isRecord(properties) ? properties : {};
}

export function isRecord(value: Json): value is { [key: string]: Json } {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The value in few letters: what a label or an answer says, without the form around it. */
export function shortText(value: Json): string {
  if (typeof value === 'string') return value;
  if (isRecord(value)) {
    for (const key of ['label', 'text', 'prompt']) {
      const found = value[key];
      if (typeof found === 'string') return found;
    }
  }
  return JSON.stringify(value);
}
