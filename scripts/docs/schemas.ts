/** Schemas → tables of fields. Everything that the protocol exports is named, so that tables can refer to each other. */
import { NodeConfig } from '../../node-core/config/schema.ts';
import * as protocol from '../../node-core/protocol/index.ts';
import { z } from '../../node-core/protocol/index.ts';
import { anchor, code, table } from './markdown.ts';

const registry = z.registry<{ id: string }>();

function register(id: string, schema: z.ZodType): void {
  // One schema may stand under several names; the first one is its own.
  if (!registry.has(schema)) registry.add(schema, { id });
}

for (const [name, value] of Object.entries(protocol)) if (value instanceof z.ZodType) register(name, value);
for (const [type, { body }] of Object.entries(protocol.messages)) register(`message ${type}`, body);
for (const [type, { schema }] of Object.entries(protocol.events)) register(`event ${type}`, schema);
for (const [name, { params, result }] of Object.entries(protocol.nodeMethods)) {
  register(`parameters of ${name}`, params);
  register(`result of ${name}`, result);
}
register('configuration', NodeConfig);

const named = z.toJSONSchema(registry, { unrepresentable: 'any', io: 'input' }).schemas;

/** The part of JSON Schema that zod makes of our schemas. */
const Node = z.looseObject({
  $ref: z.string().optional(),
  type: z.union([z.string(), z.array(z.string())]).optional(),
  const: z.union([z.string(), z.number(), z.boolean(), z.null()]).optional(),
  enum: z.array(z.string()).optional(),
  description: z.string().optional(),
  default: z.unknown().optional(),
  pattern: z.string().optional(),
  minimum: z.number().optional(),
  maximum: z.number().optional(),
  minItems: z.int().optional(),
  maxItems: z.int().optional(),
  minLength: z.int().optional(),
  maxLength: z.int().optional(),
  items: z.unknown().optional(),
  properties: z.record(z.string(), z.unknown()).optional(),
  required: z.array(z.string()).optional(),
  additionalProperties: z.unknown().optional(),
  anyOf: z.array(z.unknown()).optional(),
  oneOf: z.array(z.unknown()).optional(),
});
type Node = z.infer<typeof Node>;

function jsonSchemaOf(schema: z.ZodType): Node {
  const id = registry.get(schema)?.id;
  if (id === undefined) throw new Error('a schema is documented that has no name');
  return Node.parse(named[id]);
}

/** Basic types: their form is in one table, and other tables name them. */
export const basicTypes = [
  'PeerId',
  'Sha256',
  'Cid',
  'Base64Url',
  'EpochMs',
  'DurationMs',
  'Micro',
  'Id',
  'ShardId',
  'ReplicaId',
  'Json',
] as const;

export function basicTypeTable(): string {
  const rows = basicTypes.map((name) => {
    const { description = '', type = 'any', pattern, maxLength } = Node.parse(named[name]);
    const form = [
      ...(pattern === undefined ? [] : [code(pattern)]),
      ...(maxLength === undefined ? [] : [`≤ ${maxLength} characters`]),
    ];
    return [code(name), String(type), form.join(', '), description];
  });
  return table(['type', 'JSON', 'form', 'meaning'], rows);
}

/** Lists of words that have their own table elsewhere. */
const lists: [words: readonly string[], text: string][] = [
  [[...protocol.replicaStates, 'unknown'], '[replica state](protocol.md#replica), or `"unknown"`'],
  [protocol.replicaStates, '[replica state](protocol.md#replica)'],
  [protocol.jobStates, '[job state](protocol.md#job)'],
  [protocol.shardStates, '[shard state](protocol.md#shard)'],
  [Object.keys(protocol.failureCodes), '[failure code](protocol.md#failure-codes)'],
  [Object.keys(protocol.wireErrorCodes), '[wire error](protocol.md#wire-errors)'],
  [Object.keys(protocol.events), '[event type](protocol.md#log-events)'],
];

/** One page that is being written: which types have a section, and on which page. */
export class TypeTables {
  readonly #sections: ReadonlyMap<string, string>;
  readonly #page: string;

  /** @param sections type → page that has a section of its name. */
  constructor(page: string, sections: ReadonlyMap<string, string>) {
    this.#page = page;
    this.#sections = sections;
  }

