/** Strangers at the door of real nodes: peers that speak the public protocol by hand, and break it. */
import { randomBytes } from 'node:crypto';
import { noise } from '@chainsafe/libp2p-noise';
import { tcp } from '@libp2p/tcp';
import { yamux } from '@libp2p/yamux';
import { multiaddr } from '@multiformats/multiaddr';
import { createLibp2p } from 'libp2p';
import { afterAll, afterEach, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { createSigner, createVerifier } from '../../node-core/identity/index.ts';
import {
  canonicalBytes,
  commitmentDigest,
  type Envelope,
  hashOf,
  isSigned,
  itemHashesOf,
  type Json,
  jobProtocol,
  type MessageBody,
  nodeRecordKey,
  type Offer,
  opens,
  outputsHashOf,
  protocolLimits,
  type Quote,
  receiptFault,
  replicaIdOf,
  type SignedQuote,
  shardIdOf,
  signBody,
  taskHashOf,
  toBase64Url,
} from '../../node-core/protocol/index.ts';
import {
  briskWith,
  ended,
  eventually,
  labelsOf,
  logOf,
  NodeGroup,
  type RunningNode,
  reviews,
  type SmallNetwork,
  startNetwork,
} from './nodes.ts';
import { bodyOf, type RawChannel, RawPeer } from './raw-peer.ts';

vi.setConfig({ testTimeout: 120_000 });

const log: string[] = [];
let group: NodeGroup;
let network: SmallNetwork;
let provider: RunningNode;
/** What the real providers offer. */
let offered: Offer;
/** The content id of a model that no real provider serves. */
let otherModel: string;
const peers: RawPeer[] = [];

beforeAll(async () => {
  group = await NodeGroup.make('infernet-e2e-');
  const config = briskWith({ log: { level: 'debug' }, aggregator: { graceMs: 2_000 } });
  network = await startNetwork(group, {
    providers: 2,
    client: config,
    provider: config,
    onLog: (line) => void log.push(line),
  });
  const [first] = network.providers;
  if (first === undefined) throw new Error('no provider');
  provider = first;
  const { offers } = await provider.api.call('provider.status', {});
  const [offer] = offers;
  if (offer === undefined) throw new Error('no offer');
  offered = offer;
  const { templates } = await network.client.api.call('jobs.templates', {});
  otherModel = templates.flatMap(({ models }) => models).find(({ name }) => name === 'infernet-micro')?.cid ?? '';
});
afterEach(async () => {
  await Promise.all(peers.splice(0).map((peer) => peer.stop()));
});
afterAll(() => group?.stop());

async function join(node: RunningNode): Promise<RawPeer> {
  const peer = await RawPeer.join(node.addresses.slice(0, 1));
  peers.push(peer);
  return peer;
}

const isError = (envelope: Envelope, code: string): boolean =>
  envelope.type === 'error' && bodyOf('error', envelope).code === code;

describe('the channel', () => {
  it('closes with a reason at the announcement of an oversize frame', async () => {
    const stranger = await createLibp2p({
      transports: [tcp()],
      connectionEncrypters: [noise()],
      streamMuxers: [yamux()],
    });
    onTestFinished(() => stranger.stop());
    const address = provider.addresses.find((text) => !text.includes('/ws')) ?? '';
    const stream = await (await stranger.dial(multiaddr(address))).newStream(jobProtocol);
    const said: number[] = [];
    stream.addEventListener('message', ({ data }) => void said.push(...data.subarray()));
    const ended = new Promise((resolve) => stream.addEventListener('remoteCloseWrite', resolve));
    const header = Buffer.alloc(4);
    header.writeUInt32BE(protocolLimits.frameBytesMax + 1);
    stream.send(header);
    await ended;
    expect(Buffer.from(said.slice(4)).toString()).toBe('a frame has at most 1048576 bytes, not 1048577');
  });

  it('answers an unknown type, closes at another major version, at chaos and at a flood', async () => {
    const peer = await join(provider);
    const channel = await peer.open(provider);
    expect(bodyOf('error', await channel.askRaw('job.dance', {}))).toEqual({
      code: 'unsupported',
      message: 'unknown message type job.dance',
    });
    expect(bodyOf('error', await channel.askRaw('job.quote', { jobId: 7 }))).toMatchObject({
      code: 'bad-message',
      message: expect.stringContaining('jobId'),
    });
    // Fields of a later version are no fault.
    const quote = { ...quoteBody(), urgency: 'high' };
    expect((await channel.askRaw('job.quote', quote)).type).toBe('job.offer');

    channel.send('job.quote', quoteBody(), { v: 2 });
    expect(await channel.closed).toBe('this node speaks version 1 of the job protocol, not 2');
    expect(channel.received.some((envelope) => isError(envelope, 'version'))).toBe(true);

    const second = await peer.open(provider);
    await second.channel.send(Buffer.from('{"hello":"world"}'));
    expect(await second.closed).toContain('not an array of envelopes');
    expect(second.received.some((envelope) => isError(envelope, 'bad-message'))).toBe(true);

    const third = await peer.open(provider);
    for (let i = 0; i < 5; i++) {
      const at = Date.now();
      const burst = Array.from({ length: 999 }, (_, n) => ({ v: 1, type: 'nothing', id: `${i}.${n}`, at, body: {} }));
      await third.channel.send(Buffer.from(JSON.stringify(burst))).catch(() => {});
    }
    expect(await third.closed).toContain('messages a second');
    // Nobody else noticed.
    const another = await (await join(provider)).open(provider);
    expect((await another.ask('job.quote', quoteBody())).type).toBe('job.offer');
  });
});

describe('a peer of another version', () => {
  // Of the same major one: the impostor below is one, and is heard in all that it says.

  it('of another major one gets no channel, and is told both versions', async () => {
    const peer = await RawPeer.join(provider.addresses.slice(0, 1), '/infernet/job/2');
    peers.push(peer);
    // It learns what the other speaks when both have introduced themselves.
    await eventually('the refusal names both versions', async () => {
      const refusal = await peer.open(provider).then(
        () => 'opened',
        (error: Error) => error.message,
      );
      return refusal.includes(
        'this node speaks /infernet/job/2, and the peer /infernet/job/1: one of the two has to be updated',
      );
    });
  });
});

describe('the door of the DHT', () => {
  it('refuses what is forged, old, expired, too large, or under another’s key, and says why in its log', async () => {
    // It knows all nodes itself, so that each of its look-ups reaches all of them.
    const nodes = [network.client, ...network.providers];
    const peer = await RawPeer.join(nodes.flatMap(({ addresses }) => addresses.slice(0, 1)));
    peers.push(peer);
    await eventually(
      'it is connected to every node',
      () => peer.network.status().connectedPeers >= nodes.length || null,
    );
    const key = nodeRecordKey(peer.peerId);
    const good = signed(peer, { sequence: 10 });
    await peer.publishBytes(good);
    // That resolved with the first node that stored it: one that has not yet may still take an older one, and gets the good one.
    const refusedByAll = (bytes: Uint8Array): Promise<true | null> =>
      peer.publishBytes(bytes).then(
        async () => {
          await peer.publishBytes(good).catch(() => undefined);
          return null;
        },
        (error: Error) => error.message.includes('no peer stored') || null,
      );

    await eventually('every node has the record', () => refusedByAll(signed(peer, { sequence: 9 })));

    const refusals: ReadonlyArray<{ code: string; key: string; bytes: Uint8Array }> = [
      { code: 'old-sequence', key, bytes: signed(peer, { sequence: 9 }) },
      { code: 'old-sequence', key, bytes: signed(peer, { sequence: 10, agent: 'another/1' }) },
      {
        code: 'expired',
        key,
        bytes: signed(peer, { sequence: 11, issuedAt: Date.now() - 600_000, expiresAt: Date.now() - 300_000 }),
      },
      {
        code: 'bad-signature',
        key,
        bytes: canonicalBytes({
          ...signBody(peer.signer, 'node-record', peer.record({ sequence: 12 })),
          body: peer.record({ sequence: 13 }),
        }),
      },
      { code: 'foreign-key', key: nodeRecordKey(provider.peerId), bytes: signed(peer, { sequence: 14 }) },
      {
        code: 'foreign-key',
        key: nodeRecordKey(provider.peerId),
        bytes: signed(peer, { sequence: Number.MAX_SAFE_INTEGER, peerId: provider.peerId }),
      },
      { code: 'too-large', key, bytes: new Uint8Array(protocolLimits.recordBytesMax + 1).fill(0x20) },
      { code: 'malformed', key, bytes: canonicalBytes({ body: { kind: 'node' }, by: peer.peerId, signature: '' }) },
    ];
    for (const { code, key: under, bytes } of refusals) {
      log.length = 0;
      await expect(peer.publishBytes(bytes, under), code).rejects.toThrow('no peer stored');
      await eventually(
        `a node says ${code}`,
        () => log.some((line) => line.includes('"a record was refused"') && line.includes(`"code":"${code}"`)),
        5_000,
      );
    }
    // What was good before is what is there now, once the liar, who keeps its own lies, is gone.
    peers.splice(peers.indexOf(peer), 1);
    await peer.stop();
    const other = await join(network.client);
    const kept = await eventually('the first record is found', () => other.network.getRecord(key, 5_000));
    expect(JSON.parse(Buffer.from(kept).toString())).toMatchObject({ body: { sequence: 10 } });
    const { peers: known } = await network.client.api.call('peers.list', {});
    expect(known.find(({ peerId }) => peerId === provider.peerId)).toMatchObject({
      live: true,
      agent: 'infernet/0.1.0',
    });
  });
});

const signed = (peer: RawPeer, changes: Parameters<RawPeer['record']>[0]): Uint8Array =>
  canonicalBytes(signBody(peer.signer, 'node-record', peer.record(changes)));

const newId = (): string => randomBytes(16).toString('hex');

function quoteBody(jobId = newId()): MessageBody<'job.quote'> {
  return { jobId, template: offered.template, model: offered.model, items: 2, itemsPerShard: 2 };
}

describe('a provider and a client that cheats', () => {
  async function quoted(channel: RawChannel, jobId: string): Promise<SignedQuote> {
    return bodyOf('job.offer', await channel.ask('job.quote', quoteBody(jobId))).quote;
  }

  async function assignment(
    jobId: string,
    quote: SignedQuote,
    changes: Partial<MessageBody<'shard.assign'>> = {},
  ): Promise<MessageBody<'shard.assign'>> {
    const shardId = shardIdOf(jobId, 0);
    const inputs = await reviews(2);
    return {
      replicaId: replicaIdOf(shardId, 1, provider.peerId),
      jobId,
      shardId,
      attempt: 1,
      kind: { type: 'run' },
      quote,
      params: {},
      payload: { type: 'plain', inputs, itemSalt: toBase64Url(randomBytes(16)) },
      inputsHash: hashOf(inputs),
      priceMicro: '1200',
      deadlineAt: Date.now() + 60_000,
      leaseMs: 10_000,
      graceMs: 10_000,
      reveal: 'on-request',
      priority: 5,
      ...changes,
    };
  }

  it('is declined with the code for what is wrong, and nothing runs', async () => {
    const channel = await (await join(provider)).open(provider);
    const stranger = await (await join(provider)).open(provider);
    const jobId = newId();
    const quote = await quoted(channel, jobId);
    const forged = { ...quote, body: { ...quote.body, price: { shardMicro: '0', itemMicro: '0' } } };
    const cases: ReadonlyArray<[string, RawChannel, Partial<MessageBody<'shard.assign'>>]> = [
      ['price', channel, { priceMicro: '1199' }],
      ['price', channel, { quote: forged, priceMicro: '0' }],
      ['price', stranger, {}],
      ['credit-limit', channel, { priceMicro: '16001' }],
      ['expired', channel, { deadlineAt: Date.now() - 300_000 }],
      ['bad-input', channel, { inputsHash: hashOf(['other inputs']) }],
      ['bad-input', channel, { replicaId: `${shardIdOf(newId(), 0)}.1.${provider.peerId.slice(-8)}` }],
      ['bad-input', channel, { params: { labels: 'good' } }],
      ['policy', channel, { payload: { type: 'sealed', ciphertext: 'x' } }],
    ];
    for (const [code, by, changes] of cases) {
      const answer = await by.ask('shard.assign', await assignment(jobId, quote, changes));
      expect(bodyOf('shard.decline', answer).code, JSON.stringify(Object.keys(changes))).toBe(code);
    }
    expect((await provider.api.call('provider.status', {})).work).toEqual([]);
  });

  it('learns the present state from a repeated assignment, and nothing of others’ replicas', async () => {
    const client = await join(provider);
    const channel = await client.open(provider);
    const stranger = await (await join(provider)).open(provider);
    const jobId = newId();
    const assign = await assignment(jobId, await quoted(channel, jobId));
    const { replicaId } = assign;
    for (const type of ['shard.reveal.request', 'shard.cancel'] as const) {
      const answer = await channel.askRaw(type, { replicaId, reason: '' });
      expect(bodyOf('error', answer).code).toBe('unknown-replica');
    }
    expect(bodyOf('shard.accept', await channel.ask('shard.assign', assign))).toMatchObject({ replicaId });
    const [again, more] = await Promise.all([channel.ask('shard.assign', assign), channel.ask('shard.assign', assign)]);
    for (const answer of [again, more]) {
      expect(['queued', 'running', 'committed']).toContain(bodyOf('shard.accept', answer).state);
    }
    const commit = bodyOf('shard.commit', await channel.next('commitment', ({ type }) => type === 'shard.commit'));
    expect(commit.result).toBeUndefined();
    expect(bodyOf('shard.accept', await channel.ask('shard.assign', assign))).toEqual({
      replicaId,
      state: 'committed',
      itemsDone: 2,
    });

    expect(bodyOf('error', await stranger.ask('shard.reveal.request', { replicaId })).code).toBe('unknown-replica');
    expect(bodyOf('shard.decline', await stranger.ask('shard.assign', assign)).code).toBe('no-capacity');
    const states = bodyOf('lease.ack', await stranger.ask('lease.renew', { replicaIds: [replicaId] })).replicas;
    expect(states).toEqual([{ replicaId, state: 'unknown', itemsDone: 0 }]);

    const reveal = bodyOf('shard.reveal', await channel.ask('shard.reveal.request', { replicaId }));
    expect(opens(commit.commitment.body, reveal.reveal.body)).toBe(true);
    expect(isSigned(createVerifier(), 'commitment', commit.commitment)).toBe(true);
    expect(reveal.outputs).toHaveLength(2);
    expect(bodyOf('shard.verdict.ack', await channel.ask('shard.verdict', verdictOf(replicaId)))).toEqual({
      replicaId,
    });
    // It ran once, whatever was repeated.
    const admitted = (await logOf(provider.api, 'work.admitted')).filter(({ event }) => event.replicaId === replicaId);
    expect(admitted).toHaveLength(1);
  });

  const verdictOf = (replicaId: string): MessageBody<'shard.verdict'> => ({
    replicaId,
    verdict: 'undecided',
    policy: { type: 'replicate', copies: 2, quorum: 2, tieBreakers: 1 },
    evidence: null,
  });
});

/** Fields that this version does not know, in what is signed and in what is not. */
const later = { later: { than: ['this', 1] } };

/** A provider of a later minor version that takes work and answers without any model. */
class Impostor {
  readonly peer: RawPeer;
  readonly assigned: Promise<{ assign: MessageBody<'shard.assign'>; channel: RawChannel }>;
  readonly verdicts: MessageBody<'shard.verdict'>[] = [];

  constructor(peer: RawPeer) {
    this.peer = peer;
    const { promise, resolve } = Promise.withResolvers<{ assign: MessageBody<'shard.assign'>; channel: RawChannel }>();
    this.assigned = promise;
    const { answers, signer } = peer;
    answers.set('job.quote', (envelope, channel) => {
      const { jobId, template, model } = bodyOf('job.quote', envelope);
      const body: Quote = {
        v: 1,
        quoteId: newId(),
        provider: peer.peerId,
        client: channel.channel.peer,
        jobId,
        template,
        model,
        price: { shardMicro: '5', itemMicro: '0' },
        inFlightMax: 8,
        creditLimitMicro: '1000000',
        expiresAt: Date.now() + 600_000,
        ...later,
      };
      channel.send('job.offer', { quote: signBody(signer, 'quote', body), ...later }, { re: envelope.id });
    });
    answers.set('shard.assign', (envelope, channel) => {
      const assign = bodyOf('shard.assign', envelope);
      channel.send(
        'shard.accept',
        { replicaId: assign.replicaId, state: 'running', itemsDone: 0 },
        { re: envelope.id },
      );
      resolve({ assign, channel });
    });
    answers.set('lease.renew', (envelope, channel) => {
      const { replicaIds } = bodyOf('lease.renew', envelope);
      const replicas = replicaIds.map((replicaId) => ({ replicaId, state: 'running', itemsDone: 0 }));
      channel.send('lease.ack', { replicas }, { re: envelope.id });
    });
    answers.set('shard.verdict', (envelope, channel) => {
      const verdict = bodyOf('shard.verdict', envelope);
      this.verdicts.push(verdict);
      channel.send('shard.verdict.ack', { replicaId: verdict.replicaId }, { re: envelope.id });
    });
  }

  offer(model: string | null): Promise<void> {
    const price = { shardMicro: '5', itemMicro: '0' };
    return this.peer.offer([{ ...offered, model, price, tokensPerSecondMilli: 1_000_000, ...later }]);
  }

  /** A commitment to outputs that it made up, and two reveals: one that opens it, and one that does not. */
  answer(assign: MessageBody<'shard.assign'>) {
    if (assign.payload.type !== 'plain') throw new Error('sealed');
    const { inputs, itemSalt } = assign.payload;
    const { replicaId, jobId, shardId, params, inputsHash } = assign;
    const { template, model } = assign.quote.body;
    const peerId = this.peer.peerId;
    const { signer } = this.peer;
    const outputs: Json[] = inputs.map(() => ({ label: 'positive' }));
    const salt = toBase64Url(randomBytes(16));
    const outputsHash = outputsHashOf(itemHashesOf(itemSalt, outputs));
    const digest = commitmentDigest({ jobId, shardId, replicaId, peerId }, outputsHash, salt);
    const body = {
      v: 1 as const,
      jobId,
      shardId,
      replicaId,
      peerId,
      taskHash: taskHashOf({ template, model, params, inputsHash, itemSalt }),
      digest,
      at: Date.now(),
      ...later,
    };
    const changed: Json[] = inputs.map(() => ({ label: 'negative' }));
    const changedHash = outputsHashOf(itemHashesOf(itemSalt, changed));
    const reveal = signBody(signer, 'reveal', {
      v: 1 as const,
      replicaId,
      digest,
      outputsHash: changedHash,
      salt,
      ...later,
    });
    return { body, commitment: signBody(signer, 'commitment', body), lie: { replicaId, outputs: changed, reveal } };
  }
}

describe('a client and a provider that cheats', () => {
  async function impostor(model: string | null): Promise<Impostor> {
    const { client } = network;
    const cheat = new Impostor(await join(client));
    await cheat.offer(model);
    await eventually('the client knows the impostor', async () => {
      const { peers: known } = await client.api.call('peers.list', {});
      return known.some(({ peerId, live, offers }) => peerId === cheat.peer.peerId && live && offers.length > 0);
    });
    return cheat;
  }

  it('is rejected for a reveal that does not open its commitment, unpaid, with evidence; others do the work', async () => {
    const { client, providers } = network;
    const cheat = await impostor(offered.model);
    const { peerId } = cheat.peer;
    cheat.peer.answers.set('shard.reveal.request', (envelope, channel) => {
      void cheat.assigned.then(({ assign }) => {
        channel.send('shard.reveal', revealed.get(assign.replicaId), { re: envelope.id });
      });
    });
    const revealed = new Map<string, MessageBody<'shard.reveal'>>();
    const inputs = await reviews(4);
    // On a busy computer the two others' quotes may come first, and then they would be the two copies: one has to wait.
    const [held] = providers;
    if (held === undefined) throw new Error('no provider');
    await client.api.call('peers.mark', { peerId: held.peerId, mark: 'blocked' });
    const { jobId } = await client.api.call('jobs.submit', {
      template: offered.template,
      model: offered.model,
      inputs,
      budgetMicro: '100000',
      ownNode: 'never',
    });
    const { assign, channel } = await cheat.assigned;
    await client.api.call('peers.mark', { peerId: held.peerId, mark: null });
    const { commitment, lie } = cheat.answer(assign);
    revealed.set(assign.replicaId, lie);
    channel.send('shard.commit', { commitment });

    expect(await ended(client.api, jobId)).toMatchObject({ state: 'done' });
    expect(new Set(await labelsOf(client.api, jobId))).not.toContain('missing');
    const verdict = await eventually('the impostor hears the verdict', () => cheat.verdicts[0] ?? null);
    expect(verdict).toMatchObject({ replicaId: assign.replicaId, verdict: 'rejected' });
    expect(verdict.evidence?.accused.opening.reveal).toEqual(lie.reveal);

    const judged = (await logOf(client.api, 'replica.judged')).filter(({ event }) => event.jobId === jobId);
    expect(judged.map(({ event }) => [event.provider, event.verdict]).toSorted()).toEqual(
      [[peerId, 'rejected'], ...providers.map((honest) => [honest.peerId, 'accepted'])].toSorted(),
    );
    const paid = (await logOf(client.api, 'payment.paid')).map(({ event }) => event.peer);
    expect(paid).not.toContain(peerId);
    const [penalty] = (await logOf(client.api, 'peer.penalised')).filter(({ event }) => event.peerId === peerId);
    expect(penalty?.event.reason).toBe('its reveal does not open its commitment');
    const receipts = (await logOf(client.api, 'receipt.stored')).map(({ event }) => event.receipt);
    const bad = receipts.find(({ body }) => body.kind === 'bad' && body.provider === peerId);
    expect(bad?.body).toMatchObject({ kind: 'bad', reason: 'reveal-mismatch', replicaId: assign.replicaId });
    // Anybody can check it.
    expect(bad === undefined ? 'no receipt' : receiptFault(createVerifier(), bad)).toBeNull();
    const { peers: known } = await client.api.call('peers.list', {});
    expect(known.find((known) => known.peerId === peerId)?.reputation).toMatchObject({ bad: 1 });
    // Nothing paid, nothing reserved: there is no book with it.
    const wallet = await client.api.call('wallet.summary', {});
    expect(wallet.peers.map((book) => book.peerId)).not.toContain(peerId);
  });

  it('answers each lie about a replica with its code', async () => {
    const { client } = network;
    const cheat = await impostor(otherModel);
    const { jobId } = await client.api.call('jobs.submit', {
      template: offered.template,
      model: otherModel,
      inputs: await reviews(2),
      policy: { type: 'replicate', copies: 1, quorum: 1 },
      budgetMicro: '100000',
      ownNode: 'never',
    });
    const { assign, channel } = await cheat.assigned;
    expect(assign.reveal).toBe('with-commit');
    const { replicaId } = assign;
    const { body, commitment, lie } = cheat.answer(assign);
    const other = createSigner(randomBytes(32));
    const codeOf = async (type: string, message: unknown) => bodyOf('error', await channel.askRaw(type, message)).code;

    expect(await codeOf('shard.commit', { commitment: signBody(other, 'commitment', body) })).toBe('bad-signature');
    expect(await codeOf('shard.commit', { commitment: { ...commitment, body: { ...body, at: body.at + 1 } } })).toBe(
      'bad-signature',
    );
    const anotherTask = signBody(cheat.peer.signer, 'commitment', { ...body, taskHash: '0'.repeat(64) });
    expect(await codeOf('shard.commit', { commitment: anotherTask })).toBe('bad-signature');
    const release = signBody(other, 'release', { v: 1, replicaId, provider: other.peerId });
    const failure = { replicaId, code: 'internal', message: 'x', release };
    expect(await codeOf('shard.fail', failure)).toBe('bad-signature');
    const elsewhere = `${shardIdOf(newId(), 0)}.1.${cheat.peer.peerId.slice(-8)}`;
    expect(await codeOf('shard.progress', { replicaId: elsewhere, itemsDone: 1, itemsTotal: 2 })).toBe(
      'unknown-replica',
    );
    expect((await client.api.call('jobs.get', { jobId })).shards[0]?.replicas[0]?.state).toBe('running');

    expect(await codeOf('shard.commit', { commitment, result: lie })).toBe('commitment-mismatch');
    await client.api.call('jobs.cancel', { jobId });
    expect(await ended(client.api, jobId)).toMatchObject({ state: 'cancelled', spentMicro: '0' });
    const verdict = await eventually('the impostor hears the verdict', () => cheat.verdicts[0] ?? null);
    expect(verdict).toMatchObject({ replicaId, verdict: 'rejected' });
  });
});
