import { type ApiErrorKind, apiErrors, nodeMethods, scopes } from '../../node-core/protocol/index.ts';
import { anchor, code, document, table } from './markdown.ts';
import { defaults, type TypeTables } from './schemas.ts';

export const controlSections = [
  'NodeStatus',
  'ProviderStatus',
  'JobSummary',
  'JobPlan',
  'JobDetail',
  'ShardView',
  'ReplicaView',
  'JobResults',
  'PeerView',
  'WalletSummary',
];

const errorMeanings: Record<ApiErrorKind, string> = {
  'invalid-params': 'the parameters do not match the schema; the message names the field',
  'method-not-found': 'no such method',
  'not-found': 'no such job or peer',
  'not-allowed': 'the caller’s scope is too low, or the owner does not allow it',
  'insufficient-funds': 'the budget does not cover the job',
  unavailable: 'not at present: too much at once, or the node is starting or stopping',
  internal: 'a fault of the node; its log says more',
};

const scopeMeanings: Record<(typeof scopes)[number], string> = {
  follow: 'look',
  submit: 'and submit, read and cancel jobs',
  manage: 'and switch the provider, and read the settings',
  owner: 'and stop the node',
};

/** Not the bare name: `node.status` and its result `NodeStatus` would have the same anchor. */
const heading = (name: string) => `Method ${name}`;

export function controlApi(types: TypeTables): string {
  const all = Object.entries(nodeMethods);
  return document(
    `
# The control API

Generated from \`node-core/protocol/api/node-api.ts\` by \`npm run docs\`; do not edit. What the desktop window, the command line,
scripts and paired devices may ask of a node: [JSON-RPC 2.0](https://www.jsonrpc.org/specification) over several carriers.

## Connect

A running node writes \`control.json\` (\`{url, token, pid}\`, readable by its owner only) into its data folder. Open a WebSocket to
\`url\`, which is on loopback, and either bring the header \`Authorization: Bearer <token>\`, or send as the first message

    {"jsonrpc":"2.0","id":1,"method":"auth","params":{"token":"…","scope":"follow"}}

where \`scope\` may ask for less than the token allows. One JSON text per message. A foreign \`Host\`, and an \`Origin\` that
\`control.allowedOrigins\` does not name, are refused. In the desktop app the window uses Electron's IPC instead, and no port is open.

## Scopes

Each scope includes the ones before it.
`,
    table(
      ['scope', 'may'],
      scopes.map((scope) => [code(scope), scopeMeanings[scope]]),
    ),
    '## Methods',
    table(
      ['method', 'scope', 'meaning'],
      all.map(([name, { scope, summary }]) => [`[${code(name)}](#${anchor(heading(name))})`, code(scope), summary]),
    ),
    ...all.map(
      ([name, { scope, summary, params, result }]) =>
        `### ${heading(name)}\n\n${summary} Scope \`${scope}\`.\n\n**Parameters:** ${inline(types.ofSchema(params))}\n\n**Result:** ${inline(types.ofSchema(result))}`,
    ),
    `
## Event stream

\`events.subscribe {after}\` (any scope) answers \`{subscription}\`, and then sends notifications
\`event {subscription, cursor, item}\`: every [log event](protocol.md#log-events) with \`seq\` > \`after\`, the stored ones first, then
new ones as they become durable; none is missed or doubled. After a reconnection go on with the last \`cursor\`. An item is one of

| item | meaning |
| --- | --- |
| \`{kind: "event", seq, at, event}\` | an entry of the log; \`event.type\` says which |
| \`{kind: "progress", jobId, shardId, replicaId, provider, itemsDone}\` | not in the log, and not repeated after a reconnection |

\`events.unsubscribe {subscription}\` ends it. A reader for whom more than ${defaults.control.streamBufferMax} messages wait is disconnected.

## Errors

The message is for people and says what to do.
`,
    table(
      ['error', 'code', 'meaning'],
      Object.entries(apiErrors).map(([kind, number]) => [code(kind), String(number), meaningOf[kind] ?? '']),
    ),
    '## Types',
    ...controlSections.map((name) => types.section(name, '')),
  );
}

const meaningOf: Readonly<Record<string, string>> = errorMeanings;

/** A table stands on its own lines, a link or a sentence on the line of its title. */
function inline(text: string): string {
  return text.startsWith('|') ? `\n\n${text}` : text;
}
