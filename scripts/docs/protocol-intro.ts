import { protocolLimits, signatureDomains } from '../../node-core/protocol/index.ts';
import { byteSize, code, document, duration, table } from './markdown.ts';
import { basicTypeTable } from './schemas.ts';

export const intro = `
# The protocol of Infernet

Generated from the schemas in \`node-core/protocol/\` by \`npm run docs\`; do not edit. It says what another client has to do
to find providers, give them work, check and pay it.

Nodes speak over [libp2p](https://github.com/libp2p/specs): TCP and WebSocket, noise, yamux, identify, ping, kad-dht as
\`/infernet/kad/1.0.0\`, gossipsub. Work travels on channels of the protocol \`/infernet/job/1\`, which prefer the WebSocket
transport. Every channel is authenticated and encrypted end to end; the sender of a message is the peer of its channel.

Two roles: the **aggregator** (C in the diagrams) is the client's own node and splits a job into shards; a **provider** (P)
runs them. One attempt of one provider at one shard is a **replica**.
`;

export function identity(): string {
  return document(
    `
## Identity and signing

A node is an Ed25519 key. Its peer id is libp2p's: base58btc of the bytes \`00 24 08 01 12 20\` and the 32 bytes of the public
key. So whoever has a peer id can check its signatures. The public key of RFC 8032's first test,
\`d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a\`, has the peer id
\`12D3KooWQK1wnefoLrcVHbbnf5tLzbopUd3K3bFAoJpA7YJgL5pV\`.

**Canonical bytes** are UTF-8 of canonical JSON ([RFC 8785](https://www.rfc-editor.org/rfc/rfc8785)). A **hash of a value** is
the SHA-256 of its canonical bytes in lower-case hex.

A **signed** body is \`{body, by, signature}\`: \`by\` is the peer id of the signer, \`signature\` the Ed25519 signature in base64url
without padding over

    infernet/<domain>/1\\n<canonical JSON of body>

with a line feed after the 1. Signed bodies hold integers only (within ±2⁵³ − 1). Verify the body **as it came**: a later
version may add fields at any depth, and dropping them breaks the signature. One domain for each kind of body, so that no
signature can be passed off as another:
`,
    table(
      ['domain', 'signs'],
      Object.entries(signatureDomains).map(([domain, what]) => [code(domain), what]),
    ),
    `
### Basic types

Amounts are decimal strings of micro-credits (10⁻⁶ credit), never JSON numbers. Credits are not money. Times are integers in
milliseconds. A \`?\` after a field's name says that it may be missing. Unknown fields are ignored.
`,
    basicTypeTable(),
    `\`Json\` has well-formed Unicode (no lone surrogates) and at most ${protocolLimits.jsonDepthMax} arrays and objects inside each other.`,
  );
}

export const contentIds = `
## Content ids

Models, templates and large payloads are named by their content.

- A **file** is cut into chunks of ${byteSize(1024 * 1024)}; the last one is shorter, an empty file has none. Each chunk is named by
  a CIDv1 (raw, sha2-256). The file is named by the CIDv1 (dag-cbor, sha2-256) of the DAG-CBOR of
  \`{v: 1, kind: "file", size, chunks: [CID…]}\`. Name and media type are not in it.
- A **folder** is named by the CIDv1 (dag-cbor, sha2-256) of \`{v: 1, kind: "folder", entries: [{name, cid}…]}\`, sorted by the
  UTF-16 code units of the names; a name occurs once. A template is the folder of its \`template.json\`, its runner and the
  further files that \`template.json\` names.

| file | content id |
| --- | --- |
| empty | \`bafyreihomymr426wqpprwjadunmd5u5ucsfpdalftccfp5o3xjgvop2tvi\` |
| one byte, 00 | \`bafyreih4vhsi7yprxspizdjnccxtysdpkzxy3fza5zxlbbyabdfrfrlsee\` |
| \`hello\` | \`bafyreiand2ha2thqx4uldon5o3elnfk6vbduto7y5r6jlyjvtvxrbgxp2i\` |
| 1 MiB of 00 | \`bafyreibrujakm3kue7bnpo4nowoo5aqln6v7znuu3cciao7vcexztqwwly\` |
| 1 MiB + 1 byte of 00 | \`bafyreiglxjuzeps4wfxuwomk446svbeqpkilp2yqy2mxgxfcziq33nbuwm\` |
`;

export function limits(): string {
  const value = (name: string, n: number) => {
    if (name.endsWith('BytesMax')) return byteSize(n);
    return name.endsWith('MsMax') ? duration(n) : String(n);
  };
  const rows = Object.entries(protocolLimits).map(([name, n]) => [
    code(name),
    value(name, n),
    limitMeanings[name] ?? '',
  ]);
  return document(
    `
## Limits

What both sides of a wire must agree on. What a node chooses for itself is in [its configuration](configuration.md).
`,
    table(['limit', 'value', 'of'], rows),
  );
}

type LimitName = keyof typeof protocolLimits;
const meanings: Record<LimitName, string> = {
  frameBytesMax: 'a frame of a job channel',
  inlineBytesMax: 'canonical inputs or outputs of one shard; more is `bad-input`',
  recordBytesMax: 'a record in the DHT',
  gossipBytesMax: 'a gossip message',
  clockSkewMsMax: 'difference of two honest clocks that checks of times forgive',
  itemsPerShardMax: 'items of a shard',
  itemsPerJobMax: 'items of a job',
  messagesPerFrameMax: 'messages in a frame',
  leasesPerMessageMax: 'replicas in one lease renewal',
  jsonDepthMax: 'arrays and objects inside each other in an input, an output or a parameter',
  warmPerPresenceMax: 'models in memory that a heartbeat names',
  offersPerRecordMax: 'offers in a node record',
  receiptsPerBatchMax: 'receipts in a gossip message, or in one `receipts.page`',
  receiptsOfferedMax: 'receipts in one `receipts.offer`',
  receiptBuckets: 'buckets of `receipts.compare`',
};
const limitMeanings: Readonly<Record<string, string>> = meanings;
