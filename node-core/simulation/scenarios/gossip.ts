import {
  type Commitment,
  canonicalBytes,
  commitmentDigest,
  hashOf,
  itemHashesOf,
  outputsHashOf,
  type PeerId,
  parseMessage,
  type Receipt,
  ReceiptBatch,
  type ReceiptBody,
  receiptsTopic,
  replicaIdOf,
  signBody,
  utf8,
} from '../../protocol/index.ts';
import { Broken } from '../broken.ts';
import { simulatedTemplate } from '../executor.ts';
import type { Scenario } from '../scenario.ts';
import { type Simulation, thiefSalt } from '../simulation.ts';
import type { Speaker } from '../speaker.ts';
import type { SimulatedNode } from '../world.ts';

const topic = receiptsTopic(simulatedTemplate.id);

/**
 * Receipts in a hostile network: one provider always lies, another signs reveals that contradict their commitments, a ring
 * praises itself by the hundred and frames an honest provider with copies of its own, a forger changes and repeats what
 * others say; a part of the network is away meanwhile, and one node joins when all is over. Everybody comes to know what
 * honest clients wrote and to rank the two cheaters last, the ring gains next to nothing, and nobody’s log is flooded.
 */
export const gossip: Scenario = {
  name: 'gossip',
  about: 'receipts are forged, repeated and made up by a ring; cheaters come last everywhere all the same',
  nodesMin: 9,
  // With more, not every client comes to meet both cheaters.
  nodesMax: 9,
  async play(sim) {
    const { chance, world } = sim;
    const overheard: Uint8Array[] = [];
    world.onGossip = (on, message) => {
      if (on === topic && overheard.length < 500) overheard.push(message);
    };
    await sim.begin({
      clients: 3,
      providers: sim.size - 5,
      manner: (i) => ({ cheat: i === 1 ? { share: 1, label: 'a lie' } : null }),
      node: () => ({ config }),
    });
    const liar = sim.providers[1];
    if (liar === undefined) return;
    const breaker = await sim.hostile('breaker', (heard, speaker) => {
      if (heard.type === 'job.quote') return [speaker.offer(heard)];
      if (heard.type === 'shard.assign') return [speaker.accept(heard), speaker.commit(heard)];
      if (heard.type === 'lease.renew') return [speaker.leaseAck(heard, 'committed')];
      if (heard.type === 'shard.reveal.request') return [speaker.falseReveal(heard)];
      return [];
    });
    const forger = sim.speaker('forger');
    const ring = Array.from({ length: 3 }, (_, i) => sim.speaker(`ring-${i}`));
    await sim.wait(3_000);
    const honest = sim.providers.filter((provider) => provider !== liar);
    const victim = chance.pick(honest);

    for (const client of sim.clients) await sim.submit(client, work(chance.below(40)));
    await frame(sim, ring, victim);
    sim.fault('a part of the network is away', (own) => {
      const away = world.nodes.filter((node) => !sim.clients.includes(node) && own.happens(0.3));
      world.hub.partition([away.map(({ peerId }) => peerId)]);
    });
    for (let i = 0; i < 3; i++) {
      await sim.wait(chance.fraction() * 20_000);
      await flood(sim, ring, i);
      if (overheard.length === 0) continue;
      for (const message of forgeries(forger, chance.pick(overheard))) await forger.gossip(topic, message);
    }
    world.hub.heal();
    for (const job of sim.jobs) await sim.ended(job);
    // Until each client has met both.
    for (let i = 0; i < 12 && !sim.clients.every((client) => hasMet(client, [liar.peerId, breaker.peerId])); i++) {
      for (const client of sim.clients) await sim.ended((await sim.submit(client, work(20))) ?? never());
    }
    const late = world.add({ name: 'late', config });
    late.start();
    await sim.wait(120_000);

    const cast = {
      cheaters: [liar.peerId, breaker.peerId],
      honest: honest.map(({ peerId }) => peerId),
      ring: ring.map(({ peerId }) => peerId),
    };
    for (const node of world.nodes) await judge(sim, node, cast);
    checkSpread(sim);
  },
};

