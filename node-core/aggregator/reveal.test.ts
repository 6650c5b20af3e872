import { describe, expect, it } from 'vitest';
import {
  commitmentDigest,
  compileSchema,
  type Evidence,
  hashOf,
  idOf,
  itemHashesOf,
  type Json,
  type MessageBody,
  outputsHashOf,
  type Receipt,
  type ReceiptBody,
  receiptFault,
  replicaIdOf,
  type SignedCommitment,
  signBody,
} from '../protocol/index.ts';
import { Chance } from '../simulation/chance.ts';
import { simulatedTemplate } from '../simulation/executor.ts';
import { KeyRing } from '../simulation/keys.ts';
import { checkReveal, type RevealContext } from './reveal.ts';
import type { Replica } from './state.ts';

const keys = new KeyRing();
const chance = new Chance(5);
const provider = keys.make(chance);
const other = keys.make(chance);
const client = keys.make(chance);
const jobId = idOf(chance.bytes(16));
const shardId = `${jobId}.0`;
const replicaId = replicaIdOf(shardId, 1, provider.peerId);
const itemSalt = 'c2FsdA';
const salt = 'AAAAAAAAAAAAAAAAAAAAAA';
const good: Json[] = [{ label: 'red' }, { label: 'green' }];

const replica: Replica = {
  replicaId,
  shardId,
  jobId,
  provider: provider.peerId,
  attempt: 1,
  role: 'copy',
  priceMicro: '1',
  assignedAt: 0,
  deadlineAt: 0,
  terms: {},
  state: 'committed',
  taken: true,
  commitment: null,
  resultHash: null,
  endedAt: null,
};

const context: RevealContext = {
  verifier: keys,
  template: {
    template: simulatedTemplate,
    models: [],
    checkParams: compileSchema(simulatedTemplate.params),
    checkInput: compileSchema(simulatedTemplate.input),
    checkOutput: compileSchema(simulatedTemplate.output),
  },
  itemSalt,
  items: 2,
};

const hashOfOutputs = (outputs: readonly Json[]) => outputsHashOf(itemHashesOf(itemSalt, outputs));

function commit(outputs: readonly Json[]): SignedCommitment {
  const subject = { jobId, shardId, replicaId, peerId: provider.peerId };
  const digest = commitmentDigest(subject, hashOfOutputs(outputs), salt);
  return signBody(provider, 'commitment', { v: 1 as const, ...subject, taskHash: hashOf('task'), digest, at: 0 });
}

function reveal(
  commitment: SignedCommitment,
  outputs: Json[],
  change: Partial<MessageBody<'shard.reveal'>['reveal']['body']> = {},
  signer = provider,
): MessageBody<'shard.reveal'> {
  const { digest } = commitment.body;
  const body = { v: 1 as const, replicaId, digest, outputsHash: hashOfOutputs(outputs), salt, ...change };
  return { replicaId, outputs, reveal: signBody(signer, 'reveal', body) };
}

describe('a reveal', () => {
  const commitment = commit(good);
  const check = (result: MessageBody<'shard.reveal'>, to = commitment) => checkReveal(replica, to, result, context);

  it('that opens its commitment is good', () => {
    expect(check(reveal(commitment, good))).toMatchObject({
      kind: 'good',
      outputs: good,
      opening: { itemHashes: itemHashesOf(itemSalt, good) },
    });
  });

  const bent = [{ label: 'red' }, { label: 7 }];
  const loose = [{ label: ' Red ' }, { label: 'green' }];
  it.each<[string, MessageBody<'shard.reveal'>, SignedCommitment, string]>([
    [
      'another replica',
      { ...reveal(commitment, good), replicaId: replicaIdOf(shardId, 2, provider.peerId) },
      commitment,
      'another replica',
    ],
    [
      'another replica, signed',
      reveal(commitment, good, { replicaId: replicaIdOf(shardId, 2, provider.peerId) }),
      commitment,
      'another replica',
    ],
    ['another signer', reveal(commitment, good, {}, other), commitment, 'not signed by its provider'],
    [
      'a broken signature',
      { ...reveal(commitment, good), reveal: { ...reveal(commitment, good).reveal, signature: 'AAAA' } },
      commitment,
      'not signed by its provider',
    ],
    ['another commitment', reveal(commitment, good, { digest: hashOf('x') }), commitment, 'another commitment'],
    [
      'outputs that are not those of the reveal',
      { ...reveal(commitment, good), outputs: bent },
      commitment,
      'do not hash',
    ],
    ['too few outputs', reveal(commit(good.slice(1)), good.slice(1)), commit(good.slice(1)), '1 outputs for 2 inputs'],
    ['an output that breaks the schema', reveal(commit(bent), bent), commit(bent), 'output 1'],
    ['an output that is not normalised', reveal(commit(loose), loose), commit(loose), 'not normalised'],
  ])('with %s is bad, and proves nothing', (_, result, to, reason) => {
    expect(check(result, to)).toEqual({ kind: 'bad', reason: expect.stringContaining(reason) });
  });

  it.each<[string, Parameters<typeof reveal>[2]]>([
    ['other outputs', { outputsHash: hashOf('others') }],
    ['another salt', { salt: 'BBBBBBBBBBBBBBBBBBBBBB' }],
  ])('with %s than committed to is proof against its provider, for anybody', (_, change) => {
    const result = check(reveal(commitment, good, change));
    if (result.kind !== 'mismatch') throw new Error(result.kind);
    const evidence: Evidence = { accused: { commitment, opening: result.opening }, quorum: [] };
    const body: ReceiptBody = {
      v: 1,
      kind: 'bad',
      client: client.peerId,
      provider: provider.peerId,
      jobId,
      shardId,
      replicaId,
      template: simulatedTemplate.id,
      model: null,
      items: 2,
      at: 0,
      reason: 'reveal-mismatch',
      itemsWrong: 0,
      evidence,
    };
    const { signature } = signBody(client, 'receipt', body);
    const receipt: Receipt = { body, clientSignature: signature, providerSignature: null };
    expect(receiptFault(keys, receipt)).toBeNull();
  });
});
