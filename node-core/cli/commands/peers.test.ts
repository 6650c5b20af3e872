import { describe, expect, it } from 'vitest';
import type { PeerEvidence, PeerReputation } from '../../protocol/index.ts';
import { clientOf, noon, runCli } from '../testing.ts';

const peerId = `12D3KooW${'B'.repeat(36)}bbbbbbbb`;
const client = `12D3KooW${'B'.repeat(36)}cccccccc`;

const receipt: PeerEvidence = {
  seq: 7,
  at: noon,
  what: 'bad',
  reason: 'minority',
  footing: 'trusted',
  client,
  signers: [client],
  witness: client,
  replicaId: `${'4fa9'.repeat(8)}.0.1.bbbbbbbb`,
  weight: 10,
  ageDays: 30,
  kept: 0.5,
  trust: 0.25,
  adds: 1.25,
};
const note: PeerEvidence = {
  ...receipt,
  ...{ seq: 9, what: 'note', reason: 'lost', footing: 'own', client: null, signers: [], witness: null },
  ...{ weight: 0.5, kept: 1, trust: 1, adds: 0.5 },
};
const none = { good: 0, bad: 0 };
const answer: PeerReputation = {
  peerId,
  score: 0.348,
  formula: 'score = good / (good + bad)',
  parts: {
    prior: { good: 2, bad: 2 },
    own: { good: 0, bad: 0.5 },
    proofs: none,
    trusted: { good: 0, bad: 1.25 },
    patrons: none,
    strangers: none,
  },
  excluded: null,
  evidence: [receipt],
  next: 7,
};

describe('peers --evidence', () => {
  const node = () =>
    clientOf({
      'peers.reputation': (params) =>
        JSON.stringify(params).includes('"after":7') ? { ...answer, evidence: [note], next: null } : answer,
    });

  it('shows the sum, and each receipt and note with its witness and weight, over all pages', async () => {
    const run = await runCli(['peers', peerId, '--evidence'], { connect: node });
    expect(run.exit).toBe('ok');
    expect(run.out).toContain('0.348 = 2 / (2 + 3.750)');
    expect(run.out).toMatch(/trusted word\s+0 good, 1.250 bad/);
    expect(run.out).toMatch(/bad: minority\s+…cccccccc\s+4fa94fa9\s+trusted\s+10\s+0.50\s+0.250\s+1.250/);
    expect(run.out).toMatch(/note: lost\s+this node\s+4fa94fa9\s+own\s+0.500\s+1.00\s+1.000\s+0.500/);
  });

  it('is one document with --json', async () => {
    const { out } = await runCli(['peers', peerId, '--evidence', '--json'], { connect: node });
    expect(JSON.parse(out)).toEqual({ ...answer, evidence: [receipt, note], next: null });
  });

  it('needs a peer', async () => {
    const run = await runCli(['peers', '--evidence'], { connect: node });
    expect(run.exit).toBe('usage');
    expect(run.err).toContain('--evidence goes with a peer');
  });
});
