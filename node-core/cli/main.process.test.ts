/** The real command line against real nodes: what people and scripts see, and the codes that it ends with. */
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { NodeGroup, type RunningNode } from '../../scripts/demo/nodes.ts';
import { z } from '../protocol/index.ts';

const script = fileURLToPath(new URL('./main.ts', import.meta.url));
const quick = { execution: { measure: false }, directory: { lookupMs: 200 } };

let group: NodeGroup;
let ada: RunningNode;
let bob: RunningNode;
let folder: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'infernet-cli-'));
  group = await NodeGroup.make('infernet-cli-nodes-');
  ada = await group.start({ name: 'ada', provider: true, bootstrap: [], config: quick });
  bob = await group.start({ name: 'bob', provider: false, bootstrap: ada.addresses, config: quick });
});
afterAll(async () => {
  await group?.stop();
  rmSync(folder, { recursive: true, force: true });
});

interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

function start(words: readonly string[], stdin = '') {
  const env = { ...process.env, XDG_DATA_HOME: folder, XDG_CONFIG_HOME: folder, NO_COLOR: '1' };
  const child = spawn(process.execPath, [script, ...words], { stdio: ['pipe', 'pipe', 'pipe'], env });
  child.stdin.on('error', () => {}).end(stdin);
  let out = '';
  let err = '';
  const watchers = new Set<() => void>();
  const heard = () => {
    for (const watch of watchers) watch();
  };
  child.stdout.on('data', (data) => {
    out += data;
    heard();
  });
  child.stderr.on('data', (data) => {
    err += data;
    heard();
  });
  const ended = new Promise<Ended>((resolve) => child.once('close', (code) => resolve({ code, out, err })));
  const says = (text: string) =>
    new Promise<void>((resolve, reject) => {
      const watch = () => {
        if (!`${out}${err}`.includes(text)) return;
        watchers.delete(watch);
        resolve();
      };
      watchers.add(watch);
      watch();
      void ended.then(() => reject(new Error(`it ended without saying ${text}:\n${out}${err}`)));
    });
  return { child, ended, says };
}

const run = (...words: string[]) => start(words).ended;
const at = ({ dataFolder }: RunningNode) => ['--data', dataFolder];

describe('a job on the own node', () => {
  let jobId: string;

  it('is planned, submitted and followed to its answers', async () => {
    const texts = ['The soup was not good at all.', 'I cannot praise the screen enough.'];
    const words = ['--text', ...texts, '--own-node', 'only', '--model', 'infernet-tiny'];
    const plan = await run('plan', ...words, ...at(ada), '--json');
    expect(plan).toMatchObject({ code: 0, err: '' });
    expect(JSON.parse(plan.out)).toMatchObject({ shards: 1, readers: 0, expectedMicro: '0', missing: [] });

    const { code, out, err } = await run('submit', ...words, '--wait', '--json', '--label', 'soup', ...at(ada));
    expect({ code, err }).toMatchObject({ code: 0, err: expect.stringContaining('done in') });
    const Submitted = z.object({
      jobId: z.string(),
      job: z.object({ state: z.string() }),
      outputs: z.array(z.unknown()),
    });
    const submitted = Submitted.parse(JSON.parse(out));
    expect(submitted).toMatchObject({
      job: { state: 'done' },
      outputs: [
        { index: 0, how: 'own-node', output: { label: 'negative' } },
        { index: 1, how: 'own-node', output: { label: 'positive' } },
      ],
    });
    jobId = submitted.jobId;
  });

  it('is told again by job, jobs, results, logs and export', async () => {
    const shown = await run('job', jobId.slice(0, 6), ...at(ada));
    expect(shown).toMatchObject({ code: 0, err: '', out: expect.stringMatching(/label +soup\nstate +done/) });
    expect((await run('jobs', ...at(ada))).out).toMatch(/done +1\/1 +2 +0 credits .* text-classification +soup/);
    const results = await run('results', 'last', ...at(ada));
    expect(results.out.trim().split('\n')).toHaveLength(2);
    const file = join(folder, 'labels.csv');
    expect(await run('results', jobId, '--out', file, ...at(ada))).toMatchObject({ code: 0, out: '' });
    expect(readFileSync(file, 'utf8')).toBe('index,how,output\n0,own-node,negative\n1,own-node,positive\n');
    const log = await run('logs', '--job', 'last', ...at(ada));
    for (const type of ['job.created', 'shard.accepted', 'job.ended']) expect(log.out).toContain(type);
    expect((await run('export', '--since', '1h', ...at(ada))).out).toContain(
      '- 1 job (1 done): 2 items, 1 of 1 shard accepted',
    );
  });

  it('is refused, when it is wrong, with what the node says', async () => {
    const { code, out, err } = await run('submit', '--text', 'a', '-p', 'nope=1', '--own-node', 'only', ...at(ada));
    expect({ code, out }).toEqual({ code: 6, out: '' });
    expect(err).toContain('params of text-classification');
    expect((await run('results', 'f'.repeat(32), ...at(ada))).code).toBe(5);
  });
});

