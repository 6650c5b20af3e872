import { events } from '../../node-core/protocol/index.ts';
import { code, document, table } from './markdown.ts';
import type { TypeTables } from './schemas.ts';

export function logEvents(types: TypeTables): string {
  const rows = Object.entries(events).map(([type, { room, summary, schema }]) => [
    code(type),
    room,
    summary,
    types
      .fieldNames(schema)
      .filter((name) => name !== 'type')
      .map(code)
      .join(', '),
  ]);
  return document(
    `
## Log events

What a node decided or learnt and must still know after a kill. They do not travel between nodes; the event stream of
[the control API](control-api.md#event-stream) shows them. No token, payload or heartbeat is in the log: inputs, outputs and
salts lie in blobs, by hash. Exact types: \`node-core/protocol/events/events.ts\`.
`,
    table(['event', 'room', 'meaning', 'fields'], rows),
  );
}
