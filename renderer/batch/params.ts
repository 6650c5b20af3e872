/** A form of a template's parameters: what was typed becomes what the schema asks for. */
import type { Json } from '../../node-core/protocol/index.ts';
import { isRecord, propertiesOf, type Schema } from './items.ts';

export interface ParamField {
  readonly name: string;
  readonly kind: 'text' | 'number' | 'list' | 'choice' | 'json';
  readonly description: string;
  readonly placeholder: string;
  readonly choices: readonly string[];
  readonly step: 'any' | '1';
  readonly min: number | undefined;
  readonly max: number | undefined;
  readonly isLong: boolean;
}

export function fieldsOf(schema: Schema): ParamField[] {
  return Object.entries(propertiesOf(schema)).flatMap(([name, property]) => {
    if (!isRecord(property)) return [];
    const { type, description, items, minimum, maximum, maxLength } = property;
    const choices = Array.isArray(property['enum']) ? property['enum'].map(String) : [];
    const isList = type === 'array' && items !== undefined && isRecord(items) && items['type'] === 'string';
    const kind =
      choices.length > 0
        ? ('choice' as const)
        : type === 'number' || type === 'integer'
          ? ('number' as const)
          : type === 'string'
            ? ('text' as const)
            : isList
              ? ('list' as const)
              : ('json' as const);
    const standard = property['default'];
    return {
      name,
      kind,
      description: typeof description === 'string' ? description : '',
      placeholder: standard === undefined ? '' : typeof standard === 'string' ? standard : JSON.stringify(standard),
      choices,
      step: type === 'integer' ? ('1' as const) : ('any' as const),
      min: typeof minimum === 'number' ? minimum : undefined,
      max: typeof maximum === 'number' ? maximum : undefined,
      isLong: kind === 'text' && (typeof maxLength !== 'number' || maxLength > 500),
    };
  });
}

/** What is empty is left out. What does not fit goes as it is: the node says what it should have been. */
export function paramsOf(schema: Schema, typed: Readonly<Record<string, string>>): Record<string, Json> {
  return Object.fromEntries(
    fieldsOf(schema).flatMap(({ name, kind }): [string, Json][] => {
      const text = (typed[name] ?? '').trim();
      if (text === '') return [];
      if (kind === 'list')
        return [
          [
            name,
            text
              .split(/[,\n]/)
              .map((part) => part.trim())
              .filter(Boolean),
          ],
        ];
      if (kind === 'number') return [[name, Number.isNaN(Number(text)) ? text : Number(text)]];
      if (kind !== 'json') return [[name, text]];
      try {
        return [[name, JSON.parse(text) as Json]];
      } catch {
        return [[name, text]];
      }
    }),
  );
}
