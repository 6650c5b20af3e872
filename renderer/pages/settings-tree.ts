/** The configuration as a list of settings, from its own schema: a new setting is here without a change of the page. */
import type { Json } from '../../node-core/protocol/index.ts';
import { isRecord, type Schema } from '../batch/items.ts';

export interface Setting {
  readonly path: readonly string[];
  readonly description: string;
  readonly schema: Schema;
  readonly value: Json | undefined;
  readonly valueText: string;
  /** Another than the default. */
  readonly isChanged: boolean;
}

export function settingsOf(
  schema: Schema,
  config: Readonly<Record<string, Json>>,
  path: readonly string[] = [],
): Setting[] {
  const properties = schema['properties'];
  if (properties === undefined || !isRecord(properties)) return [];
  return Object.entries(properties).flatMap(([name, property]): Setting[] => {
    if (!isRecord(property) || name.startsWith('$')) return [];
    const value = config[name];
    const here = [...path, name];
    if (isRecord(property['properties'] ?? null) && value !== undefined && isRecord(value) && path.length === 0) {
      return settingsOf(property, value, here);
    }
    const { description } = property;
    const standard = property['default'];
    return [
      {
        path: here,
        description: typeof description === 'string' ? description : '',
        schema: property,
        value,
        valueText:
          value === undefined || value === null ? '' : typeof value === 'string' ? value : JSON.stringify(value),
        isChanged: standard !== undefined && JSON.stringify(standard) !== JSON.stringify(value),
      },
    ];
  });
}
