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
  /** It stands in the file, and counts from the next start on. */
  readonly isWaiting: boolean;
}

/** @param waiting by path: values that stand in the file otherwise than they are in force. They are what an owner changes. */
export function settingsOf(
  schema: Schema,
  config: Readonly<Record<string, Json>>,
  waiting: Readonly<Record<string, Json>>,
  path: readonly string[] = [],
): Setting[] {
  const properties = schema['properties'];
  if (properties === undefined || !isRecord(properties)) return [];
  return Object.entries(properties).flatMap(([name, property]): Setting[] => {
    if (!isRecord(property) || name.startsWith('$')) return [];
    const here = [...path, name];
    const inForce = config[name];
    if (isRecord(property['properties'] ?? null) && inForce !== undefined && isRecord(inForce) && path.length === 0) {
      return settingsOf(property, inForce, waiting, here);
    }
    const isWaiting = Object.hasOwn(waiting, here.join('.'));
    const value = isWaiting ? waiting[here.join('.')] : inForce;
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
        isWaiting,
      },
    ];
  });
}
