import { setImmediate as soon } from 'node:timers';
import { describe, expect, it } from 'vitest';
import { NodeConfig } from './config/schema.ts';
import { createMemoryHub } from './network/memory/hub.ts';
import { createNode } from './node.ts';
import type { ExecutorInventory, Host, HostConditions, Ports } from './ports/index.ts';
import { sha256Hex, utf8 } from './protocol/index.ts';
import { Chance } from './simulation/chance.ts';
import { NodeClock, VirtualTime } from './simulation/clock.ts';
import { Disk } from './simulation/disk.ts';
import { honest, SimulatedExecutor, simulatedTemplate } from './simulation/executor.ts';
import { KeyRing } from './simulation/keys.ts';
import { Market } from './simulation/market.ts';

/** One node on ports of which some are the test's. */
function alone(change: (ports: Ports) => Partial<Ports> = () => ({})) {
  const time = new VirtualTime();
  const thrown: unknown[] = [];
  const clock = new NodeClock(time, 0, (error) => thrown.push(error));
  const chance = new Chance(4);
  const keys = new KeyRing();
  const signer = keys.make(chance);
  const disk = new Disk();
  const ports: Ports = {
    clock,
    random: chance,
    network: createMemoryHub({ clock: new NodeClock(time), random: chance.fork() }).join(signer.peerId),
    signer,
    verifier: keys,
    store: disk.mount(clock),
    executor: new SimulatedExecutor(clock, chance.fork(), { ...honest }),
    log: { debug() {}, info() {}, warn() {}, error() {} },
  };
  const config = NodeConfig.parse({ dataFolder: 'x', provider: { enabled: true } });
  const node = createNode(config, { ...ports, ...change(ports) });
  const ends: Array<Error | null> = [];
  node.onEnd((error) => ends.push(error));
  const pass = async (ms: number) => {
    const until = time.elapsed + ms;
    do await new Promise((resolve) => soon(resolve));
    while (time.step(until));
    time.skipTo(until);
  };
  const done = async <T>(promise: Promise<T>, ms = 60_000): Promise<T> => {
    promise.catch(() => undefined);
    await pass(ms);
    return Promise.race([promise, Promise.reject(new Error('not settled'))]);
  };
  const types = () => disk.entries().map(({ event }) => event.type);
  return { node, disk, clock, ends, pass, done, types, thrown };
}

describe('a start', () => {
  it('happens once, and a stop as well, however often it is asked for', async () => {
    const { node, done, types, clock } = alone();
    await done(node.start(), 1_000);
    await expect(node.start()).rejects.toThrow('started once');
    await done(Promise.all([node.stop(), node.stop({ reason: 'again' })]));
    await expect(node.start()).rejects.toThrow('started once');
    expect(types().filter((type) => type.startsWith('node.'))).toEqual(['node.started', 'node.stopped']);
    expect(clock.live).toBe(0);
  });

  it.each<[string, (ports: Ports) => Partial<Ports>]>([
    [
      'the store',
      ({ store }) => ({ store: Object.assign(store, { open: () => Promise.reject(new Error('broken')) }) }),
    ],
    [
      'the executor',
      ({ executor }) => ({ executor: Object.assign(executor, { start: () => Promise.reject(new Error('broken')) }) }),
    ],
    [
      'the network',
      ({ network }) => ({ network: Object.assign(network, { start: () => Promise.reject(new Error('broken')) }) }),
    ],
  ])('that fails in %s leaves nothing running', async (_, change) => {
    const { node, done, clock } = alone(change);
    await expect(done(node.start())).rejects.toThrow('broken');
    expect(clock.live).toBe(0);
    await expect(node.api.call('node.status', {})).rejects.toMatchObject({ kind: 'unavailable' });
  });

  it('during which the node is stopped does not come online afterwards', async () => {
    // At each moment of the start.
    for (let ms = 0; ms < 8; ms += 0.5) {
      const { node, done, pass, clock, types } = alone();
      const started = node.start();
      started.catch(() => undefined);
      await pass(ms);
      await done(node.stop());
      await started.catch((error: Error) => expect(error.message).toMatch(/stopped while it started/));
      expect(clock.live).toBe(0);
      await expect(node.api.call('node.status', {})).rejects.toMatchObject({ kind: 'unavailable' });
      const lives = types().filter((type) => type.startsWith('node.'));
      expect(lives.length).toBeLessThanOrEqual(2);
    }
  });

  it('takes over what its executor could run no more while the other rooms started', async () => {
    const reason = 'the container engine went away';
    const { node, done } = alone(({ executor, network }) => {
      let tell = () => {};
      const begin = network.start.bind(network);
      return {
        executor: Object.assign(executor, {
          onChange: (run: () => void) => {
            tell = run;
          },
          installed: () => [
            { template: simulatedTemplate, models: [], runnable: { ok: false, reason }, tokensPerSecondMilli: {} },
          ],
        }),
        network: Object.assign(network, {
          start: (hooks: Parameters<typeof begin>[0]) => {
            tell();
            return begin(hooks);
          },
        }),
      };
    });
    await done(node.start(), 1_000);
    const status = await done(node.api.call('provider.status', {}), 0);
    expect(status.offers).toEqual([]);
    expect(status.notOffered).toEqual([{ template: simulatedTemplate.name, reason }]);
    await done(node.stop());
  });

  it('tells whether the last run ended in order', async () => {
    const market = await Market.open([]);
    await market.client.stop();
    await market.start(market.client);
    market.client.crash();
    await market.start(market.client);
    expect(market.events('node.started').map(({ unclean }) => unclean)).toEqual([false, false, true]);
  });

  it('deletes payloads that nobody needs, and none that somebody does', async () => {
    const market = await Market.open([{}, { manner: { itemMs: 500 } }]);
    const finished = await market.run({}, 10);
    const jobId = await market.submit({}, 20);
    await market.until('replica.committed', (event) => event.jobId === jobId);
    const left = utf8.encode('left behind by a kill');
    for (const node of [market.client, ...market.providers]) {
      node.disk.blobs.set(sha256Hex(left), left);
      node.crash();
      await market.start(node);
      expect(node.disk.blobs.has(sha256Hex(left))).toBe(false);
    }
    expect(await market.end(jobId)).toMatchObject({ state: 'done' });
    for (const id of [finished.jobId, jobId])
      expect(await market.outcome(id)).toEqual({ wrong: 0, missing: 0, how: ['checked'] });
  });
});

