import { describe, expect, it } from 'vitest';
import { configJsonSchema } from './json-schema.ts';

describe('JSON Schema of the configuration', () => {
  it('describes every setting', () => {
    const schema = JSON.stringify(configJsonSchema());
    expect(schema).toContain('"https://json-schema.org/draft/2020-12/schema"');
    expect(schema).toContain('"dataFolder":{"type":"string","minLength":1,"description":"where key');
    expect(schema).toContain('"additionalProperties":false');
    expect(configJsonSchema()).not.toHaveProperty('required');
  });
});
