/** Log entries in words: what happened, to what, and how bad it is. */
import { type EventType, events, type LogEntry, type NodeEvent } from '../../node-core/protocol/index.ts';
import { eventWords, t } from './en.ts';
import { count, credits, shortId, shortPeer } from './format.ts';

export type Level = 'info' | 'warn' | 'error';

const warnings: readonly string[] = [
  'peer.left',
  'job.waiting',
  'job.doubted',
  'provider.paused',
  'shard.restarted',
  'job.cancelling',
  'shard.disagreed',
  'shard.cancelled',
  'replica.declined',
  'replica.cancelled',
  'replica.lost',
  'work.cancelled',
  'work.lost',
  'payment.dropped',
  'reputation.noted',
];
const errors: readonly string[] = [
  'shard.exhausted',
  'replica.failed',
  'work.failed',
  'peer.penalised',
  'peer.excluded',
];

export function levelOf(event: NodeEvent): Level {
  if (event.type === 'job.ended')
    return event.state === 'failed' ? 'error' : event.state === 'cancelled' ? 'warn' : 'info';
  if (event.type === 'replica.judged' || event.type === 'work.judged') {
    return event.verdict === 'rejected' ? 'error' : event.verdict === 'undecided' ? 'warn' : 'info';
  }
  if (event.type === 'node.started' && event.unclean) return 'warn';
  return errors.includes(event.type) ? 'error' : warnings.includes(event.type) ? 'warn' : 'info';
}

/** Types whose entries may be of a level, for the node's own search. */
export function typesOfLevel(level: Level): EventType[] {
  const sometimes = ['job.ended', 'replica.judged', 'work.judged', ...(level === 'warn' ? ['node.started'] : [])];
  const wanted = level === 'error' ? [...errors, ...sometimes] : [...errors, ...warnings, ...sometimes];
  return allTypes.filter((type) => wanted.includes(type));
}

export const allTypes = Object.keys(events).filter((type): type is EventType => Object.hasOwn(events, type));
export const rooms = [...new Set(allTypes.map((type) => events[type].room))].toSorted();
export const typesOfRoom = (room: string): EventType[] => allTypes.filter((type) => events[type].room === room);
export const roomOf = (event: NodeEvent): string => events[event.type].room;

/** The job that an entry is about: a replica's id begins with its job's. */
export function jobOf(event: NodeEvent): string | null {
  if ('jobId' in event) return event.jobId;
  if ('replicaId' in event) return event.replicaId.slice(0, 32);
  return null;
}

export function peerOf(event: NodeEvent): string | null {
  if ('provider' in event) return event.provider;
  if ('client' in event) return event.client;
  if ('peer' in event) return event.peer;
  if ('peerId' in event) return event.peerId;
  if ('record' in event) return event.record.peerId;
  return null;
}

/** What this entry says beyond the sentence of its type. */
export function detailOf(event: NodeEvent): string {
  const parts: string[] = [];
  if ('shardId' in event) parts.push(t.job.shard(Number(event.shardId.split('.')[1])).toLowerCase());
  const peer = peerOf(event);
  if (peer !== null) parts.push(shortPeer(peer));
  switch (event.type) {
    case 'job.created':
      parts.push(event.job.label === '' ? event.job.templateName : event.job.label, count(event.job.items, 'item'));
      break;
    case 'job.planned':
      parts.push(count(event.counts.length, 'shard'));
      break;
    case 'job.ended':
      parts.push(t.jobStates[event.state].toLowerCase());
      break;
    case 'replica.judged':
    case 'work.judged':
      parts.push(event.verdict);
      break;
    case 'replica.assigned':
      parts.push(t.job.role[event.role] ?? event.role);
      if (event.checks !== undefined) parts.push(t.job.checksTokens);
      if (event.prefixesHash !== undefined) parts.push(t.job.goesOn);
      break;
    case 'shard.audited':
    case 'shard.reopened':
      parts.push(t.job.auditWhy[event.why]);
      break;
    case 'peer.excluded':
      parts.push(t.providers.excludedWhy(event.differed, event.compared));
      break;
    case 'receipt.stored':
    case 'receipt.heard': {
      const { kind, items, client, provider } = event.receipt.body;
      parts.push(kind, count(items, 'item'), `${shortPeer(client)} → ${shortPeer(provider)}`);
      break;
    }
    case 'shard.accepted':
      parts.push(t.job.how[event.how]);
      break;
    case 'provider.switched':
      parts.push(event.on ? t.provider.on.toLowerCase() : t.provider.off.toLowerCase());
      break;
    case 'provider.resumed':
      parts.push(event.by);
      break;
    case 'payment.received':
      parts.push(shortPeer(event.voucher.body.payer), credits(event.amountMicro));
      break;
  }
  if ('priceMicro' in event && event.type.startsWith('payment.')) parts.push(credits(event.priceMicro));
  if ('reason' in event && event.reason !== '') parts.push(event.reason);
  const job = jobOf(event);
  if (parts.length === 0 && job !== null) parts.push(shortId(job));
  return parts.join(' · ');
}

export const summaryOf = (event: NodeEvent): string => eventWords[event.type] ?? events[event.type].summary;

export const lineText = ({ event }: LogEntry): string => `${summaryOf(event)} ${event.type} ${detailOf(event)}`;