describe('the node', () => {
  it('is told of by status, peers, offers and wallet, each of two by its folder', async () => {
    const [first, second] = await Promise.all([ada, bob].map((node) => run('status', '--json', ...at(node))));
    expect(JSON.parse(first?.out ?? '')).toMatchObject({
      node: { peerId: ada.peerId, state: 'online' },
      provider: { on: true },
    });
    expect(JSON.parse(second?.out ?? '')).toMatchObject({ node: { peerId: bob.peerId }, provider: { on: false } });
    expect((await run('peers', ...at(bob))).out).toContain(`…${ada.peerId.slice(-8)}`);
    expect((await run('offers', '-t', 'text-classification', ...at(ada))).out).toContain('infernet-tiny');
    expect(await run('wallet', ...at(bob))).toMatchObject({
      code: 0,
      out: expect.stringContaining('Credits are not money'),
    });
  });

  it('is well, as doctor, /healthz and /metrics say', async () => {
    const { code, out } = await run('doctor', ...at(ada));
    expect({ code, out }).toMatchObject({ code: 0, out: expect.stringMatching(/ok +node +online/) });
    const { url } = z
      .object({ url: z.string() })
      .parse(JSON.parse(readFileSync(join(ada.dataFolder, 'control.json'), 'utf8')));
    const page = (path: string) => fetch(new URL(path, url.replace('ws:', 'http:')));
    expect(await (await page('healthz')).json()).toEqual({ status: 'ok', state: 'online' });
    const metrics = await (await page('metrics')).text();
    expect(metrics).toContain('infernet_jobs_active 0');
    // Counted from the start of the node, though nobody looked before.
    await expect
      .poll(async () => (await page('metrics')).text())
      .toContain('infernet_shards_total{state="accepted"} 1');
  });

  it('may be doctored when it does not run', async () => {
    const data = join(folder, 'resting');
    mkdirSync(data, { mode: 0o700 });
    const { code, out } = await run('doctor', '--data', data);
    expect(code).toBe(0);
    expect(out).toMatch(/ok +node +not running/);
    expect(out).toMatch(/ok +models +infernet-tiny/);
  });

  it('that is not there is code 3, with how to start one', async () => {
    const { code, out, err } = await run('jobs', '--data', join(folder, 'nobody'));
    expect({ code, out }).toEqual({ code: 3, out: '' });
    expect(err).toContain(`Start one by: infernet-desktop --headless --data ${join(folder, 'nobody')}`);
  });
});

describe('the process', () => {
  it('knows wrong usage from right', async () => {
    expect((await run('sumbit')).code).toBe(2);
    expect((await run('submit', '--copies', 'two')).code).toBe(2);
    expect((await run('--help')).code).toBe(0);
    expect(await run('--headless', '--help')).toMatchObject({
      code: 0,
      out: expect.stringContaining('--exit-with-parent'),
    });
    expect((await run('--headless', '--nope')).code).toBe(2);
  });

  it('leaves the job alone at Ctrl-C', async () => {
    // Nobody but Ada offers it, and two are wanted: it waits.
    const words = ['submit', '-', '--own-node', 'never', '--yes', '--wait', ...at(bob)];
    const { child, ended, says } = start(words, 'one\ntwo\n');
    await says('shard accepted');
    child.kill('SIGINT');
    const { code, err } = await ended;
    expect({ code, err }).toMatchObject({ code: 130, err: expect.stringContaining('goes on') });
    expect((await run('jobs', '--state', 'running', ...at(bob))).out).toContain('running');
    expect(await run('cancel', 'last', ...at(bob))).toMatchObject({
      code: 0,
      out: expect.stringContaining('cancelled'),
    });
    expect((await run('job', 'last', '--wait', ...at(bob))).code).toBe(1);
  });

  it('follows the log over a restart of the node', async () => {
    const carl = { name: 'carl', provider: false, bootstrap: [], config: quick };
    const first = await group.start(carl);
    const { child, ended, says } = start(['logs', '--follow', '--json', '--data', first.dataFolder]);
    await says('"node.started"');
    await first.kill();
    await says('the node is gone');
    await group.start(carl);
    await says('"unclean":true');
    child.kill('SIGINT');
    const { code, out } = await ended;
    expect(code).toBe(0);
    const seqs = out
      .trim()
      .split('\n')
      .map((line) => z.object({ seq: z.int() }).parse(JSON.parse(line)).seq);
    expect(seqs).toEqual(seqs.map((_, i) => i + 1));
  });

  it('moves an identity by its phrase, which it shows to no pipe', async () => {
    const refused = await run('identity', 'export', ...at(bob));
    expect(refused).toMatchObject({ code: 4, out: '' });
    const { out } = await run('identity', 'export', '--force', '--json', ...at(bob));
    const { phrase } = z.object({ phrase: z.string() }).parse(JSON.parse(out));
    const restored = join(folder, 'restored');
    const imported = await start(['identity', 'import', '--data', restored], phrase).ended;
    expect(imported).toMatchObject({ code: 0, out: expect.stringContaining(bob.peerId) });
    expect((await start(['identity', 'import', '--data', restored], phrase).ended).code).toBe(4);
  });

  it('finds the node of the usual configuration without being told', async () => {
    mkdirSync(join(folder, 'infernet'), { recursive: true });
    const file = join(folder, 'infernet', 'node.yaml');
    writeFileSync(file, `dataFolder: ${JSON.stringify(bob.dataFolder)}\n`);
    try {
      expect(JSON.parse((await run('status', '--json')).out)).toMatchObject({ node: { peerId: bob.peerId } });
      expect(JSON.parse((await run('config', 'path', '--json')).out)).toMatchObject({
        config: file,
        dataFolder: bob.dataFolder,
      });
    } finally {
      rmSync(file);
    }
  });
});
