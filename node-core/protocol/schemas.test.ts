/**
 * What holds for every schema alike. The schemas are taken from their JSON Schemas, so that a new one is tested from the
 * day on which it is written.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import * as protocol from './index.ts';
import { protocolLimits } from './limits.ts';
import { z } from './zod.ts';

const all = new Map<string, z.ZodType>();
for (const [name, value] of Object.entries(protocol)) if (value instanceof z.ZodType) all.set(name, value);
for (const [type, { body }] of Object.entries(protocol.messages)) all.set(type, body);
for (const [type, { schema }] of Object.entries(protocol.events)) all.set(`event ${type}`, schema);
for (const [name, { params, result }] of Object.entries(protocol.nodeMethods)) {
  all.set(`${name} params`, params);
  all.set(`${name} result`, result);
}

const registry = z.registry<{ id: string }>();
// One schema may stand under several names (`Id` alone as parameters); the first one is its id.
for (const [id, schema] of all) if (!registry.has(schema)) registry.add(schema, { id });
const { schemas } = z.toJSONSchema(registry, { unrepresentable: 'any', io: 'input' });

/** The part of JSON Schema that zod makes of our schemas. */
const Node = z.looseObject({
  $ref: z.string().optional(),
  type: z.union([z.string(), z.array(z.string())]).optional(),
  const: z.unknown().optional(),
  enum: z.array(z.unknown()).optional(),
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

const policy = { type: 'replicate', copies: 2, quorum: 2, tieBreakers: 1 };

/** Values that a JSON Schema allows. */
function valid(schema: unknown): fc.Arbitrary<unknown> {
  const node = Node.parse(schema);
  if (node.$ref !== undefined) {
    // What stands beside a reference narrows it.
    const { $ref, description: _, default: __, ...narrower } = node;
    return Object.keys(narrower).length === 0 ? validOf($ref) : valid({ ...Node.parse(schemas[$ref]), ...narrower });
  }
  if (Array.isArray(node.type)) return fc.oneof(...node.type.map((type) => valid({ ...node, type })));
  const branches = node.anyOf ?? node.oneOf;
  if (branches !== undefined) return fc.oneof(...branches.map(valid));
  if ('const' in node) return fc.constant(node.const);
  if (node.enum !== undefined) return fc.constantFrom(...node.enum);
  switch (node.type) {
    case 'string':
      if (node.pattern !== undefined) return fc.stringMatching(new RegExp(node.pattern), { maxLength: 1024 });
      return fc.string({ minLength: node.minLength ?? 0, maxLength: Math.min(node.maxLength ?? 20, 20) });
    case 'integer':
      return fc.integer({ min: node.minimum ?? 0, max: Math.min(node.maximum ?? 1e9, 1e9) });
    case 'number':
      return fc.double({ noNaN: true, noDefaultInfinity: true });
    case 'boolean':
      return fc.boolean();
    case 'null':
      return fc.constant(null);
    case 'array': {
      const minLength = node.minItems ?? 0;
      return fc.array(valid(node.items), {
        minLength,
        maxLength: Math.max(minLength, Math.min(node.maxItems ?? 2, 2)),
      });
    }
    case 'object': {
      if (node.properties === undefined)
        return fc.dictionary(fc.string(), valid(node.additionalProperties), { maxKeys: 2 });
      const fields = Object.entries(node.properties).map(([name, field]): [string, fc.Arbitrary<unknown>] => [
        name,
        valid(field),
      ]);
      return fc.record(Object.fromEntries(fields), { requiredKeys: node.required ?? [] });
    }
    default:
      return fc.jsonValue({ maxDepth: 2 });
  }
}

const made = new Map<string, fc.Arbitrary<unknown>>();

function validOf(id: string): fc.Arbitrary<unknown> {
  let arbitrary = made.get(id);
  if (arbitrary === undefined) {
    arbitrary = make(id);
    made.set(id, arbitrary);
  }
  return arbitrary;
}

function make(id: string): fc.Arbitrary<unknown> {
  // What JSON Schema cannot say: rules between fields, and bodies that are checked but kept as they came.
  if (id === 'VerificationPolicy') return fc.constant(policy);
  if (id === 'Tolerance') return fc.constant({ cosineDistanceMaxPpm: 100 });
  if (id === 'Receipt')
    return withBody('ReceiptBody', { clientSignature: 'Base64Url', providerSignature: 'Base64Url' });
  if (id.startsWith('Signed')) return withBody(id.slice('Signed'.length), { by: 'PeerId', signature: 'Base64Url' });
  return valid(schemas[id]);
}

function withBody(body: string, others: Record<string, string>): fc.Arbitrary<unknown> {
  const rest = Object.entries(others).map(([name, type]): [string, fc.Arbitrary<unknown>] => [name, validOf(type)]);
  return fc.record({ body: validOf(body), ...Object.fromEntries(rest) });
}

const depth = 100_000;
const deep: unknown = JSON.parse('{"a":['.repeat(depth) + ']}'.repeat(depth));
const nasty = fc.oneof(
  fc.jsonValue(),
  fc.anything(),
  fc.constantFrom<unknown>(
    deep,
    Array(100_000).fill(0),
    'x'.repeat(100_000),
    -1,
    0.5,
    2 ** 60,
    null,
    undefined,
    {},
    [],
  ),
);

/** The value with one thing in it, chosen by `choices`, replaced. */
function replaceOne(value: unknown, choices: readonly number[], by: unknown): unknown {
  const [choice, ...rest] = choices;
  if (choice === undefined || value === null || typeof value !== 'object') return by;
  const keys = Object.keys(value);
  const key = keys[choice % Math.max(keys.length, 1)];
  if (key === undefined) return by;
  const changed = Object.entries(value).map(([k, item]): [string, unknown] => [
    k,
    k === key ? replaceOne(item, rest, by) : item,
  ]);
  return Array.isArray(value) ? changed.map(([, item]) => item) : Object.fromEntries(changed);
}

const names = [...all].map(([name, schema]) => ({ name, schema, id: registry.get(schema)?.id ?? name }));

describe.each(names)('$name', ({ schema, id }) => {
  it('takes what its JSON Schema, and so the documentation, allows', () => {
    fc.assert(
      fc.property(validOf(id), (value) => {
        const result = schema.safeParse(value);
        expect(result.error?.issues ?? []).toEqual([]);
      }),
      { numRuns: 15 },
    );
  });

  it('refuses or takes whatever comes, and never throws', () => {
    fc.assert(
      fc.property(nasty, (value) => {
        schema.safeParse(value);
      }),
      { numRuns: 30 },
    );
    fc.assert(
      fc.property(validOf(id), fc.array(fc.nat(30), { maxLength: 6 }), nasty, (value, choices, by) => {
        schema.safeParse(replaceOne(value, choices, by));
      }),
      { numRuns: 50 },
    );
  });
});

describe.each(Object.entries(protocol.messages))('message %s', (type, { body }) => {
  it('ignores unknown fields, so that later versions can add some', () => {
    fc.assert(
      fc.property(validOf(type), (value) => {
        expect(body.parse({ ...Object(value), later: { added: true } })).toEqual(body.parse(value));
      }),
      { numRuns: 15 },
    );
  });
});

describe('limits', () => {
  /** Paths of texts and lists without a bound: a frame has one, but what is stored of it must have its own. */
  function unbounded(schema: unknown, path: string): string[] {
    const node = Node.parse(schema);
    if (node.$ref !== undefined || 'const' in node || node.enum !== undefined) return [];
    const inside = [
      ...(node.anyOf ?? node.oneOf ?? []).flatMap((branch) => unbounded(branch, path)),
      ...Object.entries(node.properties ?? {}).flatMap(([name, field]) => unbounded(field, `${path}.${name}`)),
      ...(node.items === undefined ? [] : unbounded(node.items, `${path}[]`)),
    ];
    const open =
      (node.type === 'string' && node.maxLength === undefined && node.pattern === undefined) ||
      (node.type === 'array' && node.maxItems === undefined);
    return open ? [path, ...inside] : inside;
  }

  const wire = [
    ...Object.keys(protocol.messages),
    ...[
      'NodeRecord',
      'Offer',
      'HardwarePassport',
      'Gpu',
      'Leave',
      'Presence',
      'Quote',
      'Commitment',
      'Reveal',
      'Opening',
    ],
    ...['Evidence', 'GoodReceipt', 'BadReceipt', 'Voucher', 'VoucherAck', 'Statement', 'Release', 'Envelope'],
  ];
  it.each(wire)('%s bounds every text and list that a peer sends', (name) => {
    expect(unbounded(schemas[name], name)).toEqual([]);
  });

  const tooMany = (max: number, item: unknown) => Array.from({ length: max + 1 }, () => item);
  const replicaId = '0123456789abcdef0123456789abcdef.0.1.7YJgL5pV';
  const lists: [name: string, max: number, schema: z.ZodType, around: (list: unknown[]) => unknown, item: unknown][] = [
    [
      'leases',
      protocolLimits.leasesPerMessageMax,
      protocol.messages['lease.renew'].body,
      (l) => ({ replicaIds: l }),
      replicaId,
    ],
    ['item hashes', protocolLimits.itemsPerShardMax, protocol.Opening.shape.itemHashes, (l) => l, 'a'.repeat(64)],
    ['paid replicas', protocol.paidTailMax, protocol.Statement.shape.recent, (l) => l, { replicaId, priceMicro: '1' }],
    ['addresses', 16, protocol.NodeRecord.shape.addresses, (l) => l, '/ip4/127.0.0.1/tcp/1'],
  ];
  it.each(lists)('%s: %i pass and one more is refused', (_, max, schema, around, item) => {
    expect(schema.safeParse(around(tooMany(max, item).slice(1))).success).toBe(true);
    expect(schema.safeParse(around(tooMany(max, item))).success).toBe(false);
  });
});

describe('lists of what there is', () => {
  it('name their own keys only', () => {
    expect([protocol.isMessageType('shard.assign'), protocol.isMessageType('toString')]).toEqual([true, false]);
    expect([protocol.isEventType('job.created'), protocol.isEventType('__proto__')]).toEqual([true, false]);
    expect([protocol.isMethodName('jobs.submit'), protocol.isMethodName('constructor')]).toEqual([true, false]);
  });

  it('say the type of an event in its schema too', () => {
    for (const [type, { schema }] of Object.entries(protocol.events)) expect(schema.shape.type.value).toBe(type);
  });

  it('order the scopes: each includes the ones before', () => {
    const { scopes, scopeIncludes } = protocol;
    for (const [i, held] of scopes.entries()) {
      for (const [j, needed] of scopes.entries()) expect(scopeIncludes(held, needed)).toBe(i >= j);
    }
  });

  it('tell an event of a later version from a broken one', () => {
    expect(() => protocol.parseEvent({ type: 'node.dreamt' })).toThrow('written by a later version');
    expect(() => protocol.parseEvent({ type: 'node.stopped' })).toThrow(z.ZodError);
    expect(protocol.parseEvent({ type: 'node.stopped', reason: '' })).toEqual({ type: 'node.stopped', reason: '' });
  });
});
