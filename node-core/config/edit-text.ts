/** Changes single values in the text of a configuration; comments, order and form of the rest stay. */
import { isCollection, isScalar, parseDocument } from 'yaml';
import type { Json } from '../protocol/index.ts';

export interface TextChange {
  readonly path: readonly string[];
  /** undefined takes the key out, so that the default holds again. */
  readonly value: Json | undefined;
}

export function editText(text: string, changes: readonly TextChange[]): string {
  const json = jsonOf(text);
  if (json !== null) {
    return `${JSON.stringify(
      changes.reduce<Json>((value, change) => withChange(value, change.path, change.value), json),
      null,
      indentOf(text),
    )}\n`;
  }
  const document = parseDocument(text);
  for (const { path, value } of changes) {
    if (value === undefined) {
      if (document.hasIn(path)) document.deleteIn(path);
      continue;
    }
    // `network:` with nothing behind it holds no keys yet.
    for (let depth = path.length - 1; depth > 0; depth--) {
      const section = document.getIn(path.slice(0, depth), true);
      if (section !== undefined && !isCollection(section))
        document.setIn(path.slice(0, depth), document.createNode({}));
    }
    if (isScalar(document.contents) && document.contents.value === null) document.contents = null;
    const isPlain = typeof value !== 'object';
    document.setIn(path, isPlain ? value : document.createNode(value, { flow: true }));
  }
  return document.toString({ lineWidth: 0 });
}

/** YAML's writer would give a text that is JSON keys without quotes. */
function jsonOf(text: string): Json | null {
  if (!text.trimStart().startsWith('{')) return null;
  try {
    return JSON.parse(text) as Json;
  } catch {
    return null;
  }
}

function indentOf(text: string): string {
  return /\n(?<space>[ \t]+)"/.exec(text)?.groups?.['space'] ?? '  ';
}

function withChange(into: Json, [key, ...rest]: readonly string[], value: Json | undefined): Json {
  if (key === undefined) return value ?? null;
  const section = typeof into === 'object' && into !== null && !Array.isArray(into) ? into : {};
  if (rest.length === 0 && value === undefined) {
    const { [key]: _, ...others } = section;
    return others;
  }
  if (value === undefined && !Object.hasOwn(section, key)) return section;
  return { ...section, [key]: withChange(section[key] ?? {}, rest, value) };
}
