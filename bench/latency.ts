/**
 * How long one shard of nothing takes, warm, from `jobs.submit` to its results in hand: all that the network adds to a
 * computation. Everything is signed, encrypted, paid and durable as in real life.
 */
import { randomBytes } from 'node:crypto';
import { type FileHandle, mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Store } from '../node-core/ports/index.ts';
import { createSqliteStore } from '../node-core/store/sqlite-store.ts';
import { NodeGroup } from '../scripts/demo/nodes.ts';
import { BareRunner } from './lib/bare.ts';
import { type Config, JobWatch, startNetwork, timed } from './lib/network.ts';
import { type BenchReport, figure, machine, versions } from './lib/report.ts';

const samples = 200;
const warmUps = 20;
const providers = 2;
const config: Config = {
  provider: { templates: ['null'] },
  execution: { measure: false },
  log: { level: 'warn' },
};

export async function latency(): Promise<BenchReport> {
  const on = machine();
  const group = await NodeGroup.make('infernet-bench-latency-');
  const bare = await BareRunner.start(1);
  const disk = await Disk.open();
  try {
    const client = await startNetwork(group, { template: 'null', providers, config });
    const jobs = new JobWatch(client.api);
    const job = (copies: number) =>
      jobs.run({
        template: 'null',
        inputs: [{ text: randomBytes(8).toString('hex') }],
        policy: { type: 'replicate', copies, quorum: copies },
        budgetMicro: '1000000',
        ownNode: 'never',
      });
    const call = () =>
      bare.run({ template: 'null', model: null, params: {}, inputs: [{ text: randomBytes(8).toString('hex') }] });
    const single: number[] = [];
    const double: number[] = [];
    const rpc: number[] = [];
    const commits: number[] = [];
    const syncs: number[] = [];
    for (let i = -warmUps; i < samples; i++) {
      const measured = [
        await timed(() => job(1)),
        await timed(call),
        await timed(() => job(2)),
        await timed(() => disk.commit()),
        await timed(() => disk.sync()),
      ] as const;
      if (i < 0) continue;
      for (const [at, list] of [single, rpc, double, commits, syncs].entries()) list.push(measured[at] ?? Number.NaN);
    }
    jobs.close();
    return {
      name: 'latency',
      machine: on,
      versions: versions('libp2p', 'better-sqlite3', 'ws'),
      figures: [
        figure('submit to result, 1 copy', 'ms', single, 'JSON-RPC, no log', rpc),
        figure('submit to result, 2 copies', 'ms', double, 'JSON-RPC, no log', rpc),
        figure('one durable commit', 'ms', commits, 'write and fsync', syncs),
      ],
    };
  } finally {
    await bare.stop();
    await disk.close();
    await group.stop();
  }
}

/** What the disk itself costs in the same minute. */
class Disk {
  readonly #folder: string;
  readonly #store: Store;
  readonly #file: FileHandle;
  #seq = 0;

  private constructor(folder: string, store: Store, file: FileHandle) {
    this.#folder = folder;
    this.#store = store;
    this.#file = file;
  }

  static async open(): Promise<Disk> {
    const folder = await mkdtemp(join(tmpdir(), 'infernet-bench-disk-'));
    const store = createSqliteStore({ folder: join(folder, 'store') });
    await store.open();
    return new Disk(folder, store, await open(join(folder, 'file'), 'a'));
  }

  commit(): Promise<void> {
    const entry = { seq: ++this.#seq, at: Date.now(), event: { type: 'node.stopped', reason: 'bench' } } as const;
    return this.#store.append([entry], 'full');
  }

  async sync(): Promise<void> {
    await this.#file.write(randomBytes(4096));
    await this.#file.datasync();
  }

  async close(): Promise<void> {
    await this.#file.close();
    await this.#store.close();
    await rm(this.#folder, { recursive: true, force: true });
  }
}