describe('settings that change while it runs', () => {
  it('take back the offer of what does not fit into the memory for jobs any more', async () => {
    let fits = true;
    const { node, done } = alone(({ executor }) => {
      const start = executor.start.bind(executor);
      let found: ExecutorInventory | null = null;
      return {
        executor: Object.assign(executor, {
          start: async () => {
            found = await start();
            return found;
          },
          installed: () =>
            found?.templates.map((one) => (fits ? one : { ...one, runnable: { ok: false, reason: 'too large' } })) ??
            [],
        }),
      };
    });
    await done(node.start(), 1_000);
    const offered = async () => (await done(node.api.call('provider.status', {}), 10)).offers.length;
    expect(await offered()).toBe(1);
    const config = (memoryPercentMax: number) =>
      NodeConfig.parse({ dataFolder: 'x', provider: { enabled: true }, execution: { memoryPercentMax } });
    fits = false;
    expect(node.configure(config(1)).changed).toEqual(['execution.memoryPercentMax']);
    expect(await offered()).toBe(0);
    fits = true;
    node.configure(config(60));
    expect(await offered()).toBe(1);
    await done(node.stop());
  });
});

describe('a computer that is not to work', () => {
  const mebibyte = 1024 * 1024;

  const hostOf = (conditions: () => Promise<HostConditions>, listeners = new Set<() => void>()): Host => ({
    vitals: () => ({
      cpuBusyMs: 0,
      cpuTotalMs: 1,
      ownCpuMs: 0,
      ownMemoryBytes: 0,
      memoryUsedBytes: 0,
      memoryTotalBytes: 1,
    }),
    conditions,
    onConditions: (changed) => {
      listeners.add(changed);
      return () => listeners.delete(changed);
    },
  });

  function withHost(given: Partial<HostConditions> = {}, answer?: () => Promise<HostConditions>) {
    const conditions = {
      diskFreeBytes: 900 * mebibyte,
      onBattery: false,
      suspended: false,
      fullScreen: false,
      ...given,
    };
    const listeners = new Set<() => void>();
    const host = hostOf(answer ?? (async () => ({ ...conditions })), listeners);
    const one = alone(() => ({ host }));
    const pauses = async () =>
      (await one.done(one.node.api.call('provider.status', {}), 10)).pauses.map(({ by }) => by);
    const told = () => one.types().filter((type) => type === 'provider.paused' || type === 'provider.resumed');
    return { ...one, conditions, listeners, pauses, told };
  }

  it('takes no work while its disk is nearly full, says so, and goes on when there is room', async () => {
    const { node, done, pass, conditions, pauses, told, clock } = withHost();
    await done(node.start(), 1_000);
    expect(await pauses()).toEqual([]);
    conditions.diskFreeBytes = 511 * mebibyte;
    await pass(16_000);
    expect(await pauses()).toEqual(['disk']);
    expect(await done(node.api.call('node.computer', {}), 10)).toEqual({
      dataFolder: 'x',
      diskFreeBytes: 511 * mebibyte,
      diskFreeBytesMin: 512 * mebibyte,
      engine: null,
      calledFrom: null,
    });
    const why = await done(node.api.call('provider.why', {}), 10);
    expect(why.findings[0]).toMatchObject({ code: 'paused', weight: 'blocks' });
    expect(why.findings[0]?.text).toMatch(/511 MiB left.*from 512 MiB.*host\.diskFreeBytesMin/);
    // Just above the limit it would be there again at once.
    conditions.diskFreeBytes = 513 * mebibyte;
    await pass(16_000);
    expect(await pauses()).toEqual(['disk']);
    conditions.diskFreeBytes = 600 * mebibyte;
    await pass(16_000);
    expect(await pauses()).toEqual([]);
    expect(told()).toEqual(['provider.paused', 'provider.resumed']);
    await done(node.stop());
    expect(clock.live).toBe(0);
  });

  it('knows it before it takes any work, and looks anew after a restart', async () => {
    const { node, done, pauses } = withHost({ diskFreeBytes: 1, onBattery: true });
    await done(node.start(), 1_000);
    expect(await pauses()).toEqual(['disk', 'battery']);
  });

  it('does not wait for its turn when the host says that something changed', async () => {
    const { node, done, pass, conditions, listeners, pauses } = withHost();
    await done(node.start(), 1_000);
    conditions.suspended = true;
    for (const changed of listeners) changed();
    await pass(10);
    expect(await pauses()).toEqual(['sleep']);
    conditions.suspended = false;
    conditions.onBattery = true;
    for (const changed of listeners) changed();
    await pass(10);
    expect(await pauses()).toEqual(['battery']);
    // The setting takes effect at once.
    const config = NodeConfig.parse({ dataFolder: 'x', provider: { enabled: true }, host: { pauseOnBattery: false } });
    expect(node.configure(config).changed).toEqual(['host.pauseOnBattery']);
    await pass(10);
    expect(await pauses()).toEqual([]);
    await done(node.stop());
    expect(listeners.size).toBe(0);
  });

  it('is paused by its owner until that is taken back, over a restart too, and by a full screen', async () => {
    const { node, done, pass, conditions, listeners, pauses } = withHost();
    await done(node.start(), 1_000);
    const paused = await done(node.api.call('provider.pause', { paused: true }), 10);
    expect(paused.pauses).toMatchObject([{ by: 'hand', reason: 'its owner has paused it' }]);
    conditions.fullScreen = true;
    for (const changed of listeners) changed();
    await pass(10);
    expect(await pauses()).toEqual(['hand', 'full-screen']);
    await done(node.api.call('provider.pause', { paused: true }), 10);
    await done(node.api.call('provider.pause', { paused: false }), 10);
    expect(await pauses()).toEqual(['full-screen']);
  });

  it('is not held up by a disk that does not answer', async () => {
    const { node, done, pauses } = withHost({}, () => new Promise(() => {}));
    await done(node.start(), 5_000);
    expect(await pauses()).toEqual([]);
    await done(node.stop());
  });

  it('is passed over by clients', async () => {
    const conditions = { diskFreeBytes: null, onBattery: true, suspended: null, fullScreen: null };
    const host = hostOf(() => Promise.resolve(conditions));
    const market = await Market.open([{ host }, {}, {}]);
    const { jobId } = await market.run({}, 40);
    expect(await market.outcome(jobId)).toMatchObject({ wrong: 0, missing: 0 });
    const chosen = new Set(market.events('replica.assigned').map(({ provider }) => provider));
    expect(chosen.has(market.providers[0]?.peerId ?? '')).toBe(false);
    expect(chosen.size).toBe(2);
    conditions.onBattery = false;
    await market.pass(60_000);
    await market.run({ policy: { type: 'replicate', copies: 3, quorum: 2 } }, 40);
    expect(market.events('replica.assigned').some(({ provider }) => provider === market.providers[0]?.peerId)).toBe(
      true,
    );
  });
});

