/** The text of a configuration: YAML, of which JSON is a part, with the place of each key and value. */
import { isCollection, isMap, isNode, isScalar, LineCounter, type Node, parseDocument } from 'yaml';
import type { Path } from './schema-tree.ts';

export interface Position {
  readonly line: number;
  readonly column: number;
}

export interface SourceText {
  /** What was written; undefined when nothing was. */
  readonly value: unknown;
  /** Errors of syntax, the first of each line; with one of them `value` is undefined. */
  readonly faults: ReadonlyArray<Position & { readonly message: string }>;
  /** Where the value at `path` stands (or its key), else what is nearest above it. */
  positionOf(path: Path, atKey: boolean): Position;
}

export function parseSource(text: string): SourceText {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });

  const at = (offset: number): Position => {
    const { line, col } = lines.linePos(offset);
    return { line: Math.max(line, 1), column: Math.max(col, 1) };
  };

  const faults = new Map<number, Position & { message: string }>();
  for (const { pos, message } of [...document.errors, ...document.warnings]) {
    const position = at(pos[0]);
    if (!faults.has(position.line)) faults.set(position.line, { ...position, message });
  }
  let value: unknown;
  if (faults.size === 0) {
    try {
      value = document.toJS({ maxAliasCount: 100 }) ?? undefined;
    } catch (error) {
      // An alias without its anchor, or too many of them.
      faults.set(1, { line: 1, column: 1, message: error instanceof Error ? error.message : String(error) });
    }
  }

  function positionOf(path: Path, atKey: boolean): Position {
    let node: unknown = document.contents;
    let best = isNode(node) ? offsetOf(node) : 0;
    for (const [depth, key] of path.entries()) {
      if (!isCollection(node)) break;
      const keyNode = isMap(node) ? node.items.find((pair) => keyText(pair.key) === String(key))?.key : undefined;
      const child = node.get(key, true);
      if (keyNode === undefined && child === undefined) break;
      const wantsKey = (atKey && depth === path.length - 1) || isEmpty(child);
      const found = wantsKey && isNode(keyNode) ? keyNode : child;
      if (isNode(found)) best = offsetOf(found);
      node = child;
    }
    return at(best);
  }

  return { value, faults: [...faults.values()], positionOf };
}

function keyText(key: unknown): string {
  return isScalar(key) ? String(key.value) : String(key);
}

/** `network:` with nothing behind it. */
function isEmpty(node: unknown): boolean {
  return isScalar(node) && node.value === null;
}

function offsetOf(node: Node): number {
  return node.range?.[0] ?? 0;
}
