import { expect, it } from 'vitest';
import { World } from './simulation/world.ts';

it('tells a node whose clock is an hour off that it is, and nobody else', async () => {
  const world = new World({ seed: 3 });
  world.add({ name: 'wrong', provider: true, skewMs: -3_600_000 });
  for (const name of ['a', 'b', 'c']) world.add({ name, provider: true });
  for (const node of world.nodes) node.start();
  await world.run(60_000);
  const faults = await Promise.all(
    world.nodes.map(async ({ name, node }) => [name, (await node.api.call('node.status', {})).faults] as const),
  );
  expect(Object.fromEntries(faults)).toEqual({
    wrong: [expect.stringMatching(/^clock: it is 60 min behind the clocks of 3 peers.*; set it by network time/)],
    a: [],
    b: [],
    c: [],
  });
});
