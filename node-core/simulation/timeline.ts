/** What happened, line by line, for people; kept only when somebody will read it. */
import type { LogEntry } from '../protocol/index.ts';
import { at, type Said } from './observers/wire.ts';

export class Timeline {
  readonly lines: string[] = [];
  readonly #isKept: boolean;
  readonly #elapsedMs: () => number;

  constructor(isKept: boolean, elapsedMs: () => number) {
    this.#isKept = isKept;
    this.#elapsedMs = elapsedMs;
  }

  note(node: string, what: string): void {
    if (!this.#isKept) return;
    this.lines.push(`${(this.#elapsedMs() / 1000).toFixed(4).padStart(11)}  ${node.padEnd(12)} ${what}`);
  }

  wrote(node: string, entries: readonly LogEntry[]): void {
    if (!this.#isKept) return;
    for (const { seq, event } of entries) this.note(node, `log ${seq} ${event.type} ${brief(event)}`);
  }

  said(from: string, to: string, messages: readonly Said[]): void {
    if (!this.#isKept) return;
    for (const { type, body } of messages) this.note(from, `→ ${to} ${type} ${brief(body)}`);
  }
}

/** The few fields by which a reader follows a replica. */
const shown = [
  'replicaId',
  'shardId',
  'jobId',
  'provider',
  'client',
  'peerId',
  'state',
  'verdict',
  'code',
  'reason',
  'message',
  'cumulativeMicro',
  'priceMicro',
  'how',
  'role',
];

function brief(value: unknown): string {
  const parts: string[] = [];
  for (const name of shown) {
    const found = at(value, name) ?? at(value, 'commitment', 'body', name) ?? at(value, 'voucher', 'body', name);
    if (typeof found === 'string' && found !== '') parts.push(`${name}=${shorten(found)}`);
  }
  const replicas = at(value, 'replicas');
  if (Array.isArray(replicas)) {
    parts.push(
      `[${replicas.map((each: unknown) => `${shorten(String(at(each, 'replicaId')))} ${String(at(each, 'state') ?? '')}`.trim()).join(', ')}]`,
    );
  }
  return parts.join(' ');
}

/** Ids stay readable: the first digits of a job, the last ones of a peer. */
function shorten(text: string): string {
  return text.replace(/^([0-9a-f]{4})[0-9a-f]{28}/, '$1…').replace(/^12D3KooW\w+(\w{6})$/, '…$1');
}
