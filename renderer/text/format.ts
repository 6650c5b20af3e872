/** Numbers, amounts and times as people read them. One place, so that a figure looks alike everywhere. */
import type { Micro } from '../../node-core/protocol/index.ts';

const locale = 'en-GB';
const whole = new Intl.NumberFormat(locale);
const oneDigit = new Intl.NumberFormat(locale, { maximumFractionDigits: 1 });
const clock = new Intl.DateTimeFormat(locale, { hour: '2-digit', minute: '2-digit', second: '2-digit' });
const day = new Intl.DateTimeFormat(locale, { day: 'numeric', month: 'short', year: 'numeric' });

export const microPerCredit = 1_000_000n;

export const number = (value: number): string => whole.format(value);
export const decimal = (value: number): string => oneDigit.format(value);

export function count(value: number, one: string, many = `${one}s`): string {
  return `${whole.format(value)} ${value === 1 ? one : many}`;
}

/** The node's own words begin small, since they may stand within others. */
export const sentence = (words: string): string =>
  `${words.charAt(0).toUpperCase()}${words.slice(1)}${words === '' || /[.!?…]$/.test(words) ? '' : '.'}`;

/** Exact: all six digits where they are needed, none that say nothing. */
export function creditNumber(micro: Micro): string {
  const amount = BigInt(micro);
  const fraction = (amount % microPerCredit).toString().padStart(6, '0').replace(/0+$/, '');
  const digits = whole.format(amount / microPerCredit);
  return fraction === '' ? digits : `${digits}.${fraction.padEnd(2, '0')}`;
}

export const credits = (micro: Micro): string => `${creditNumber(micro)} cr`;

/** @returns null when it is no amount of at most six decimals. */
export function parseCredits(text: string): Micro | null {
  const found = /^(?<whole>\d{1,18})(?:\.(?<fraction>\d{1,6}))?$/.exec(text.trim().replaceAll(',', ''));
  if (found?.groups === undefined) return null;
  const fraction = (found.groups['fraction'] ?? '').padEnd(6, '0');
  return (BigInt(found.groups['whole'] ?? '0') * microPerCredit + BigInt(fraction)).toString();
}

export function bytes(value: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let amount = value;
  let unit = 0;
  while (amount >= 1024 && unit < units.length - 1) {
    amount /= 1024;
    unit += 1;
  }
  return `${unit === 0 ? amount : oneDigit.format(amount)} ${units[unit]}`;
}

export function duration(ms: number): string {
  if (ms < 1_000) return `${Math.max(0, Math.round(ms))} ms`;
  const seconds = Math.floor(ms / 1_000);
  if (seconds < 60) return ms < 10_000 ? `${oneDigit.format(ms / 1000)} s` : `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${seconds % 60} s`;
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return `${hours} h ${minutes % 60} min`;
  return `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

export function ago(at: number, now: number): string {
  const seconds = Math.floor((now - at) / 1000);
  if (seconds < 5) return 'just now';
  if (seconds < 60) return `${seconds} s ago`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ago`;
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return `${hours} h ago`;
  const days = Math.floor(hours / 24);
  return days < 30 ? `${days} d ago` : dateText(at);
}

export const timeText = (at: number): string => clock.format(at);
export const dateText = (at: number): string => day.format(at);
export const dateTime = (at: number): string => `${day.format(at)}, ${clock.format(at)}`;

export const percent = (share: number): string => `${oneDigit.format(share * 100)} %`;
export const speed = (perSecondMilli: number): string => `${whole.format(Math.round(perSecondMilli / 1000))} tokens/s`;

/** The end of a peer id is what tells peers apart: they all begin alike. */
export const shortPeer = (peerId: string): string => peerId.slice(-8);
export const shortId = (id: string): string => id.slice(0, 8);
