// node scripts/run.mjs scripts/store-fixture.ts
//
// Writes databases of the present schema into node-core/store/fixtures/, for the tests of later versions: each has to open
// all that were ever released. Run it once when a version is released, commit what it made, and never change that again.
//
// What is in them was lived by nodes of the simulator (a cheat among the providers, kills, a cancelled job), with real keys,
// and was written by the real store.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { createSigner, createVerifier } from '../node-core/identity/index.ts';
import type { Signer } from '../node-core/ports/index.ts';
import type { EventType } from '../node-core/protocol/index.ts';
import type { Chance } from '../node-core/simulation/chance.ts';
import { KeyRing } from '../node-core/simulation/keys.ts';
import type { Scenario } from '../node-core/simulation/scenario.ts';
import { cancelWalk } from '../node-core/simulation/scenarios/cancel-walk.ts';
import { cheats } from '../node-core/simulation/scenarios/cheats.ts';
import { churn } from '../node-core/simulation/scenarios/churn.ts';
import { clientNeverPays } from '../node-core/simulation/scenarios/client-never-pays.ts';
import { Simulation } from '../node-core/simulation/simulation.ts';
import type { SimulatedNode } from '../node-core/simulation/world.ts';
import { migrations } from '../node-core/store/migrations/index.ts';
import { createSqliteStore } from '../node-core/store/sqlite-store.ts';
import { root } from './lib/ensure-install.mjs';

/** A snapshot is only worth something when whoever reads it can check its signature. */
class RealKeys extends KeyRing {
  readonly #verifier = createVerifier();
  readonly seeds = new Map<string, Uint8Array>();

  override make(chance: Chance): Signer {
    const seed = chance.bytes(32);
    const signer = createSigner(seed);
    this.seeds.set(signer.peerId, seed);
    return signer;
  }

  override verify(...args: Parameters<KeyRing['verify']>): boolean {
    return this.#verifier.verify(...args);
  }
}

interface Life {
  readonly name: string;
  readonly scenario: Scenario;
  readonly seed: number;
  readonly nodes: number;
}

const lives: readonly Life[] = [
  { name: 'cheats', scenario: cheats, seed: 3, nodes: 7 },
  { name: 'cancel', scenario: cancelWalk, seed: 100, nodes: 5 },
  { name: 'thieves', scenario: clientNeverPays, seed: 4, nodes: 4 },
  { name: 'churn', scenario: churn, seed: 2, nodes: 8 },
];

const folder = join(root, 'node-core/store/fixtures', `schema-${migrations.length}`);
rmSync(folder, { recursive: true, force: true });
mkdirSync(folder, { recursive: true });
const types = new Set<EventType>();
const index: object[] = [];

for (const { name, scenario, seed, nodes } of lives) {
  const sim = new Simulation({ seed, nodes });
  const keys = new RealKeys();
  Object.assign(sim.world, { keys });
  await scenario.play(sim);
  await sim.end();
  const busiest = sim.providers.toSorted((a, b) => b.disk.length - a.disk.length)[0];
  for (const [role, node] of [
    ['client', sim.clients[0]],
    ['provider', busiest],
  ] as const) {
    if (node === undefined) continue;
    const file = `${name}-${role}.db.gz`;
    writeFileSync(join(folder, file), gzipSync(await databaseOf(node), { level: 9 }));
    const seedHex = Buffer.from(keys.seeds.get(node.peerId) ?? []).toString('hex');
    const entries = node.disk.length;
    const snapshotSeq = node.disk.snapshot?.seq ?? null;
    index.push({ file, peerId: node.peerId, seed: seedHex, entries, snapshotSeq });
    for (const { event } of node.disk.entries()) types.add(event.type);
    console.log(`${file}: ${entries} entries, snapshot at ${snapshotSeq ?? 'none'}`);
  }
}
writeFileSync(join(folder, 'index.json'), `${JSON.stringify(index, null, 2)}\n`);
console.log(`events: ${[...types].sort().join(' ')}`);

async function databaseOf(node: SimulatedNode): Promise<Uint8Array> {
  const data = mkdtempSync(join(tmpdir(), 'infernet-fixture-'));
  try {
    const store = createSqliteStore({ folder: data });
    await store.open();
    await store.append(node.disk.entries(), 'full');
    for (const [hash, bytes] of node.disk.blobs) await store.putBlob(bytes, hash);
    if (node.disk.snapshot !== null) await store.saveSnapshot(node.disk.snapshot);
    await store.close();
    return readFileSync(join(data, 'node.db'));
  } finally {
    rmSync(data, { recursive: true, force: true });
  }
}
