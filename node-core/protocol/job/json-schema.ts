/**
 * Checks of inputs, parameters and outputs by the JSON Schemas in a template's manifest. Client and provider use the
 * same function, so that what the one lets through the other does not refuse.
 */
import type { Json } from '../primitives.ts';
import { z } from '../zod.ts';

/** Answers null for a valid value, else what is wrong with it and where: `messages[0].role: expected …`. */
export type JsonSchemaCheck = (value: unknown) => string | null;

const issuesNamedMax = 3;
const messageCharsMax = 400;

/**
 * @throws TypeError when the schema uses what is not understood (types outside JSON Schema, external references,
 * conditions): a schema that cannot be checked must not pass for one that was.
 *
 *     const check = compileSchema({ type: 'object', properties: { prompt: { type: 'string' } }, required: ['prompt'] });
 *     check({ prompt: 5 }); // 'prompt: expected string, received number'
 */
export function compileSchema(jsonSchema: Readonly<Record<string, Json>>): JsonSchemaCheck {
  let schema: z.ZodType;
  try {
    schema = z.fromJSONSchema(jsonSchema);
  } catch (error) {
    throw new TypeError(
      `this JSON Schema is not understood: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
  return (value) => {
    const result = schema.safeParse(value);
    return result.success ? null : describe(result.error.issues, value);
  };
}

type Issue = z.core.$ZodIssue;
type Path = readonly PropertyKey[];

function describe(issues: readonly Issue[], value: unknown): string {
  const flat = issues.flatMap((issue) => flatten(issue, []));
  const named = flat.slice(0, issuesNamedMax).map(({ path, issue }) => sentence(path, issue, value));
  const rest = flat.length - named.length;
  const text = named.join('; ') + (rest > 0 ? `; and ${rest} more` : '');
  return text.length <= messageCharsMax ? text : `${text.slice(0, messageCharsMax - 1)}…`;
}

/** Of a union the branch with the fewest faults is the one that was meant. */
function flatten(issue: Issue, above: Path): { path: Path; issue: Issue }[] {
  const path = [...above, ...issue.path];
  if (issue.code !== 'invalid_union') return [{ path, issue }];
  const [nearest] = [...issue.errors].sort((a, b) => a.length - b.length);
  return nearest === undefined || nearest.length === 0
    ? [{ path, issue }]
    : nearest.flatMap((inner) => flatten(inner, path));
}

function sentence(path: Path, issue: Issue, value: unknown): string {
  const where = pathText(path);
  if (issue.code === 'invalid_type' && at(value, path) === undefined) return `${where}: is missing`;
  const what = issue.message.replace(/^(Invalid input|Invalid option|Too small|Too big|Invalid string): /, '');
  return `${where}: ${what.charAt(0).toLowerCase()}${what.slice(1)}`;
}

function at(value: unknown, path: Path): unknown {
  let here = value;
  for (const key of path) {
    if (here === null || typeof here !== 'object' || !Object.hasOwn(here, key)) return undefined;
    here = Reflect.get(here, key);
  }
  return here;
}

/** `messages[0].role`; the value itself is called `(value)`. */
function pathText(path: Path): string {
  let text = '';
  for (const key of path) {
    text += typeof key === 'number' ? `[${key}]` : `${text === '' ? '' : '.'}${String(key)}`;
  }
  return text === '' ? '(value)' : text;
}
