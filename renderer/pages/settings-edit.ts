/** What was typed into a setting, as the value that its schema asks for. The node has the last word. */
import type { Json } from '../../node-core/protocol/index.ts';
import { isRecord } from '../batch/items.ts';
import type { Setting } from './settings-tree.ts';

export type SettingKind = 'switch' | 'choice' | 'number' | 'text' | 'list' | 'json';

/** What a setting is when it is there: `null` besides is another matter. */
function innerSchema({ schema }: Setting): Readonly<Record<string, Json>> {
  const options = schema['anyOf'];
  if (!Array.isArray(options)) return schema;
  return (
    options.find((option): option is { [key: string]: Json } => isRecord(option) && option['type'] !== 'null') ?? schema
  );
}

export function kindOf(setting: Setting): SettingKind {
  const inner = innerSchema(setting);
  if (Array.isArray(inner['enum'])) return 'choice';
  if (inner['type'] === 'boolean') return 'switch';
  if (inner['type'] === 'integer' || inner['type'] === 'number') return 'number';
  if (inner['type'] === 'string') return 'text';
  const { items } = inner;
  return items !== undefined && isRecord(items) && items['type'] === 'string' ? 'list' : 'json';
}

export function choicesOf(setting: Setting): string[] {
  const { enum: choices } = innerSchema(setting);
  return Array.isArray(choices) ? choices.map(String) : [];
}

/** @returns null when it cannot be read at all. */
export function readSetting(setting: Setting, typed: string): { value: Json } | null {
  const text = typed.trim();
  switch (kindOf(setting)) {
    case 'number':
      return text !== '' && Number.isFinite(Number(text)) ? { value: Number(text) } : null;
    case 'list': {
      const parts = text.split(/[\s,]+/).filter((part) => part !== '');
      return { value: parts.length === 0 && Array.isArray(setting.schema['anyOf']) ? null : parts };
    }
    case 'json':
      if (text === '') return { value: null };
      try {
        return { value: JSON.parse(text) as Json };
      } catch {
        return null;
      }
    case 'text':
      return { value: text === '' && Array.isArray(setting.schema['anyOf']) ? null : text };
    default:
      return { value: text };
  }
}

/** As it is typed. */
export function typedText(setting: Setting): string {
  const { value } = setting;
  return Array.isArray(value) && kindOf(setting) === 'list' ? value.map(String).join(', ') : setting.valueText;
}
