import { expect, it } from 'vitest';
import { run } from '../run.ts';
import type { Scenario } from '../scenario.ts';
import { duplicates } from './duplicates.ts';
import { forgeries } from './forgeries.ts';

/** What happened in ten seeds, by the name under which it was counted. */
async function happened(scenario: Scenario): Promise<Set<string>> {
  const names = new Set<string>();
  for (let seed = 1; seed <= 10; seed++) {
    const { result } = await run(scenario, { seed, nodes: 8 });
    expect(result.broken).toBeNull();
    for (const name of Object.keys(result.measures)) names.add(name);
  }
  return names;
}

it('whatever is sent again over a new channel comes twice in the duplicates', { timeout: 240_000 }, async () => {
  const names = await happened(duplicates);
  for (const type of [
    'shard.assign',
    'lease.renew',
    'lease.ack',
    'shard.commit',
    'shard.reveal.request',
    'payment.voucher',
    'payment.ack',
    'payment.statement',
    'receipt',
  ])
    expect(names).toContain(`twice ${type}`);
});

it('each kind of forgery is tried', { timeout: 240_000 }, async () => {
  const names = await happened(forgeries);
  const signed = ['shard.assign', 'shard.commit', 'shard.reveal', 'shard.verdict', 'payment.voucher', 'payment.ack'];
  for (const kind of [
    'old record',
    'foreign record',
    'foreign leave',
    'garbage',
    'unsigned shard.commit',
    'false shard.reveal',
    ...signed.map((type) => `re-signed ${type}`),
    ...['shard.assign', 'shard.commit', 'payment.voucher', 'payment.ack'].map((type) => `replayed ${type}`),
    ...['payment.voucher', 'payment.ack'].map((type) => `altered ${type}`),
    ...['shard.cancel', 'shard.reveal.request', 'shard.verdict', 'lease.renew'].map((type) => `foreign ${type}`),
  ])
    expect(names).toContain(kind);
});
