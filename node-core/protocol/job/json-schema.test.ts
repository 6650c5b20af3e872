import { describe, expect, it } from 'vitest';
import { compileSchema } from './json-schema.ts';

const chat = compileSchema({
  type: 'object',
  additionalProperties: false,
  required: ['prompt'],
  properties: {
    prompt: { type: 'string', minLength: 1, maxLength: 10 },
    count: { type: 'integer', minimum: 0 },
    messages: {
      type: 'array',
      maxItems: 2,
      items: { type: 'object', required: ['role'], properties: { role: { enum: ['user', 'assistant'] } } },
    },
  },
});

describe('compileSchema', () => {
  it('lets a valid value through', () => {
    expect(chat({ prompt: 'hello', count: 2, messages: [{ role: 'user' }] })).toBeNull();
  });

  it.each([
    [{}, 'prompt: is missing'],
    [{ prompt: 5 }, 'prompt: expected string, received number'],
    [{ prompt: '' }, 'prompt: expected string to have >=1 characters'],
    [{ prompt: 'x', count: 1.5 }, 'count: expected int, received number'],
    [{ prompt: 'x', extra: 1 }, '(value): unrecognized key: "extra"'],
    [{ prompt: 'x', messages: [{ role: 'system' }] }, 'messages[0].role: expected one of "user"|"assistant"'],
    ['text', '(value): expected object, received string'],
  ])('names what is wrong with %j, and where', (value, message) => {
    expect(chat(value)).toBe(message);
  });

  it('answers for a union by its nearest branch', () => {
    const check = compileSchema({
      anyOf: [
        { type: 'object', required: ['a', 'b'], properties: { a: { type: 'string' }, b: { type: 'string' } } },
        { type: 'object', required: ['c'], properties: { c: { type: 'string' } } },
      ],
    });
    expect(check({ c: 1 })).toBe('c: expected string, received number');
  });

  it('keeps its message short however much is wrong', () => {
    const many = compileSchema({ type: 'array', items: { type: 'integer' } });
    const message = many(Array.from({ length: 1000 }, () => 'x'));
    expect(message).toMatch(/^\[0\]: expected number.*and 997 more$/);
  });

  it.each([[{ type: 'nope' }], [{ $ref: 'http://example.org/schema' }], [{ not: { type: 'string' } }]])(
    'refuses the schema %j instead of letting everything through',
    (schema) => {
      expect(() => compileSchema(schema)).toThrow(/not understood/);
    },
  );
});
