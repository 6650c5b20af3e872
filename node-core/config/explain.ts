/** Puts a zod issue into words: what was expected, what was found, what may have been meant. */
import { z } from '../protocol/index.ts';
import { nearest } from './nearest.ts';
import { keysAt, type Path, pathsOfKey, schemaAt } from './schema-tree.ts';

export interface Explanation {
  readonly path: Path;
  /** The problem is the key itself, not its value. */
  readonly atKey: boolean;
  readonly message: string;
}

const foundLettersMax = 80;

/** @param value all of what was parsed. */
export function explain(root: z.core.$ZodType, issue: z.core.$ZodIssue, value: unknown): Explanation[] {
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => ({
      path: [...issue.path, key],
      atKey: true,
      message: unknownKey(root, issue.path, key),
    }));
  }
  if (issue.code === 'invalid_key') {
    const wanted = issue.issues[0]?.message.replace(/^expected /, '') ?? 'another key';
    const key = JSON.stringify(String(issue.path.at(-1)));
    const message = `${pathText(issue.path.slice(0, -1))}: expected each key to be ${wanted}, found ${key}`;
    return [{ path: issue.path, atKey: true, message }];
  }
  const found = valueAt(value, issue.path);
  const place = schemaAt(root, issue.path);
  const message = [
    `${pathText(issue.path) || 'the configuration'}: expected ${expectation(issue, place?.schema ?? null)}`,
    place === null || place.description === '' ? '' : ` (${place.description})`,
    `, found ${foundText(found)}`,
    hint(issue, found),
  ].join('');
  return [{ path: issue.path, atKey: false, message }];
}

/** As `network.listen[0]`. */
export function pathText(path: Path): string {
  return path
    .map((key, index) => (typeof key === 'number' ? `[${key}]` : `${index === 0 ? '' : '.'}${String(key)}`))
    .join('');
}

function unknownKey(root: z.core.$ZodType, parent: Path, key: string): string {
  const valid = keysAt(root, parent);
  const where = parent.length === 0 ? '' : ` in ${pathText(parent)}`;
  const start = `unknown key ${JSON.stringify(key)}${where}`;
  const near = nearest(key, valid);
  if (near !== null) return `${start}; did you mean ${JSON.stringify(near)}?`;
  const [elsewhere] = pathsOfKey(root, key);
  if (elsewhere !== undefined) return `${start}; did you mean ${JSON.stringify(pathText(elsewhere))}?`;
  return `${start}; valid here: ${valid.join(', ')}`;
}

function expectation(issue: z.core.$ZodIssue, schema: z.core.$ZodType | null): string {
  // Our own patterns say in their message what they expect; zod would show the pattern.
  if (issue.code === 'invalid_format' || issue.code === 'custom') return issue.message.replace(/^expected /, '');
  const text = schema === null ? null : schemaText(z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }));
  return text ?? issue.message;
}

function schemaText(schema: z.core.JSONSchema.BaseSchema): string | null {
  if (schema.enum !== undefined) return `one of ${schema.enum.map((value) => JSON.stringify(value)).join(', ')}`;
  const { minimum, maximum, minItems, minLength } = schema;
  switch (schema.type) {
    case 'integer':
    case 'number': {
      const kind = schema.type === 'integer' ? 'a whole number' : 'a number';
      const low = minimum === undefined || minimum <= Number.MIN_SAFE_INTEGER ? '' : ` of at least ${minimum}`;
      const high = maximum === undefined || maximum >= Number.MAX_SAFE_INTEGER ? '' : ` of at most ${maximum}`;
      return `${kind}${low}${low !== '' && high !== '' ? ' and' : ''}${high}`;
    }
    case 'boolean':
      return 'true or false';
    case 'string':
      return minLength === undefined || minLength === 0 ? 'a text' : 'a text that is not empty';
    case 'array':
      return minItems === undefined || minItems === 0 ? 'a list' : `a list of at least ${minItems}`;
    case 'object':
      return 'a section with keys of its own';
    default:
      return null;
  }
}

function hint(issue: z.core.$ZodIssue, found: unknown): string {
  if (issue.code === 'invalid_value' && typeof found === 'string') {
    const near = nearest(
      found,
      issue.values.filter((value) => typeof value === 'string'),
    );
    return near === null ? '' : `; did you mean ${JSON.stringify(near)}?`;
  }
  if (issue.code !== 'invalid_type') return '';
  const { expected } = issue;
  if (expected === 'string' && (typeof found === 'number' || typeof found === 'boolean')) {
    return `; put it in quotes: "${found}"`;
  }
  if (expected === 'array' && typeof found === 'string') return `; did you mean [${JSON.stringify(found)}]?`;
  if (typeof found !== 'string') return '';
  if (expected === 'boolean') {
    if (/^(yes|on|true)$/i.test(found)) return '; did you mean true?';
    if (/^(no|off|false)$/i.test(found)) return '; did you mean false?';
  }
  if ((expected === 'int' || expected === 'number') && /^-?\d+$/.test(found)) return `; without quotes: ${found}`;
  return '';
}

function foundText(found: unknown): string {
  if (found === undefined || found === null) return 'nothing';
  const text = JSON.stringify(found) ?? String(found);
  return text.length <= foundLettersMax ? text : `${text.slice(0, foundLettersMax)}…`;
}

function valueAt(value: unknown, path: Path): unknown {
  let current = value;
  for (const key of path) {
    if (typeof current !== 'object' || current === null || !Object.hasOwn(current, key)) return undefined;
    current = Reflect.get(current, key);
  }
  return current;
}
