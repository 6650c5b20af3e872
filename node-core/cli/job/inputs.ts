/**
 * Input items out of texts and files. What an item looks like is the template's matter: its schema says under which name
 * a line of text goes, and which columns of a table it knows.
 */
import { extname } from 'node:path';
import { Json, protocolLimits } from '../../protocol/index.ts';
import { CliError } from '../exit-codes.ts';
import { CsvError, parseCsv } from '../text/csv.ts';

export const inputFormats = ['jsonl', 'csv', 'txt'] as const;
export type InputFormat = (typeof inputFormats)[number];

export interface ItemForm {
  /** JSON Schema of an item. */
  readonly schema: Readonly<Record<string, Json>>;
  /** Where a text goes; null = as the schema says. */
  readonly field: string | null;
}

export function formatOf(path: string): InputFormat {
  const extension = extname(path).toLowerCase();
  if (['.jsonl', '.ndjson', '.json'].includes(extension)) return 'jsonl';
  return extension === '.csv' ? 'csv' : 'txt';
}

/** @throws CliError that names the line. */
export function itemsOf(source: string, name: string, format: InputFormat, form: ItemForm): Json[] {
  const items = format === 'csv' ? csvItems(source, name, form) : lineItems(source, name, format, form);
  if (items.length === 0) throw wrong(`${name} has no items: expected ${expectations[format]}`);
  if (items.length > protocolLimits.itemsPerJobMax) {
    throw wrong(`${name} has ${items.length} items; a job takes at most ${protocolLimits.itemsPerJobMax}: split it`);
  }
  return items;
}

const expectations: Readonly<Record<InputFormat, string>> = {
  jsonl: 'one JSON value per line',
  csv: 'a line of column names and one line per item',
  txt: 'one text per line',
};

/** A text as the template wants it. @throws CliError when it takes no text. */
export function textItem(text: string, { schema, field }: ItemForm): Json {
  const properties = propertiesOf(schema);
  if (field === null && schema['type'] === 'string') return text;
  const name = field ?? textField(schema, properties);
  if (name === null) {
    throw wrong('this template takes more than a text: give its items as JSON lines (--format jsonl)');
  }
  return { [name]: text };
}

function lineItems(source: string, name: string, format: 'jsonl' | 'txt', form: ItemForm): Json[] {
  const items: Json[] = [];
  for (const [index, line] of source
    .replace(/^\ufeff/, '')
    .split(/\r?\n/)
    .entries()) {
    if (line.trim() === '') continue;
    if (format === 'txt') items.push(textItem(line, form));
    else items.push(jsonItem(line, `${name}:${index + 1}`, form));
  }
  return items;
}

function jsonItem(line: string, where: string, form: ItemForm): Json {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw wrong(`${where}: not JSON: ${reason}. Expected one JSON value per line; for plain text say --format txt`);
  }
  const parsed = Json.safeParse(value);
  if (!parsed.success) throw wrong(`${where}: ${parsed.error.issues[0]?.message ?? 'not JSON'}`);
  return typeof parsed.data === 'string' ? textItem(parsed.data, form) : parsed.data;
}

function csvItems(source: string, name: string, form: ItemForm): Json[] {
  let rows: string[][];
  try {
    rows = parseCsv(source);
  } catch (error) {
    if (error instanceof CsvError) throw wrong(`${name}: ${error.message}`);
    throw error;
  }
  const [head = [], ...body] = rows;
  const itemFromRow = rowForm(head, name, form);
  return body.map((cells, index) => {
    if (cells.length !== head.length) {
      throw wrong(`${name}: row ${index + 1} has ${cells.length} cells, and the head names ${head.length} columns`);
    }
    return itemFromRow(cells);
  });
}

/** Columns that the template knows go in by their names; else the one that is named, or the only one, is the text. */
function rowForm(head: readonly string[], name: string, form: ItemForm): (cells: readonly string[]) => Json {
  const textOf = (column: number) => (cells: readonly string[]) =>
    textItem(cells[column] ?? '', { ...form, field: null });
  if (form.field !== null) {
    const column = head.indexOf(form.field);
    if (column === -1) throw wrong(`${name} has no column ${JSON.stringify(form.field)}; it has ${head.join(', ')}`);
    return textOf(column);
  }
  const properties = propertiesOf(form.schema);
  const known = head.flatMap((title, column) => {
    const property = Object.hasOwn(properties, title) ? properties[title] : undefined;
    return property === undefined ? [] : [{ title, column, type: isRecord(property) ? property['type'] : undefined }];
  });
  if (known.length > 0) {
    return (cells) =>
      Object.fromEntries(
        known.flatMap(({ title, column, type }): [string, Json][] => {
          const cell = cells[column] ?? '';
          // An empty cell is how a table leaves something out.
          return cell === '' ? [] : [[title, cellValue(cell, type)]];
        }),
      );
  }
  if (head.length === 1) return textOf(0);
  throw wrong(
    `${name}: none of its columns (${head.join(', ')}) is a part of this template's input (${Object.keys(properties).join(', ')}); name the one with the text by --field`,
  );
}

function cellValue(cell: string, type: Json | undefined): Json {
  if (type === undefined || type === 'string') return cell;
  try {
    return Json.parse(JSON.parse(cell));
  } catch {
    // The node says what it should have been.
    return cell;
  }
}

function textField(schema: Readonly<Record<string, Json>>, properties: Readonly<Record<string, Json>>): string | null {
  const takesText = (name: string) => {
    const property = properties[name];
    return property !== undefined && isRecord(property) && property['type'] === 'string';
  };
  const required = Array.isArray(schema['required'])
    ? schema['required'].flatMap((name) => (typeof name === 'string' ? [name] : []))
    : [];
  if (required.length > 0) return required.length === 1 ? (required.find(takesText) ?? null) : null;
  return Object.keys(properties).find(takesText) ?? null;
}

function propertiesOf(schema: Readonly<Record<string, Json>>): Readonly<Record<string, Json>> {
  const properties = schema['properties'];
  return properties !== undefined && isRecord(properties) ? properties : {};
}

function isRecord(value: Json): value is { [key: string]: Json } {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

const wrong = (message: string) => new CliError('usage', message);
