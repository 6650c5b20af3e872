import { capabilityKey, nodeRecordPrefix, presenceTopic, protocolLimits } from '../../node-core/protocol/index.ts';
import { byteSize, code, document, duration, table } from './markdown.ts';
import { defaults, type TypeTables } from './schemas.ts';

export const discoverySections = [
  'HardwarePassport',
  'Price',
  'Offer',
  'NodeRecord',
  'Leave',
  'Presence',
  'Capability',
];

const example = 'bafyreicm2ab7u3zv6tw5yvhy37dtmi77k6afwfltg3sgock42csxgaorzm';
const model = 'bafyreihzmyyfyv7pjkiuffwpospo7lvuhv3jch5idnk3ofmmdvksk64yci';

export function discovery(types: TypeTables): string {
  const { recordTtlMs, recordRefreshMs, heartbeatMs, goneMs, discoverEveryMs, lookupMs, knownGoodMax } =
    defaults.directory;
  const { leaseRenewMs, suspectMs } = defaults.aggregator;
  const skew = duration(protocolLimits.clockSkewMsMax);
  const vectors = [
    { kind: 'template', template: example } as const,
    { kind: 'template-model', template: example, model } as const,
    { kind: 'tier', tier: 'gpu-8g' } as const,
  ];
  return document(
    `
## Discovery

Times are the defaults of [the configuration](configuration.md#directory).

### Joining

1. Dial the bootstrap addresses of the configuration and up to ${knownGoodMax} peers remembered from the last run; where \`network.mdns\`
   is on, also peers of the local network. No list of bootstrap nodes is shipped.
2. Look up the own peer id in the DHT.
3. Put the signed [NodeRecord](#noderecord) under \`${nodeRecordPrefix}<peerId>\`; again every ${duration(recordRefreshMs)}, and at once when it
   changes, each time with a higher \`sequence\`. It holds for ${duration(recordTtlMs)} (\`expiresAt\`).
4. A provider also provides one key per [capability](#capability) in the DHT, joins the gossip topic of each, and sends its
   [Presence](#presence) there.

Who looks for providers asks the DHT for the capability's key (every ${duration(discoverEveryMs)} while interested, and up to eight
times as seldom while nobody comes, changes or goes; ${duration(lookupMs)} per look-up), reads their records, and joins the capability's topic.

### Leaving

The node puts a signed [Leave](#leave) (a tombstone) with the next \`sequence\` in the place of its record, and sends it on its
topics. A record with a higher sequence revives it.

### Health checks

- A provider sends a heartbeat every ${duration(heartbeatMs)}, give or take a fifth, and earlier when its load changes much. It says in
  \`nextMs\` when the next one follows at the latest. A peer that was silent for ${duration(goneMs)} is gone.
- While work is out, the aggregator renews its leases every ${duration(leaseRenewMs)}. A provider whose channel is silent for
  ${duration(suspectMs)} is *suspected*: its work is given to another one too, and that is all. Suspicion is no penalty.

### What a node refuses

| where | refused |
| --- | --- |
| DHT record | over ${byteSize(protocolLimits.recordBytesMax)}; not a record by its schema; \`by\` or the key is not that of \`peerId\`; a signature that does not verify; \`expiresAt\` more than ${skew} ago; a \`sequence\` below the highest known of that peer, or equal to it with other bytes |
| presence topic | over ${byteSize(protocolLimits.gossipBytesMax)}; sent by another peer than the signer; \`at\` more than ${skew} off; not after the last one by (\`sequence\`, \`at\`); a signature that does not verify |

Of several records for one key the highest \`sequence\` wins, of equal ones the tombstone. kad-dht stores whatever a validator
lets through, so **the validator itself must remember the highest sequence of each peer**.
`,
    types.section('NodeRecord', 'What a node says of itself. Signed in the domain `node-record`.'),
    types.section('HardwarePassport', 'The tier is that of the GPU with the most memory.'),
    types.section('Offer', 'A template that the provider runs, with a model if it needs one.'),
    types.section('Price', 'Of a shard of n items: `shardMicro` + n × `itemMicro`.'),
    types.section('Leave', 'Signed in the domain `leave`.'),
    types.section(
      'Presence',
      'Heartbeat on each topic of the provider’s capabilities. Signed in the domain `presence`.',
    ),
    types.section(
      'Capability',
      `
A provider has one of kind \`template\` per template, one of kind \`template-model\` per offer with a model, and one of kind
\`tier\`. Its DHT key is the CIDv1 (raw, sha2-256) of its canonical bytes; its topic is \`/infernet/presence/1/\` and the first 32
hex digits of the same hash.`,
    ),
    table(
      ['capability', 'key', 'topic'],
      vectors.map((capability) => [
        code(JSON.stringify(capability)),
        code(capabilityKey(capability)),
        code(presenceTopic(capability)),
      ]),
    ),
  );
}
