/**
 * What others say: an index of the receipts for work between others, as a projection of the log. The receipts themselves
 * stay in the log, where `seq` finds them.
 *
 * Bounded per signer, per provider and in all; receipts for which only strangers vouch may fill half of it. What does not fit
 * goes by age (the receipt's own time), the oldest first: so nodes that hear the same come to hold the same, and what one has
 * dropped is not fetched again from another. What the log takes of it is bounded by bytes per day.
 */
import type { Projection } from '../journal/index.ts';
import {
  type EpochMs,
  type EventOf,
  isProof,
  isShareable,
  type PeerId,
  protocolLimits,
  type Receipt,
  type ReceiptBody,
  type Sha256,
  witnessesOf,
} from '../protocol/index.ts';
import { reputationLimits as limits } from './limits.ts';
import { bytesOf, receiptHashOf } from './receipt-hash.ts';
import { dayMs, dayOf, keptAfter } from './scores.ts';
import type { ReputationConfig } from './types.ts';

export interface Heard {
  /** Its entry in the log. */
  readonly seq: number;
  /** Of the receipt's body. */
  readonly hash: Sha256;
  /** When it was written, as its client says; the door takes none from the future. */
  readonly at: EpochMs;
  readonly kind: ReceiptBody['kind'];
  /** It needs nobody's word. */
  readonly proof: boolean;
  /** What it is about: two receipts about one piece of work count once. */
  readonly work: string;
  readonly client: PeerId;
  readonly witnesses: readonly PeerId[];
  readonly bytes: number;
  readonly stranger: boolean;
}

/** A receipt that this node may pass on. */
export interface Held {
  readonly seq: number;
  readonly hash: Sha256;
  readonly at: EpochMs;
  readonly client: PeerId;
  readonly provider: PeerId;
  readonly bytes: number;
}

export interface Testimony {
  /** By provider, oldest first. */
  about: Record<PeerId, Heard[]>;
  /** This node's own, as client or provider, that others may see; oldest first. */
  own: Held[];
  /** Bytes that the log took today (UTC). */
  today: { day: number; bytes: number; strangers: number; bySigner: Record<PeerId, number> };
}

export function testimonyProjection(config: ReputationConfig): Projection<Testimony> {
  return {
    name: 'testimony',
    version: 1,
    initial: () => ({ about: {}, own: [], today: { day: 0, bytes: 0, strangers: 0, bySigner: {} } }),
    apply(state, { seq, at, event }) {
      if (event.type === 'receipt.heard') hear(state, event, seq, at, config);
      else if (event.type === 'receipt.stored' && isShareable(event.receipt)) keepOwn(state, event.receipt, seq);
    },
  };
}

/** Two receipts with the same are about the same piece of work; ids are made by clients, a digest by the provider. */
export function workOf(body: ReceiptBody): string {
  return body.kind === 'good'
    ? `good ${body.client} ${body.replicaId}`
    : `bad ${body.evidence.accused.commitment.body.digest}`;
}

/** What is known of a receipt before it is read. */
export type Offered = Omit<Held, 'seq'>;

/** Why a receipt is not taken, or null. Everything but its signatures and its evidence. */
export function refusal(
  state: Testimony,
  { hash, at, client, provider, bytes }: Offered,
  stranger: boolean,
  now: EpochMs,
  config: ReputationConfig,
): string | null {
  const about = state.about[provider] ?? [];
  if (about.some((heard) => heard.hash === hash)) return 'it is known';
  if (bytes > limits.receiptBytesMax) return `it has ${bytes} bytes, at most ${limits.receiptBytesMax} are taken`;
  if (at > now + protocolLimits.clockSkewMsMax) return 'it is from the future';
  if (at < now - limits.ageDaysMax * dayMs) return 'it is too old';
  const { bytesPerDayMax, bytesPerSignerPerDayMax, receiptsMax, receiptsPerProviderMax, receiptsPerSignerMax } = config;
  const day = dayOf(now);
  const spent = day > state.today.day ? null : state.today;
  if ((spent?.bytes ?? 0) + bytes > bytesPerDayMax) return 'enough was heard today';
  if (stranger && (spent?.strangers ?? 0) + bytes > bytesPerDayMax / 2) return 'enough was heard of strangers today';
  if ((spent?.bySigner[client] ?? 0) + bytes > bytesPerSignerPerDayMax) return 'enough was heard of its signer today';
  const isOlder = (group: readonly Heard[], max: number): boolean =>
    group.length >= max && group.every((heard) => heard.at >= at);
  if (isOlder(about, receiptsPerProviderMax)) return 'there are newer ones about its provider';
  const { all, strangers, byClient } = countsOf(state);
  if ((byClient.get(client) ?? 0) >= receiptsPerSignerMax && isOlder(ofClient(state, client), receiptsPerSignerMax))
    return 'there are newer ones of its signer';
  if (stranger && strangers >= receiptsMax / 2 && isOlder(ofStrangers(state), receiptsMax / 2))
    return 'there are newer ones of strangers';
  return all >= receiptsMax && isOlder(everything(state), receiptsMax) ? 'there are newer ones' : null;
}

/** Is there another receipt of this client for the same work? */
export function isRepeated(state: Testimony, body: ReceiptBody): boolean {
  const work = workOf(body);
  return (state.about[body.provider] ?? []).some((heard) => heard.work === work && heard.client === body.client);
}

