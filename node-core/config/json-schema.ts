/** The configuration as JSON Schema, for editors: `# yaml-language-server: $schema=config.schema.json`. */
import { z } from '../protocol/index.ts';
import { NodeConfig } from './schema.ts';

/** @returns draft 2020-12, ready to be written as `config.schema.json`. */
export function configJsonSchema(): Readonly<Record<string, unknown>> {
  const { $schema, properties, required: _, ...rest } = z.toJSONSchema(NodeConfig, { io: 'input' });
  return {
    $schema,
    title: 'Configuration of an Infernet node',
    ...rest,
    // A JSON file names its schema in itself. Nothing is required: without `dataFolder` the system's usual place is taken.
    properties: { $schema: { type: 'string' }, ...properties },
  };
}
