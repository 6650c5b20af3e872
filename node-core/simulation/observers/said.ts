/** What is in a frame, without its meaning. */
import { utf8 } from '../../protocol/index.ts';

export interface Said {
  readonly type: string;
  /** Of the message; empty where there is none. */
  readonly id?: string;
  readonly re?: string;
  readonly body: unknown;
}

/** The messages of a frame. Only for frames of honest nodes: what is malformed is left out. */
export function readFrame(frame: Uint8Array): Said[] {
  const parsed: unknown = JSON.parse(utf8.decode(frame));
  if (!Array.isArray(parsed)) return [];
  return parsed.flatMap((envelope: unknown): Said[] => {
    const type = at(envelope, 'type');
    return typeof type === 'string'
      ? [{ type, id: text(envelope, 'id'), re: text(envelope, 're'), body: at(envelope, 'body') }]
      : [];
  });
}

/** The value at a path inside JSON; undefined where there is none. */
export function at(value: unknown, ...path: readonly string[]): unknown {
  let here: unknown = value;
  for (const key of path) {
    if (typeof here !== 'object' || here === null) return undefined;
    here = Object.hasOwn(here, key) ? Reflect.get(here, key) : undefined;
  }
  return here;
}

export function text(value: unknown, ...path: readonly string[]): string {
  const found = at(value, ...path);
  return typeof found === 'string' ? found : '';
}

export function list(value: unknown, ...path: readonly string[]): readonly unknown[] {
  const found: unknown = at(value, ...path);
  return Array.isArray(found) ? found : [];
}
