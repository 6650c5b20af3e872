import { type LogEntry, parseEvent } from '../../node-core/protocol/index.ts';
import type { NodeLink } from './link.svelte.ts';

const pageEntries = 1_000;

/** Reads the entries of a job after a cursor, page by page, each handed out when it is there. */
export async function readJobLog(
  link: NodeLink,
  jobId: string,
  after: number,
  receive: (entries: readonly LogEntry[]) => void,
): Promise<void> {
  for (let cursor = after; ; ) {
    const { entries, next } = await link.call('logs.query', { jobId, after: cursor, limit: pageEntries });
    receive(entriesOf(entries));
    if (entries.length < pageEntries) return;
    cursor = next;
  }
}

/** Entries of a later version are left out. */
export function entriesOf(
  lines: readonly { readonly seq: number; readonly at: number; readonly event: unknown }[],
): LogEntry[] {
  return lines.flatMap(({ seq, at, event }) => {
    try {
      return [{ seq, at, event: parseEvent(event) }];
    } catch {
      return [];
    }
  });
}
