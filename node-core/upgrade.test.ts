/**
 * Databases of every released schema (`store/fixtures`, made by scripts/store-fixture.ts): each is migrated, with a backup
 * beside it, and gives its state by snapshot and tail as by the whole log, whatever has become of the projections since.
 */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import Database from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { NodeConfig } from './config/index.ts';
import { createSigner, createVerifier } from './identity/index.ts';
import { createMemoryHub } from './network/memory/hub.ts';
import { createNode } from './node.ts';
import type { Store } from './ports/index.ts';
import { z } from './protocol/index.ts';
import { Chance } from './simulation/chance.ts';
import { NodeClock, VirtualTime } from './simulation/clock.ts';
import { honest, SimulatedExecutor } from './simulation/executor.ts';
import { migrations } from './store/migrations/index.ts';
import { createSqliteStore } from './store/sqlite-store.ts';

// Each store starts threads, which takes its time where many tests run at once.
vi.setConfig({ testTimeout: 60_000 });

const fixtures = fileURLToPath(new URL('./store/fixtures', import.meta.url));
const Index = z.array(
  z.object({
    file: z.string(),
    peerId: z.string(),
    seed: z.hex(),
    entries: z.int(),
    snapshotSeq: z.int().nullable(),
  }),
);
const cases = readdirSync(fixtures)
  .filter((name) => name.startsWith('schema-'))
  .flatMap((name) =>
    Index.parse(JSON.parse(readFileSync(join(fixtures, name, 'index.json'), 'utf8'))).map((entry) => ({
      ...entry,
      schema: Number(name.slice('schema-'.length)),
      path: join(fixtures, name, entry.file),
    })),
  );

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'infernet-upgrade-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const silent = { debug() {}, info() {}, warn() {}, error() {} };

/** What a node of this version makes of the data. */
async function replay(seed: string, look?: (store: Store) => Promise<void>): Promise<string> {
  const clock = new NodeClock(new VirtualTime());
  const signer = createSigner(Buffer.from(seed, 'hex'));
  const store = createSqliteStore({ folder });
  const node = createNode(NodeConfig.parse({ dataFolder: folder }), {
    clock,
    random: new Chance(0),
    network: createMemoryHub({ clock, random: new Chance(0) }).join(signer.peerId),
    signer,
    verifier: createVerifier(),
    executor: new SimulatedExecutor(clock, new Chance(0), honest),
    log: silent,
    store,
  });
  try {
    const state = await node.replay();
    await look?.(store);
    return state;
  } finally {
    await store.close();
  }
}

describe('data of earlier versions', () => {
  it('has a fixture of every schema before the present one', () => {
    const schemas = new Set(cases.map(({ schema }) => schema));
    for (let schema = 1; schema < migrations.length; schema++) expect(schemas).toContain(schema);
  });

  it.each(cases)('schema $schema, $file', async ({ schema, path, seed, entries, snapshotSeq }) => {
    const file = join(folder, 'node.db');
    writeFileSync(file, gunzipSync(readFileSync(path)));
    const asItWas = { log: logOf(file), created: count(file, "SELECT count(*) FROM log WHERE type = 'job.created'") };
    expect(asItWas.log).toHaveLength(entries);
    expect(count(file, 'SELECT seq FROM snapshot') ?? null).toBe(snapshotSeq);

    const state = await replay(seed, async (store) => {
      expect(await store.history.jobs({ limit: 1000 })).toHaveLength(asItWas.created ?? 0);
    });
    expect(count(file, 'PRAGMA user_version')).toBe(migrations.length);
    expect(logOf(file)).toEqual(asItWas.log);
    const backup = `${file}.v${schema}.bak`;
    expect(existsSync(backup)).toBe(schema < migrations.length);
    if (schema < migrations.length) {
      expect(count(backup, 'PRAGMA user_version')).toBe(schema);
      expect(logOf(backup)).toEqual(asItWas.log);
    }

    expect(await replay(seed)).toBe(state);
    const db = new Database(file);
    db.exec('DELETE FROM snapshot');
    db.close();
    expect(await replay(seed), 'without its snapshot').toBe(state);
  });
});

function logOf(file: string): unknown[] {
  const db = new Database(file, { readonly: true });
  try {
    return db.prepare('SELECT seq, at, event FROM log ORDER BY seq').all();
  } finally {
    db.close();
  }
}

function count(file: string, sql: string): number | undefined {
  const db = new Database(file, { readonly: true });
  try {
    return z.int().optional().parse(db.prepare(sql).pluck().get());
  } finally {
    db.close();
  }
}