const config = { reputation: { meetMs: 5_000, bytesPerSignerPerDayMax: 64 * 1024 } };

const work = (more: number) => ({
  items: 40 + more,
  policy: { type: 'replicate', copies: 2, quorum: 2, tieBreakers: 2 } as const,
  mayFail: true,
});

function never(): never {
  throw new Error('a client is down, and nobody stopped it');
}

function hasMet({ subject }: SimulatedNode, peers: readonly PeerId[]): boolean {
  return peers.every((peer) =>
    subject.client.receipts.some(({ body }) => body.kind === 'bad' && body.provider === peer),
  );
}

/** Signed by both as it should be; what it says never happened. */
function praise(client: Speaker, provider: Speaker, n: number): Receipt {
  const jobId = n.toString(16).padStart(32, '0');
  const shardId = `${jobId}.0`;
  const body: ReceiptBody = {
    v: 1,
    kind: 'good',
    client: client.peerId,
    provider: provider.peerId,
    jobId,
    shardId,
    replicaId: replicaIdOf(shardId, 1, provider.peerId),
    template: simulatedTemplate.id,
    model: null,
    items: 1,
    at: client.now,
    shared: true,
    priceMicro: '0',
    check: { type: 'replicate', copies: 2, quorum: 2, agreed: 2 },
    digest: hashOf(n),
  };
  const { signature } = client.sign('receipt', body);
  return { body, clientSignature: signature, providerSignature: provider.sign('receipt', body).signature };
}

/** More than anybody takes of one author, of one signer and in one message. */
async function flood({ chance }: Simulation, ring: readonly Speaker[], round: number): Promise<void> {
  for (const client of ring) {
    const provider = chance.pick(ring.filter((other) => other !== client));
    for (const [batch, count] of [15, 15, 17].entries()) {
      const first = (round * 3 + batch) * 100;
      const receipts = Array.from({ length: count }, (_, i) => praise(client, provider, first + i));
      await client.gossip(topic, canonicalBytes({ v: 1, receipts }));
    }
  }
}

/** Two of the ring “agree” on other answers than an honest provider gave to a third: the evidence convinces, and is false. */
async function frame(sim: Simulation, [thief, ...copies]: readonly Speaker[], victim: SimulatedNode): Promise<void> {
  if (thief === undefined) return;
  if ((await sim.steal(thief, victim, { reveal: 'on-request', attempt: 1 })) === null) return;
  const said = (type: string) => thief.heard.find((heard) => heard.from === victim.peerId && heard.type === type)?.body;
  const { commitment } = parseMessage('shard.commit', said('shard.commit'));
  const { outputs, reveal } = parseMessage('shard.reveal', said('shard.reveal'));
  const { jobId, shardId, replicaId } = commitment.body;
  const accused = { commitment, opening: { reveal, itemHashes: itemHashesOf(thiefSalt, outputs) } };
  const quorum = copies.slice(0, 2).map((copy) => claim(copy, commitment.body, outputs.length));
  const body: ReceiptBody = {
    v: 1,
    kind: 'bad',
    client: thief.peerId,
    provider: victim.peerId,
    jobId,
    shardId,
    replicaId,
    template: simulatedTemplate.id,
    model: null,
    items: outputs.length,
    at: thief.now,
    shared: true,
    reason: 'minority',
    itemsWrong: outputs.length,
    evidence: { accused, quorum },
  };
  const receipt = { body, clientSignature: thief.sign('receipt', body).signature, providerSignature: null };
  for (let i = 0; i < 3; i++) await thief.gossip(topic, canonicalBytes({ v: 1, receipts: [receipt] }));
}

/** The commitment of somebody to answers for another’s task. */
function claim({ peerId, signer }: Speaker, { jobId, shardId, taskHash }: Commitment, items: number) {
  const subject = { jobId, shardId, replicaId: replicaIdOf(shardId, 2, peerId), peerId };
  const itemHashes = itemHashesOf(
    thiefSalt,
    Array.from({ length: items }, () => 'the ring says so'),
  );
  const outputsHash = outputsHashOf(itemHashes);
  const digest = commitmentDigest(subject, outputsHash, thiefSalt);
  const reveal = { v: 1 as const, replicaId: subject.replicaId, digest, outputsHash, salt: thiefSalt };
  return {
    commitment: signBody(signer, 'commitment', { v: 1 as const, ...subject, taskHash, digest, at: 1 }),
    opening: { reveal: signBody(signer, 'reveal', reveal), itemHashes },
  };
}

