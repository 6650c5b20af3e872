/**
 * The yardstick of joining: libp2p and kad-dht alone, with the transports and settings of our nodes.
 *
 *     node bench/lib/bare-dht.ts bootstrap             waits
 *     node bench/lib/bare-dht.ts provider ADDRESS      joins, provides a key and puts a record, then waits
 *     node bench/lib/bare-dht.ts seeker ADDRESS        joins, finds who provides the key and reads the record
 *
 * Each says one line of JSON: {address, startedAt, at}, the seeker when it has the record. Ends when stdin does.
 */
import { noise } from '@chainsafe/libp2p-noise';
import { identify } from '@libp2p/identify';
import { kadDHT, passthroughMapper } from '@libp2p/kad-dht';
import { ping } from '@libp2p/ping';
import { tcp } from '@libp2p/tcp';
import { webSockets } from '@libp2p/websockets';
import { yamux } from '@libp2p/yamux';
import { multiaddr } from '@multiformats/multiaddr';
import { createLibp2p } from 'libp2p';
import { CID } from 'multiformats/cid';

const [role = '', bootstrap] = process.argv.slice(2);
const startedAt = Date.now();
const key = CID.parse('bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy');
const record = new TextEncoder().encode('/bench/record');

const libp2p = await createLibp2p({
  addresses: { listen: ['/ip4/127.0.0.1/tcp/0/ws', '/ip4/127.0.0.1/tcp/0'] },
  transports: [webSockets(), tcp()],
  connectionEncrypters: [noise()],
  streamMuxers: [yamux()],
  connectionManager: { inboundConnectionThreshold: 50 },
  services: {
    identify: identify(),
    ping: ping(),
    dht: kadDHT({
      protocol: '/bench/kad/1.0.0',
      clientMode: false,
      peerInfoMapper: passthroughMapper,
      validators: { bench: async () => undefined },
      selectors: { bench: () => 0 },
      initialQuerySelfInterval: 100,
    }),
  },
});
if (bootstrap !== undefined) await libp2p.dial(multiaddr(bootstrap));
const { dht } = libp2p.services;

if (role === 'provider') {
  for await (const event of dht.provide(key)) if (event.name === 'PEER_RESPONSE') break;
  for await (const event of dht.put(record, new Uint8Array(1000))) if (event.name === 'PEER_RESPONSE') break;
}
if (role === 'seeker') {
  await found();
  for await (const event of dht.get(record)) {
    if (event.name === 'VALUE' || (event.name === 'PEER_RESPONSE' && event.record !== undefined)) break;
  }
}
process.stdout.write(
  `${JSON.stringify({ address: libp2p.getMultiaddrs()[0]?.toString() ?? '', startedAt, at: Date.now() })}\n`,
);
process.stdin.resume();
process.stdin.once('end', () => {
  void Promise.resolve(libp2p.stop()).then(() => process.exit(0));
});

/** The first answer may come before the peers of the bootstrap are known: then it is asked again, as we do. */
async function found(): Promise<void> {
  for (;;) {
    for await (const event of dht.findProviders(key)) {
      if (event.name === 'PROVIDER' && event.providers.length > 0) return;
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
