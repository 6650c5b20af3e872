/** What was typed into a setting, as the value that its schema asks for. The node has the last word. */
import type { Json } from '../../node-core/protocol/index.ts';
import { isRecord } from '../batch/items.ts';
import { t } from '../text/en.ts';
import { creditNumber, credits, number, parseCredits } from '../text/format.ts';
import { priceParts } from './price-edit.ts';
import type { Setting } from './settings-tree.ts';

export type SettingKind =
  | 'switch'
  | 'choice'
  | 'number'
  | 'text'
  | 'list'
  /** An amount: micro-credits in the file, credits in the page. */
  | 'credits'
  | 'price'
  /** By template. */
  | 'prices'
  | 'json';

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
  if (inner['type'] === 'string') return /Micro(Max)?$/.test(setting.path.at(-1) ?? '') ? 'credits' : 'text';
  if (isPrice(inner)) return 'price';
  const { items, additionalProperties } = inner;
  if (additionalProperties !== undefined && isPrice(additionalProperties)) return 'prices';
  return items !== undefined && isRecord(items) && items['type'] === 'string' ? 'list' : 'json';
}

function isPrice(schema: Json): boolean {
  const properties = isRecord(schema) ? schema['properties'] : undefined;
  return properties !== undefined && isRecord(properties) && priceParts.every((part) => part in properties);
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
    case 'credits': {
      if (text === '' && Array.isArray(setting.schema['anyOf'])) return { value: null };
      const micro = parseCredits(text);
      return micro === null ? null : { value: micro };
    }
    case 'list': {
      // A folder may have spaces in its name; ids and addresses are also pasted with nothing but spaces between them.
      const parts = text
        .split(/[,\n]+|\s+(?=\/(?:ip|dns)|12D3KooW)/)
        .map((part) => part.trim())
        .filter((part) => part !== '');
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

const isMicro = (value: Json | undefined): value is string => typeof value === 'string' && /^\d+$/.test(value);

/** As it is typed. */
export function typedText(setting: Setting): string {
  const { value } = setting;
  if (kindOf(setting) === 'credits') return isMicro(value) ? creditNumber(value) : '';
  return Array.isArray(value) && kindOf(setting) === 'list' ? value.map(String).join(', ') : setting.valueText;
}

/** What its schema says of it, for people: bounds, and what it is when nothing is set. */
export function hintOf(setting: Setting): string {
  const inner = innerSchema(setting);
  const bound = (name: string): number | null => {
    const value = inner[name];
    // Bounds of the number format itself say nothing.
    return typeof value === 'number' && Math.abs(value) < Number.MAX_SAFE_INTEGER ? value : null;
  };
  const [least, most] = [bound('minimum'), bound('maximum')];
  const standard = setting.schema['default'];
  return [
    least !== null && most !== null ? t.settings.between(least, most) : '',
    least !== null && most === null ? t.settings.atLeast(least) : '',
    least === null && most !== null ? t.settings.atMost(most) : '',
    standard === undefined || typeof standard === 'boolean'
      ? ''
      : t.settings.standard(defaultText(standard, kindOf(setting))),
  ]
    .filter((part) => part !== '')
    .join(' · ');
}

function defaultText(value: Json, kind: SettingKind): string {
  if (value === null || value === '' || JSON.stringify(value) === '[]' || JSON.stringify(value) === '{}') return t.none;
  if (kind === 'credits' && isMicro(value)) return credits(value);
  if (kind === 'price' && isRecord(value)) {
    return priceParts
      .map((part) => `${isMicro(value[part]) ? creditNumber(value[part]) : ''} ${t.settings.priceParts[part]}`)
      .join(', ');
  }
  if (typeof value === 'number') return number(value);
  return typeof value === 'string' ? value : JSON.stringify(value);
}