/** What honest nodes said, said again: as it was, under another name, with another signature; and noise. */
function forgeries(forger: Speaker, message: Uint8Array): Uint8Array[] {
  const [receipt] = ReceiptBatch.parse(JSON.parse(utf8.decode(message))).receipts;
  if (receipt === undefined) return [];
  const { signature } = forger.sign('receipt', receipt.body);
  const variants: Receipt[] = [
    { ...receipt, body: { ...receipt.body, client: forger.peerId } },
    { ...receipt, clientSignature: signature },
  ];
  return [
    message,
    ...variants.map((variant) => canonicalBytes({ v: 1, receipts: [variant] })),
    utf8.encode('{"v":1,"receipts":'),
  ];
}

interface Cast {
  readonly cheaters: readonly PeerId[];
  readonly honest: readonly PeerId[];
  readonly ring: readonly PeerId[];
}

async function judge(sim: Simulation, node: SimulatedNode, { cheaters, honest, ring }: Cast): Promise<void> {
  const { world } = sim;
  const fault = (what: string): never => {
    throw new Broken('reputation', node.name, sim.now, what);
  };
  const scoreOf = async (peerId: PeerId): Promise<number> => {
    const answer = await world.until(node.node.api.call('peers.reputation', { peerId }));
    return answer?.value.score ?? fault('it does not say what it thinks');
  };
  const others = (peers: readonly PeerId[]) => peers.filter((peerId) => peerId !== node.peerId);
  let worst = 1;
  for (const peerId of others(honest)) worst = Math.min(worst, await scoreOf(peerId));
  for (const peerId of others(cheaters)) {
    const score = await scoreOf(peerId);
    if (score >= worst) fault(`${world.nameOf(peerId)} cheats and stands at ${score}, an honest provider at ${worst}`);
  }
  for (const peerId of ring) {
    const score = await scoreOf(peerId);
    if (score > ringMax) fault(`a ring has praised one of its own up to ${score}`);
  }
  const bytes = new Map<PeerId, number>();
  const heard = new Set<string>();
  for (const { event } of node.disk.entries()) {
    if (event.type !== 'receipt.heard') continue;
    const { client } = event.receipt.body;
    const hash = hashOf(event.receipt.body);
    // Of the ring's, more comes than is kept: what was dropped may come again.
    if (heard.has(hash) && !ring.includes(client)) fault(`a receipt of ${world.nameOf(client)} counts twice`);
    heard.add(hash);
    bytes.set(client, (bytes.get(client) ?? 0) + canonicalBytes(event.receipt).length);
  }
  const { bytesPerSignerPerDayMax } = node.config.reputation;
  for (const [client, count] of bytes) {
    if (count > bytesPerSignerPerDayMax) fault(`its log took ${count} bytes of ${world.nameOf(client)} in one day`);
  }
}

/** Every receipt that an honest client wrote is known to every node, whoever was away or came late. */
function checkSpread({ clients, world, now }: Simulation): void {
  for (const client of clients) {
    const written = client.subject.client.receipts.filter(({ body }) => body.client === client.peerId);
    // Who has much to tell is not heard out in one day.
    const bytes = written.reduce((sum, receipt) => sum + canonicalBytes(receipt).length, 0);
    if (bytes > client.config.reputation.bytesPerSignerPerDayMax) continue;
    for (const { body } of written) {
      for (const node of world.nodes) {
        if (node === client || node.peerId === body.provider || node.subject.client.heard.has(hashOf(body))) continue;
        const what = `a ${body.kind} receipt of ${client.name} about ${world.nameOf(body.provider)}`;
        throw new Broken('reputation', node.name, now, `it has never heard of ${what}`);
      }
    }
  }
}

/** A stranger at one half, and all that strangers can add. */
const ringMax = 2.5 / 4.5 + 1e-9;
