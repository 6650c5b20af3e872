import { expect, it } from 'vitest';
import type { Host } from '../ports/index.ts';
import type { EngineStatus } from '../protocol/index.ts';
import { NodeClock, VirtualTime } from '../simulation/clock.ts';
import { EngineLook } from './engine-look.ts';

const found: EngineStatus = { state: 'found', name: 'Engine 1', problems: [], gpus: null };
const missing: EngineStatus = { state: 'missing', name: null, problems: [], gpus: null };

function lookAt(watched: () => EngineStatus | null) {
  const time = new VirtualTime();
  let looks = 0;
  const host: Host = {
    vitals: () => {
      throw new Error('nobody asks for them');
    },
    engine: async () => {
      looks++;
      return found;
    },
  };
  const look = new EngineLook({ host, clock: new NodeClock(time), templates: () => [], watched });
  return { look, looks: () => looks, pass: (ms: number) => time.skipTo(time.elapsed + ms) };
}

it('makes no look of its own where the executor watches the engine', async () => {
  let state = missing;
  const { look, looks, pass } = lookAt(() => state);
  expect(look.latest).toBe(missing);
  pass(60_000);
  state = found;
  expect(look.latest).toBe(found);
  expect(await look.look()).toBe(found);
  expect(looks()).toBe(0);
});

it('looks in the background, and not again soon, where it watches none', async () => {
  const { look, looks, pass } = lookAt(() => null);
  expect(look.latest).toBeNull();
  expect(await look.look()).toEqual(found);
  expect(look.latest).toEqual(found);
  expect(looks()).toBe(1);
  pass(16_000);
  expect(look.latest).toEqual(found);
  expect(looks()).toBe(2);
});
