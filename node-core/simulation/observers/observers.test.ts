import { describe, expect, it } from 'vitest';
import { honest } from '../executor.ts';
import { World } from '../world.ts';
import type { Fault } from './fault.ts';
import { type Caps, SpendingBook } from './spending-book.ts';

/** A world in which a client has had one job done by two providers. */
async function worldWithAJob() {
  const world = new World({ seed: 1 });
  const client = world.add({ name: 'client' });
  for (let i = 0; i < 3; i++) world.add({ name: `provider-${i}`, provider: true, manner: honest });
  for (const node of world.nodes) node.start();
  await world.run(5_000);
  const inputs = [{ n: 1 }, { n: 2 }];
  await world.until(client.node.api.call('jobs.submit', { template: 'colours', inputs, budgetMicro: '100000' }));
  await world.run(5_000);
  return { world, client };
}

describe('the observers', () => {
  it('see a payment that is written twice, and say what, where and when', async () => {
    const { world, client } = await worldWithAJob();
    const paid = client.disk.entries().find(({ event }) => event.type === 'payment.paid');
    if (paid === undefined) throw new Error('nothing was paid');
    client.disk.write([{ ...paid, seq: client.disk.length + 1 }], 'full');
    await expect(world.run(10)).rejects.toThrow(/^I2 broke in client at 10\.\d+ s: .* was paid twice$/);
  });

  it('see more set aside than the owner allows at a peer and in a day', async () => {
    const { client } = await worldWithAJob();
    const entries = client.disk.entries();
    const see = (caps: Caps) => () => {
      const fault: Fault = (invariant, what) => {
        throw new Error(`${invariant} ${what}`);
      };
      const book = new SpendingBook(fault, caps);
      for (const entry of entries) book.take(entry);
    };
    // At 1200 each, of different providers.
    expect(see({ dayMicroMax: '2400', peerDayMicroMax: '1200' })).not.toThrow();
    expect(see({ dayMicroMax: '2399', peerDayMicroMax: null })).toThrow(
      /^I5 .*, all peers: 2400 are spent and set aside/,
    );
    expect(see({ dayMicroMax: null, peerDayMicroMax: '1199' })).toThrow(/^I5 .*: 1200 are spent/);
  });

  it('see an illegal transition', async () => {
    const { world, client } = await worldWithAJob();
    const started = client.disk.entries().find(({ event }) => event.type === 'replica.started');
    if (started === undefined) throw new Error('nothing was started');
    client.disk.write([{ ...started, seq: client.disk.length + 1 }], 'full');
    await expect(world.run(10)).rejects.toThrow(/^I1 broke in client .*start while it is accepted$/);
  });

  it('see that memory and log differ', async () => {
    const { world, client } = await worldWithAJob();
    const state = client.stateText;
    if (state === null) throw new Error('the disk is busy');
    await client.replay(state);
    await expect(client.replay(state.replace('"running":true', '"running":false'))).rejects.toThrow(
      /^I9 broke in client/,
    );
    expect(world.observers.broken).toBeNull();
  });

  it('see books that do not agree', async () => {
    const { world, client } = await worldWithAJob();
    expect(world.observers.booksDiffer()).toBeNull();
    const [book] = [...client.subject.client.payers.values()];
    book?.points.push({ seq: 1, cumulativeMicro: 1_000_000n });
    expect(world.observers.booksDiffer()?.what).toContain('1000000');
  });
});