describe('an end', () => {
  it('by the API drains, stops and tells the host', async () => {
    const { node, done, ends, pass, types } = alone();
    await done(node.start(), 1_000);
    await done(node.api.call('node.stop', { drainMs: 0 }), 10);
    await pass(60_000);
    expect(ends).toEqual([null]);
    expect(types().at(-1)).toBe('node.stopped');
  });

  it('by a full disk tells the host at once, and does not wait for work that cannot be kept', async () => {
    const { node, disk, done, ends, pass, clock, thrown } = alone();
    await done(node.start(), 1_000);
    disk.full = 'no space left on device';
    const switched = node.api.call('provider.switch', { on: false });
    await expect(done(switched, 100)).rejects.toThrow('no space left');
    expect(ends.map((error) => error?.message)).toEqual(['no space left on device']);
    let stopped = false;
    void node.stop().then(() => {
      stopped = true;
    });
    await pass(15_000);
    expect([stopped, clock.live, ends.length, thrown]).toEqual([true, 0, 1, []]);
  });

  it('in order hands work back: what runs is finished, the rest is told', async () => {
    const market = await Market.open([{ manner: { itemMs: 200 } }, { manner: { itemMs: 200 } }, {}]);
    const jobId = await market.submit({}, 60);
    await market.until('replica.started');
    const [leaving] = market.providers;
    if (leaving === undefined) throw new Error('no provider');
    await leaving.stop();
    expect(await market.end(jobId)).toMatchObject({ state: 'done' });
    expect(market.events('reputation.noted').filter(({ peerId }) => peerId === leaving.peerId)).toEqual([]);
  });
});
