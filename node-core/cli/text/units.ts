/** Numbers with their units, for people. */
import type { Micro, PeerId } from '../../protocol/index.ts';

const microDigits = 6;

/** 1250000 → `1.25 credits`; exact, however large. */
export function creditsText(amount: Micro): string {
  const digits = amount.padStart(microDigits + 1, '0');
  const part = digits.slice(-microDigits).replace(/0+$/, '');
  const number = `${digits.slice(0, -microDigits)}${part === '' ? '' : `.${part}`}`;
  return `${number} ${number === '1' ? 'credit' : 'credits'}`;
}

const steps: ReadonlyArray<readonly [ms: number, unit: string]> = [
  [86_400_000, 'd'],
  [3_600_000, 'h'],
  [60_000, 'min'],
  [1000, 's'],
];

/** 200000 → `3 min 20 s`: the largest unit, and the next where it says something. */
export function durationText(ms: number): string {
  if (ms < 1000) return `${Math.max(0, Math.round(ms))} ms`;
  if (ms < 10_000) return `${(ms / 1000).toFixed(1)} s`;
  const start = steps.findIndex(([size]) => ms >= size);
  const [size, unit] = steps[start] ?? [1000, 's'];
  const [nextSize, nextUnit] = steps[start + 1] ?? [1000, ''];
  const rest = Math.floor((ms % size) / nextSize);
  return `${Math.floor(ms / size)} ${unit}${rest === 0 || nextUnit === '' ? '' : ` ${rest} ${nextUnit}`}`;
}

export function agoText(at: number | null, now: number): string {
  if (at === null) return 'never';
  return now - at < 1000 ? 'now' : `${durationText(now - at)} ago`;
}

/** Local time, to the second. */
export function timeText(at: number): string {
  const two = (n: number) => String(n).padStart(2, '0');
  const date = new Date(at);
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  return `${day} ${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
}

const byteUnits = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB'] as const;

export function bytesText(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < byteUnits.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${unit === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${byteUnits[unit]}`;
}

export const speedText = (tokensPerSecondMilli: number) =>
  tokensPerSecondMilli === 0 ? 'not measured' : `${Math.round(tokensPerSecondMilli / 1000)} tokens/s`;

/** All peer ids begin alike: the end tells them apart, as in a replica's id. */
export const peerText = (peerId: PeerId) => `…${peerId.slice(-8)}`;

export const jobIdText = (jobId: string) => jobId.slice(0, 8);

/** `1 shard`, `2 shards`. */
export const countText = (count: number, noun: string) => `${count} ${noun}${count === 1 ? '' : 's'}`;
