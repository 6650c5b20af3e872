/** A node's log, read by its control API. */
import { type EventType, type LogEntry, type NodeApi, parseEvent } from '../../node-core/protocol/index.ts';

const pageEntries = 1000;

/** All that the node decided, oldest first. @param types only these; all if left out. */
export async function readLog(api: NodeApi, types: readonly EventType[] = []): Promise<LogEntry[]> {
  const entries: LogEntry[] = [];
  for (let after = 0; ; ) {
    const page = await api.call('logs.query', {
      after,
      limit: pageEntries,
      ...(types.length > 0 && { types: [...types] }),
    });
    entries.push(...page.entries.map(({ seq, at, event }) => ({ seq, at, event: parseEvent(event) })));
    if (page.entries.length < pageEntries) return entries;
    after = page.next;
  }
}