/** Work of this node that its clients have accepted and signed for, with forgetting; of what others may see, the newest. */
export function acceptedWork(state: Testimony, self: PeerId, now: EpochMs): ReadonlyMap<PeerId, number> {
  const byClient = new Map<PeerId, number>();
  for (const { client, provider, at } of state.own) {
    if (provider === self) byClient.set(client, (byClient.get(client) ?? 0) + keptAfter(dayOf(now) - dayOf(at)));
  }
  return byClient;
}

/** Everything that may be passed on: the same list again, as long as nothing has changed. */
export function held(state: Testimony): readonly Held[] {
  const counts = countsOf(state);
  counts.held ??= listHeld(state);
  return counts.held;
}

function listHeld(state: Testimony): Held[] {
  const all: Held[] = [...state.own];
  for (const [provider, about] of Object.entries(state.about)) {
    for (const { seq, hash, at, client, bytes } of about) all.push({ seq, hash, at, client, provider, bytes });
  }
  return all;
}

function hear(
  state: Testimony,
  { receipt, stranger }: EventOf<'receipt.heard'>,
  seq: number,
  now: EpochMs,
  config: ReputationConfig,
): void {
  const { body } = receipt;
  const { at, client, provider, kind } = body;
  const hash = receiptHashOf(body);
  const about = state.about[provider] ?? [];
  if (about.some((known) => known.hash === hash)) return;
  const counts = countsOf(state);
  const bytes = bytesOf(receipt);
  spend(state, client, bytes, stranger, now);
  const witnesses = [...new Set(witnessesOf(body))];
  about.push({ seq, hash, at, kind, proof: isProof(body), work: workOf(body), client, witnesses, bytes, stranger });
  changed(counts, { client, stranger }, 1);
  state.about[provider] = about.sort(byAge);
  trim(state, provider, client, config);
}

function spend({ today }: Testimony, client: PeerId, bytes: number, stranger: boolean, now: EpochMs): void {
  const day = dayOf(now);
  if (day > today.day) {
    today.day = day;
    today.bytes = 0;
    today.strangers = 0;
    today.bySigner = {};
  }
  today.bytes += bytes;
  if (stranger) today.strangers += bytes;
  today.bySigner[client] = (today.bySigner[client] ?? 0) + bytes;
}

function trim(state: Testimony, provider: PeerId, client: PeerId, config: ReputationConfig): void {
  const { receiptsMax, receiptsPerProviderMax, receiptsPerSignerMax } = config;
  const counts = countsOf(state);
  dropOldest(state, state.about[provider] ?? [], receiptsPerProviderMax);
  if ((counts.byClient.get(client) ?? 0) > receiptsPerSignerMax)
    dropOldest(state, ofClient(state, client), receiptsPerSignerMax);
  if (counts.strangers > receiptsMax / 2) dropOldest(state, ofStrangers(state), Math.floor(receiptsMax / 2));
  if (counts.all > receiptsMax) dropOldest(state, everything(state), receiptsMax);
}

function dropOldest(state: Testimony, group: readonly Heard[], max: number): void {
  if (group.length <= max) return;
  const dropped = new Set([...group].sort(byAge).slice(0, group.length - max));
  for (const heard of dropped) changed(countsOf(state), heard, -1);
  for (const [provider, about] of Object.entries(state.about)) {
    if (!about.some((heard) => dropped.has(heard))) continue;
    const left = about.filter((heard) => !dropped.has(heard));
    if (left.length > 0) state.about[provider] = left;
    else delete state.about[provider];
  }
}

function keepOwn(state: Testimony, receipt: Receipt, seq: number): void {
  const { body } = receipt;
  const hash = receiptHashOf(body);
  if (state.own.some((own) => own.hash === hash)) return;
  const { at, client, provider } = body;
  countsOf(state).held = null;
  state.own.push({ seq, hash, at, client, provider, bytes: bytesOf(receipt) });
  if (state.own.length > limits.ownSharedMax) state.own.shift();
}

/** What follows from a state and is asked of it with each receipt. Kept beside it: snapshots hold none of it. */
interface Counts {
  all: number;
  strangers: number;
  readonly byClient: Map<PeerId, number>;
  held: readonly Held[] | null;
}

const countsOfStates = new WeakMap<Testimony, Counts>();

function countsOf(state: Testimony): Counts {
  const known = countsOfStates.get(state);
  if (known !== undefined) return known;
  const counts: Counts = { all: 0, strangers: 0, byClient: new Map(), held: null };
  for (const heard of everything(state)) changed(counts, heard, 1);
  countsOfStates.set(state, counts);
  return counts;
}

function changed(counts: Counts, { client, stranger }: Pick<Heard, 'client' | 'stranger'>, by: 1 | -1): void {
  counts.held = null;
  counts.all += by;
  if (stranger) counts.strangers += by;
  const ofClient = (counts.byClient.get(client) ?? 0) + by;
  if (ofClient > 0) counts.byClient.set(client, ofClient);
  else counts.byClient.delete(client);
}

function ofClient(state: Testimony, client: PeerId): Heard[] {
  return everything(state).filter((heard) => heard.client === client);
}

function ofStrangers(state: Testimony): Heard[] {
  return everything(state).filter((heard) => heard.stranger);
}

function everything(state: Testimony): Heard[] {
  return Object.values(state.about).flat();
}

/** A total order, so that a snapshot, which keeps none of its keys, makes no difference. */
function byAge(a: Heard, b: Heard): number {
  return a.at - b.at || (a.hash < b.hash ? -1 : 1);
}