  /** Heading, prose and fields of an exported schema. */
  section(name: string, prose: string, depth = 3): string {
    if (this.#sections.get(name) !== this.#page)
      throw new Error(`${name} is not in the list of sections of ${this.#page}`);
    return `${'#'.repeat(depth)} ${name}\n\n${prose.trim()}\n\n${this.fields(Node.parse(named[name]))}`;
  }

  /** Table of an object's fields; of a union, of the fields of each branch. */
  fields(node: Node): string {
    const rows = this.#rowsOf(node, '');
    return rows.length === 0 ? 'No fields.' : table(['field', 'type', 'limits', 'meaning'], rows);
  }

  ofSchema(schema: z.ZodType): string {
    const name = registry.get(schema)?.id;
    if (name !== undefined && this.#sections.has(name)) return this.#link(name);
    return this.fields(jsonSchemaOf(schema));
  }

  typeOf(node: Node): string {
    return this.#type(node);
  }

  /** Names only, for lists of many small objects. */
  fieldNames(schema: z.ZodType): string[] {
    return Object.keys(jsonSchemaOf(schema).properties ?? {});
  }

  #rowsOf(node: Node, prefix: string): string[][] {
    const branches = (node.oneOf ?? node.anyOf ?? []).map((branch) => this.#resolved(branch));
    if (branches.length > 1) return this.#unionRows(branches, prefix);
    const rows: string[][] = [];
    const { properties = {}, required = [] } = branches[0] ?? node;
    for (const [key, value] of Object.entries(properties)) {
      const field = Node.parse(value);
      const name = `${prefix}${key}${required.includes(key) ? '' : '?'}`;
      rows.push([code(name), this.#type(field), limitsOf(field), field.description ?? '']);
      rows.push(...this.#nested(field, `${prefix}${key}`));
    }
    return rows;
  }

  /** The field that tells the branches apart comes first, then what they have in common, then what each adds. */
  #unionRows(branches: readonly Node[], prefix: string): string[][] {
    const tags = branches.map(tagOf);
    const tagName = code(`${prefix}${tags[0]?.key ?? ''}`);
    const tagRow = [tagName, tags.map((tag) => tag?.value ?? '').join(' or '), '', 'which of the kinds this is'];
    const tables = branches.map((branch) => this.#rowsOf(branch, prefix).filter(([name]) => name !== tagName));
    const isIn = (rows: readonly string[][], row: readonly string[]) =>
      rows.some((other) => other.join() === row.join());
    const common = (tables[0] ?? []).filter((row) => tables.every((rows) => isIn(rows, row)));
    const added = tables.flatMap((rows, i) =>
      rows
        .filter((row) => !isIn(common, row))
        .map(([name = '', type = '', limits = '', meaning = '']) => {
          const only = `with ${tags[i]?.value ?? ''}`;
          return [name, type, limits, meaning === '' ? only : `${only}: ${meaning}`];
        }),
    );
    return [...(tags[0] === null ? [] : [tagRow]), ...common, ...added];
  }

  /** Fields of objects that have no name of their own. */
  #nested(field: Node, path: string): string[][] {
    if (field.$ref !== undefined)
      return this.#isInline(field.$ref) ? this.#nested(Node.parse(named[field.$ref]), path) : [];
    if (field.items !== undefined) return this.#nested(Node.parse(field.items), `${path}[]`);
    const branches = (field.oneOf ?? field.anyOf ?? []).map((branch) => Node.parse(branch));
    const objects = branches.filter((branch) => branch.properties !== undefined);
    if (objects.length > 1) return this.#unionRows(objects, `${path}.`);
    if (branches.length > 0) return branches.flatMap((branch) => this.#nested(branch, path));
    return field.properties === undefined ? [] : this.#rowsOf(field, `${path}.`);
  }

  #resolved(value: unknown): Node {
    const node = Node.parse(value);
    return node.$ref === undefined ? node : Node.parse(named[node.$ref]);
  }

  /** A named object without a section is written out where it is used. */
  #isInline(name: string): boolean {
    const known = this.#sections.has(name) || basicTypes.some((basic) => basic === name);
    return !known && !name.startsWith('Signed') && Node.parse(named[name]).properties !== undefined;
  }

  #type(node: Node): string {
    if (node.$ref !== undefined) return this.#link(node.$ref);
    if (node.const !== undefined) return code(JSON.stringify(node.const));
    if (node.enum !== undefined) return this.#words(node.enum);
    const branches = node.anyOf ?? node.oneOf;
    if (branches !== undefined) {
      const types = branches.map((branch) => this.#type(Node.parse(branch)));
      return [...new Set(types)].join(' or ');
    }
    if (Array.isArray(node.type)) return node.type.join(' or ');
    switch (node.type) {
      case undefined:
        // A body that is checked but kept as it came has no JSON Schema of its own.
        return node.description === 'a ReceiptBody' ? this.#link('ReceiptBody') : 'any JSON';
      case 'array':
        return `list of ${this.#type(Node.parse(node.items))}`;
      case 'object':
        return node.properties === undefined
          ? `map of ${this.#type(Node.parse(node.additionalProperties ?? {}))}`
          : 'object';
      case 'integer':
        return 'int';
      default:
        return node.type;
    }
  }

  #link(name: string): string {
    if (basicTypes.some((basic) => basic === name)) return code(name);
    const page = this.#sections.get(name);
    if (page !== undefined) return `[${name}](${page === this.#page ? '' : page}#${anchor(name)})`;
    if (name.startsWith('Signed')) return `signed ${this.#link(name.slice('Signed'.length))}`;
    const node = Node.parse(named[name]);
    if (node.enum !== undefined) return this.#words(node.enum);
    if (node.properties !== undefined) return 'object';
    throw new Error(`${name} is used but has no section: give it one`);
  }

  #words(words: readonly string[]): string {
    const list = lists.find(([known]) => known.length === words.length && known.every((word, i) => words[i] === word));
    if (list === undefined) return words.map((word) => code(JSON.stringify(word))).join(' or ');
    return this.#page === 'protocol.md' ? list[1].replace('protocol.md', '') : list[1];
  }
}

/** The constant field that tells the branches of a union apart. */
function tagOf(node: Node): { key: string; value: string } | null {
  for (const key of ['type', 'kind']) {
    const value = Node.safeParse(node.properties?.[key]).data?.const;
    if (typeof value === 'string') return { key, value: code(JSON.stringify(value)) };
  }
  return null;
}

/** Limits in words, and the default. */
function limitsOf(node: Node): string {
  const limits = boundsOf(node);
  if (node.default !== undefined) limits.push(`default ${code(JSON.stringify(node.default))}`);
  return limits.join(', ');
}

function boundsOf(node: Node): string[] {
  const bounds: string[] = [];
  const range = (min: number | undefined, max: number | undefined, unit: string) => {
    const high = max === undefined || max >= Number.MAX_SAFE_INTEGER ? null : max;
    const low = min === undefined || min <= Number.MIN_SAFE_INTEGER ? null : min;
    if (low !== null && high !== null) bounds.push(`${low}…${high}${unit}`);
    else if (high !== null) bounds.push(`≤ ${high}${unit}`);
    else if (low !== null) bounds.push(`≥ ${low}${unit}`);
  };
  range(node.minimum, node.maximum, '');
  range(node.minItems, node.maxItems, ' items');
  range(node.minLength, node.maxLength, ' characters');
  if (node.pattern !== undefined) bounds.push(code(node.pattern));
  const items = Node.safeParse(node.items).data;
  if (items?.type === 'string') bounds.push(...boundsOf(items).map((bound) => `each ${bound}`));
  const branches = (node.anyOf ?? []).map((branch) => Node.parse(branch));
  if (branches.length === 2 && branches[1]?.type === 'null') bounds.push(...boundsOf(Node.parse(branches[0])));
  return bounds;
}

/** Leaves of the configuration: dotted key → schema. */
export function configKeys(): { group: string; key: string; node: Node }[] {
  const keys: { group: string; key: string; node: Node }[] = [];
  const root = jsonSchemaOf(NodeConfig);
  for (const [key, value] of Object.entries(root.properties ?? {})) {
    const node = Node.parse(value);
    if (node.properties === undefined) keys.push({ group: '', key, node });
    for (const [name, inner] of Object.entries(node.properties ?? {})) {
      keys.push({ group: key, key: `${key}.${name}`, node: Node.parse(inner) });
    }
  }
  return keys;
}

/** What the configuration says where nothing is set. */
export const defaults = NodeConfig.parse({ dataFolder: '.' });

export type { Node };
export { limitsOf };
