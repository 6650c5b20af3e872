/**
 * What strangers may cost in an hour, all together. A limit per client does not bound what many identities of one person
 * take, as identities cost nothing; this does. PAYMENTS, section 5: “this, not X, bounds Sybil loss”.
 *
 * A client is a stranger for as much of its unpaid work as exceeds what it has ever settled. So a voucher for one shard
 * opens no door to eight. Work counts from its admission until it is paid, given back without cost (declined by
 * circumstance, failed here, cancelled before it began), or an hour old.
 */
import { type Micro, micro, type PeerId } from '../protocol/index.ts';
import type { CreditRules } from './limits.ts';

/** Unpaid work by client and minute of its admission. Plain JSON; part of the projection's state. */
export type UnpaidByMinute = Record<PeerId, Record<string, Micro>>;

const minuteMs = 60_000;
const windowMinutes = 60;

export function minuteOf(at: number): number {
  return Math.floor(at / minuteMs);
}

/** In place; what is older than the window is dropped on the way, so that the table is bounded by the cap. */
export function addUnpaid(unpaid: UnpaidByMinute, client: PeerId, minute: number, priceMicro: Micro): void {
  for (const [peer, minutes] of Object.entries(unpaid)) {
    for (const key of Object.keys(minutes)) if (Number(key) < minute - windowMinutes) delete minutes[key];
    if (Object.keys(minutes).length === 0) delete unpaid[peer];
  }
  unpaid[client] ??= {};
  const minutes = unpaid[client];
  minutes[minute] = micro.add(minutes[minute] ?? micro.zero, priceMicro);
}

/** In place: it was paid, or cost nothing. */
export function takeUnpaid(unpaid: UnpaidByMinute, client: PeerId, minute: number, priceMicro: Micro): void {
  const minutes = unpaid[client];
  const there = minutes?.[minute];
  if (minutes === undefined || there === undefined) return;
  if (micro.less(priceMicro, there)) minutes[minute] = micro.subtract(there, priceMicro);
  else delete minutes[minute];
  if (Object.keys(minutes).length === 0) delete unpaid[client];
}

export interface StrangerView {
  readonly unpaid: UnpaidByMinute;
  settledMicro(client: PeerId): Micro;
  /** Of all strangers, work under way: what may be paid at any moment. */
  inFlightMicro(client: PeerId): Micro;
}

export type StrangerRoom = { readonly ok: true } | { readonly ok: false; readonly retryAfterMs: number };

/** While work is under way, room may come at any moment. */
const soonMs = 1_000;

/** May a client that is a stranger be given work of this price? A known one always may. */
export function roomForStranger(
  rules: Pick<CreditRules, 'strangersPerHourMicro'>,
  view: StrangerView,
  client: PeerId,
  priceMicro: Micro,
  now: number,
): StrangerRoom {
  const cap = BigInt(rules.strangersPerHourMicro);
  const price = BigInt(priceMicro);
  const oldest = minuteOf(now) - windowMinutes;
  if (beyondSettled(view, client, oldest, price) === 0n) return { ok: true };
  const exposed = exposureOf(view, client, oldest, price);
  if (exposed <= cap) return { ok: true };
  let underWay = 0n;
  const minutes = new Set<number>();
  for (const [peer, taken] of Object.entries(view.unpaid)) {
    underWay += BigInt(view.inFlightMicro(peer));
    for (const minute of Object.keys(taken)) if (Number(minute) >= oldest) minutes.add(Number(minute));
  }
  if (underWay >= exposed - cap) return { ok: false, retryAfterMs: soonMs };
  for (const minute of [...minutes].sort((a, b) => a - b)) {
    if (exposureOf(view, client, minute + 1, price) > cap) continue;
    return { ok: false, retryAfterMs: (minute + windowMinutes + 1) * minuteMs - now };
  }
  // One shard costs more than the cap: only the owner can help.
  return { ok: false, retryAfterMs: windowMinutes * minuteMs };
}

/** What of the cap is in use. */
export function strangersUse(view: StrangerView, now: number): Micro {
  const oldest = minuteOf(now) - windowMinutes;
  let exposed = 0n;
  for (const peer of Object.keys(view.unpaid)) exposed += beyondSettled(view, peer, oldest, 0n);
  return exposed.toString();
}

/** Of all clients, with `price` for one of them, as if nothing before minute `oldest` had been. */
function exposureOf(view: StrangerView, client: PeerId, oldest: number, price: bigint): bigint {
  let exposed = beyondSettled(view, client, oldest, price);
  for (const peer of Object.keys(view.unpaid)) if (peer !== client) exposed += beyondSettled(view, peer, oldest, 0n);
  return exposed;
}

function beyondSettled(view: StrangerView, client: PeerId, oldest: number, price: bigint): bigint {
  let beyond = price - BigInt(view.settledMicro(client));
  for (const [minute, amount] of Object.entries(view.unpaid[client] ?? {})) {
    if (Number(minute) >= oldest) beyond += BigInt(amount);
  }
  return beyond > 0n ? beyond : 0n;
}
