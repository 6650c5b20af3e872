import {
  type AnyMessage,
  canonicalBytes,
  nodeRecordKey,
  type PeerId,
  presenceTopic,
  utf8,
} from '../../protocol/index.ts';
import { Broken } from '../broken.ts';
import type { Said } from '../observers/wire.ts';
import type { Scenario } from '../scenario.ts';

/**
 * A stranger forges, replays and steals whatever is signed: records and heartbeats of others, commitments, reveals,
 * vouchers, acknowledgements, releases, receipts, verdicts. One provider signs a reveal that does not open what it committed
 * to. Nobody honest loses anything, and only the liar is blamed.
 */
export const forgeries: Scenario = {
  name: 'forgeries',
  about: 'forged, replayed and foreign records, commitments, vouchers and receipts',
  nodesMin: 6,
  nodesMax: 12,
  async play(sim) {
    const { chance, world } = sim;
    const overheard: Array<{ from: PeerId; to: PeerId; said: Said }> = [];
    world.onSaid = (from, to, said) => {
      if (overheard.length < 2_000 && stolen.has(said.type)) overheard.push({ from, to, said });
    };
    await sim.begin({ clients: 1, providers: sim.size - 3 });
    const forger = sim.speaker('forger');
    const liar = await sim.hostile('liar', (heard, speaker) => {
      if (heard.type === 'job.quote') return [speaker.offer(heard)];
      if (heard.type === 'shard.assign') {
        const commit = speaker.commit(heard);
        if (!chance.happens(0.3)) return [speaker.accept(heard), commit];
        sim.measure('unsigned shard.commit', 1);
        return [speaker.accept(heard), resigned(commit, null)];
      }
      if (heard.type === 'lease.renew') return [speaker.leaseAck(heard, 'committed')];
      if (heard.type === 'shard.reveal.request') {
        sim.measure('false shard.reveal', 1);
        return [speaker.falseReveal(heard)];
      }
      return [];
    });
    const [client] = sim.clients;
    if (client === undefined) return;
    const oldRecords = new Map<PeerId, Uint8Array>();
    for (const { peerId } of sim.providers) {
      const found = await world.until(forger.get(nodeRecordKey(peerId)));
      if (found !== null && found.value !== null) oldRecords.set(peerId, found.value);
    }
    // Some come back with newer records.
    for (const provider of sim.providers.slice(0, 2)) {
      provider.crash();
      provider.start();
    }
    await sim.wait(8_000);
    const before = sim.providers.map(({ peerId }) => peerId);
    await sim.submit(client, { items: 40 + chance.below(60) });
    for (let i = 0; i < 60; i++) {
      await sim.wait(chance.fraction() * 60);
      const victim = chance.pick(sim.providers);
      const picked = overheard.length === 0 ? null : chance.pick(overheard);
      const target = chance.happens(0.5) ? client : victim;
      switch (chance.below(8)) {
        case 6: {
          // A record of the victim, as it was before: kept from the beginning.
          const old = oldRecords.get(victim.peerId);
          if (old === undefined) break;
          sim.measure('old record', 1);
          await world.until(forger.put(nodeRecordKey(victim.peerId), old).catch(() => {}));
          break;
        }
        case 0: {
          // A record of the victim, signed by the forger.
          const body = { ...forger.record(), peerId: victim.peerId, sequence: 2_000_000_000_000 };
          const record = canonicalBytes(forger.sign('node-record', body));
          // The liar keeps what it is given; honest nodes must not.
          sim.measure('foreign record', 1);
          await world.until(forger.put(nodeRecordKey(victim.peerId), record).catch(() => {}));
          break;
        }
        case 1: {
          const leave = {
            v: 1 as const,
            kind: 'leave' as const,
            peerId: victim.peerId,
            sequence: 2_000_000_000_000,
            issuedAt: forger.now,
            expiresAt: forger.now + 60_000,
          };
          sim.measure('foreign leave', 1);
          const signed = forger.sign('leave', leave);
          await forger.gossip(
            presenceTopic(forger.capability),
            canonicalBytes(chance.happens(0.5) ? signed : { ...signed, by: victim.peerId }),
          );
          break;
        }
        case 2:
          // What somebody said, said again by the forger.
          if (picked === null) break;
          sim.measure(`replayed ${picked.said.type}`, 1);
          await forger.tell(target.peerId, picked.said);
          break;
        case 3:
          // The same with another signer: the forger's own signature over a foreign body.
          if (picked === null) break;
          sim.measure(`re-signed ${picked.said.type}`, 1);
          await forger.tell(target.peerId, resigned(picked.said, forger.peerId));
          break;
        case 7: {
          // Another sum under the signature of the first; to whom it was first said, too.
          const sums = overheard.filter(({ said }) => said.type === 'payment.voucher' || said.type === 'payment.ack');
          if (sums.length === 0) break;
          const sum = chance.pick(sums);
          sim.measure(`altered ${sum.said.type}`, 1);
          await forger.tell(chance.pick([sum.to, target.peerId]), altered(sum.said));
          break;
        }
        case 4: {
          const replicaId = [...victim.subject.provider.work.keys()][0];
          if (replicaId === undefined) break;
          const grabs: AnyMessage[] = [
            { type: 'shard.cancel', body: { replicaId, reason: 'mine' } },
            { type: 'shard.reveal.request', body: { replicaId } },
            forger.verdict(replicaId, 'rejected'),
            { type: 'lease.renew', body: { replicaIds: [replicaId] } },
          ];
          const grab = chance.pick(grabs);
          sim.measure(`foreign ${grab.type}`, 1);
          await forger.tell(victim.peerId, grab);
          break;
        }
        default:
          sim.measure('garbage', 1);
          await forger.gossip(presenceTopic(forger.capability), utf8.encode(`{"garbage":${i}}`));
      }
    }
    for (const job of sim.jobs) await sim.ended(job);
    const got = forger.heard.find(({ type }) => type === 'shard.reveal' || type === 'shard.cancelled');
    if (got !== undefined) throw new Broken('forgeries', 'forger', sim.now, `a stranger was given a ${got.type}`);
    for (const node of world.nodes) {
      const blamed = node.subject.client.receipts.find(
        ({ body }) => body.kind === 'bad' && body.provider !== liar.peerId,
      );
      if (blamed !== undefined)
        throw new Broken('I8', node.name, sim.now, `${world.nameOf(blamed.body.provider)} is blamed and honest`);
    }
    const status = await world.until(client.node.api.call('peers.list', {}));
    const live =
      status?.value.peers.filter((peer) => {
        const isWhereItIs = peer.addresses.includes(world.hub.addressOf(peer.peerId));
        return before.includes(peer.peerId) && peer.live && isWhereItIs;
      }).length ?? 0;
    if (live < before.length)
      throw new Broken('discovery', client.name, sim.now, `${before.length - live} honest providers were talked away`);
  },
};

const stolen: ReadonlySet<string> = new Set([
  'shard.assign',
  'shard.commit',
  'shard.reveal',
  'shard.fail',
  'shard.verdict',
  'payment.voucher',
  'payment.ack',
  'payment.statement',
  'receipt',
]);

/** The same message with more to pay, or to have got. */
function altered(said: Said): Said {
  const raised = (key: string, value: unknown): unknown =>
    key === 'cumulativeMicro' && typeof value === 'string' ? String(BigInt(value) + 1_000_000n) : value;
  const body: unknown = JSON.parse(JSON.stringify(said.body, raised));
  return { ...said, body };
}

/** The same message with another signer named wherever somebody signed; null = with signatures of nothing. */
function resigned(said: Said, by: string | null): Said {
  const replaced = (key: string, value: unknown): unknown => {
    if (by !== null && key === 'by') return by;
    return by === null && key === 'signature' ? 'A'.repeat(86) : value;
  };
  const body: unknown = JSON.parse(JSON.stringify(said.body, replaced));
  return { ...said, body };
}
