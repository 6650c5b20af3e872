/** Values on the command line: text that becomes a number, an amount, a time. Each call makes a new schema. */
import { Micro, z } from '../protocol/index.ts';
import { option, toggle } from './command.ts';

export const text = (lettersMax = 10_000) => z.string().max(lettersMax, `expected at most ${lettersMax} letters`);

export const choice = <const Names extends readonly [string, ...string[]]>(names: Names) =>
  z.enum(names, { error: `expected one of ${names.join(', ')}` });

export const wholeNumber = (min: number, max: number) => {
  const error = `expected a whole number from ${min} to ${max}`;
  return z
    .string()
    .regex(/^\d{1,15}$/, error)
    .transform(Number)
    .pipe(z.int().min(min, error).max(max, error));
};

const unitMs: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  min: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

/** `90s`, `10m`, `2h`, `1d` → ms; null when it is no duration. */
export function parseDuration(words: string): number | null {
  const { amount, unit = '' } = /^(?<amount>\d{1,9}(?:\.\d{1,3})?)\s?(?<unit>[a-z]+)$/.exec(words)?.groups ?? {};
  const size = Object.hasOwn(unitMs, unit) ? unitMs[unit] : undefined;
  return amount === undefined || size === undefined ? null : Math.round(Number(amount) * size);
}

export const duration = (minMs: number, maxMs: number, form: string) =>
  z.string().transform((words, issues) => {
    const ms = parseDuration(words);
    if (ms !== null && ms >= minMs && ms <= maxMs) return ms;
    issues.addIssue({ code: 'custom', message: `expected ${form}` });
    return z.NEVER;
  });

const decimals = 6;

/** `0.25` credits, or `250000micro` → micro-credits; null when it is no amount. */
export function parseCredits(words: string): Micro | null {
  const exact = /^(?<digits>\d+)\s?(?:micro|µ|u)$/.exec(words)?.groups?.['digits'];
  const { whole, part = '' } = /^(?<whole>\d+)(?:\.(?<part>\d{1,6}))?$/.exec(words)?.groups ?? {};
  const digits = exact ?? (whole === undefined ? '' : `${whole}${part.padEnd(decimals, '0')}`);
  return Micro.safeParse(digits.replace(/^0+(?=\d)/, '')).data ?? null;
}

export const credits = () =>
  z.string().transform((words, issues) => {
    const amount = parseCredits(words);
    if (amount !== null) return amount;
    issues.addIssue({ code: 'custom', message: 'expected credits as 0.25, or micro-credits as 250000micro' });
    return z.NEVER;
  });

/** Percent with at most four decimals → parts of a million. */
export const percent = () =>
  z.string().transform((words, issues) => {
    const ppm = /^\d{1,3}(?:\.\d{1,4})?$/.test(words) ? Math.round(Number(words) * 10_000) : Number.NaN;
    if (ppm >= 0 && ppm <= 1_000_000) return ppm;
    issues.addIssue({ code: 'custom', message: 'expected percent from 0 to 100, as 5 or 0.5' });
    return z.NEVER;
  });

/** Of each command that submits. */
export const priority = () =>
  option('--priority <0-9>', 'among this node’s own jobs; 9 comes first (default: 5)', wholeNumber(0, 9).optional());

/** A date, a date with time, or how long ago: `2026-03-01`, `2026-03-01T08:00`, `7d`. */
export type When = { readonly agoMs: number } | { readonly at: number };

export const when = () =>
  z.string().transform((words, issues): When => {
    const agoMs = parseDuration(words);
    if (agoMs !== null) return { agoMs };
    const at = /^\d{4}-\d{2}-\d{2}/.test(words) ? Date.parse(words) : Number.NaN;
    if (!Number.isNaN(at)) return { at };
    issues.addIssue({ code: 'custom', message: 'expected how long ago, as 24h or 7d, or a date as 2026-03-01' });
    return z.NEVER;
  });

export const timeOf = (given: When, now: number) => ('at' in given ? given.at : now - given.agoMs);

/** Of each command that says something. */
export const json = () => toggle('--json', 'one JSON document on the standard output');
/** Of each command that concerns a node. */
export const data = () => option('-d, --data <folder>', 'data folder of the node', text().optional(), 'folder');
export const configFile = () =>
  option('-c, --config <file>', 'configuration, where it is not the usual one', text().optional(), 'file');
export const toggleJson = (summary: string) => toggle('--json', summary);
