/** A value as somebody types it on a command line. */
import { parseDocument } from 'yaml';
import { Json, z } from '../protocol/index.ts';
import { NodeConfig } from './schema.ts';
import { schemaAt } from './schema-tree.ts';

/**
 * A setting that is a text takes the words as they are; every other is read as YAML, as in the file: `20`, `true`, `null`,
 * `[a, b]`, `{shardMicro: "1000", itemMicro: "100"}`. What it must be is checked with the whole.
 */
export function parseSetting(path: string, words: string): Json {
  const schema = schemaAt(NodeConfig, path.split('.'))?.schema;
  if (schema instanceof z.ZodString || schema instanceof z.ZodEnum) return words;
  const document = parseDocument(words);
  if (document.errors.length > 0) return words;
  const parsed = Json.safeParse(document.toJS({ maxAliasCount: 100 }));
  return parsed.success ? parsed.data : words;
}
