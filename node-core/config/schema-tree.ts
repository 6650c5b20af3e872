/** Finds one's way in a zod schema: which keys are valid where, and what a value there is for. */
import { z } from '../protocol/index.ts';

export type Path = readonly PropertyKey[];

/** The schema of the value at `path`, without defaults around it, and what it is for; null where there is none. */
export function schemaAt(root: z.core.$ZodType, path: Path): { schema: z.core.$ZodType; description: string } | null {
  let { schema, description } = unwrap(root);
  for (const key of path) {
    const child = childOf(schema, key);
    if (child === null) return null;
    ({ schema, description } = unwrap(child));
  }
  return { schema, description };
}

/** Valid keys of the object at `path`, in the order of the schema. */
export function keysAt(root: z.core.$ZodType, path: Path): string[] {
  const schema = schemaAt(root, path)?.schema;
  return schema instanceof z.ZodObject ? Object.keys(schema.shape) : [];
}

/** All places in nested objects where `key` is valid. */
export function pathsOfKey(root: z.core.$ZodType, key: string, below: readonly string[] = []): string[][] {
  return keysAt(root, below).flatMap((name) => {
    const path = [...below, name];
    return [...(name === key ? [path] : []), ...pathsOfKey(root, key, path)];
  });
}

function childOf(schema: z.core.$ZodType, key: PropertyKey): z.core.$ZodType | null {
  if (schema instanceof z.ZodObject) return typeof key === 'string' ? (schema.shape[key] ?? null) : null;
  if (schema instanceof z.ZodArray) return schema.element;
  if (schema instanceof z.ZodRecord) return schema.valueType;
  return null;
}

/** `describe` stands on the outermost layer that has one. */
function unwrap(schema: z.core.$ZodType): { schema: z.core.$ZodType; description: string } {
  let description = '';
  let inner = schema;
  for (;;) {
    if (description === '' && inner instanceof z.ZodType) description = inner.description ?? '';
    if (
      inner instanceof z.ZodDefault ||
      inner instanceof z.ZodPrefault ||
      inner instanceof z.ZodOptional ||
      inner instanceof z.ZodNullable
    ) {
      inner = inner.unwrap();
    } else {
      return { schema: inner, description };
    }
  }
}
