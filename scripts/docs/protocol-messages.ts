import { jobProtocol, messages, protocolLimits } from '../../node-core/protocol/index.ts';
import { anchor, byteSize, code, document, table } from './markdown.ts';
import { defaults, type TypeTables } from './schemas.ts';

export const messageSections = ['Envelope'];

/** Not the bare type: `receipt` is a record too. */
const heading = (type: string) => `Message ${type}`;

const directions = { C: 'aggregator → provider', P: 'provider → aggregator', CP: 'both ways' } as const;

export function messageTypes(types: TypeTables): string {
  const all = Object.entries(messages);
  return document(
    `
## Messages

A channel is a libp2p stream of the protocol \`${jobProtocol}\`. It carries frames: a length in four bytes, big-endian, then so
many bytes. A length with its top bit set announces a goodbye instead, the reason of the close in UTF-8. A frame is UTF-8 JSON,
an array of at most ${protocolLimits.messagesPerFrameMax} envelopes, at most ${byteSize(protocolLimits.frameBytesMax)}. Two peers keep one channel for both directions. Frames keep
their order and arrive once; loss means that the channel breaks. A sender waits for drain.

A request is answered by a message whose \`re\` is its \`id\`, within ${defaults.messaging.requestMs / 1000} s. Requests may be repeated, over a new channel too: a
replica is known by (peer, \`replicaId\`), and the answer says how things stand. A frame that is too large, is no array of envelopes or
has another major version closes the channel with the reason; a single bad message is answered by [\`error\`](#message-error).
Unknown types are answered by \`error{code: "unsupported"}\`.
`,
    types.section('Envelope', 'Around every message.'),
    table(
      ['message', 'direction', 'meaning'],
      all.map(([type, { from, summary }]) => [`[${code(type)}](#${anchor(heading(type))})`, directions[from], summary]),
    ),
    ...all.map(
      ([type, { from, summary, body }]) =>
        `### ${heading(type)}\n\n${directions[from]}. ${summary}\n\n${types.ofSchema(body)}`,
    ),
  );
}
