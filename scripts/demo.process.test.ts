/** The demo as a user runs it: what it shows is so, and it leaves nothing behind, however it ends. */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, utimes } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { requires } from '../e2e/capabilities.ts';
import { startTestEngine, type TestEngine } from '../node-core/execution/docker/testing.ts';
import { PagesReport } from './demo/pages.ts';
import { DemoReport } from './demo/report.ts';

vi.setConfig({ testTimeout: 150_000 });

/** The requirement, installation apart. */
const demoMsMax = 60_000;
const waitMsMax = 40_000;
const root = fileURLToPath(new URL('..', import.meta.url));
/** What `npm run demo` runs; npm itself ends by the signal that it gets, and not by an exit code. */
const script = ['scripts/run.mjs', 'scripts/demo.ts'];
const isLinux = process.platform === 'linux';

/** The demo's temporary files lie here. */
let folder: string;
let demo: Demo | null = null;
/** Where its containers run, if it is told. */
let engine: TestEngine | null = null;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'infernet-demo-test-'));
});
afterEach(async () => {
  demo?.kill();
  demo = null;
  await rm(folder, { recursive: true, force: true });
});

/** The demo as a child process, with what it wrote so far. */
class Demo {
  readonly #child: ChildProcess;
  readonly ended: Promise<number | null>;
  text = '';

  constructor(program: string, ...args: string[]) {
    this.#child = spawn(program, args, {
      cwd: root,
      // npm keeps a cache of its own in the temporary folder.
      env: { ...process.env, ...engine?.env, TMPDIR: folder, NODE_DISABLE_COMPILE_CACHE: '1' },
      stdio: ['ignore', 'pipe', 'pipe'],
      // A group of its own, so that it can be signalled as a terminal does it.
      detached: true,
    });
    for (const stream of [this.#child.stdout, this.#child.stderr])
      stream?.setEncoding('utf8').on('data', (text: string) => {
        this.text += text;
      });
    this.ended = new Promise((resolve) => this.#child.once('close', resolve));
  }

  get pids(): number[] {
    return [...this.text.matchAll(/process (\d+),/g)].map(([, pid]) => Number(pid));
  }

  /** As Ctrl-C does: to all processes of the group. */
  interrupt(): void {
    if (this.#child.pid !== undefined) process.kill(-this.#child.pid, 'SIGINT');
  }

  kill(): void {
    try {
      if (this.#child.pid !== undefined) process.kill(-this.#child.pid, 'SIGKILL');
    } catch {
      // It has ended.
    }
  }

  /** Until its output matches. */
  async says(pattern: RegExp): Promise<void> {
    await until(`the demo says ${pattern}`, () => pattern.test(this.text), this);
  }
}

async function until(what: string, holds: () => boolean, running: Demo): Promise<void> {
  const deadline = performance.now() + waitMsMax;
  while (!holds()) {
    if (performance.now() > deadline) throw new Error(`still waiting until ${what}:\n${running.text}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    // A zombie has ended; its parent has not looked yet.
    return !isLinux || !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}

/** Processes below these: the nodes' runners. Linux only. */
function childrenOf(pids: readonly number[]): number[] {
  if (!isLinux) return [];
  return readdirSync('/proc').flatMap((name) => {
    if (!/^\d+$/.test(name)) return [];
    try {
      const parent = /^PPid:\s+(\d+)$/m.exec(readFileSync(`/proc/${name}/status`, 'utf8'))?.[1];
      return pids.includes(Number(parent)) ? [Number(name)] : [];
    } catch {
      return [];
    }
  });
}

/** Inodes of the TCP sockets on which a process listens: those that the kernel lists as listening and the process holds. */
function listeningSockets(pid: number): string[] {
  const table = ['tcp', 'tcp6'].flatMap((name) => readFileSync(`/proc/${pid}/net/${name}`, 'utf8').trim().split('\n'));
  const listening = new Set(
    table
      .map((row) => row.trim().split(/\s+/))
      .flatMap(([, , , state, , , , , , inode]) => (state === '0A' ? [inode] : [])),
  );
  return readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
    try {
      const inode = /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/fd/${fd}`))?.[1];
      return inode !== undefined && listening.has(inode) ? [inode] : [];
    } catch {
      return [];
    }
  });
}

describe('npm run demo', () => {
  it('labels 200 reviews as the model itself does, by five processes with sockets of their own, within 60 s', async () => {
    const file = join(folder, 'report.json');
    const startedAt = performance.now();
    demo = new Demo('npm', 'run', 'demo', '--', '--report', file);
    await demo.says(/all nodes know each other/);
    const { pids } = demo;
    expect(new Set(pids).size).toBe(5);
    if (isLinux) {
      const sockets = pids.map(listeningSockets);
      // WebSocket, TCP and the control API.
      for (const own of sockets) expect(own.length).toBe(3);
      expect(new Set(sockets.flat()).size).toBe(15);
    }
    await demo.says(/[1-9]\d* of 20 shards accepted/);
    const runners = childrenOf(pids);
    if (isLinux) expect(runners.length).toBeGreaterThanOrEqual(4);

    expect(await demo.ended, demo.text).toBe(0);
    expect(performance.now() - startedAt).toBeLessThan(demoMsMax);

    const report = DemoReport.parse(JSON.parse(await readFile(file, 'utf8')));
    expect(report).toMatchObject({
      items: 200,
      sameAsDirect: 200,
      copies: 2,
      shards: { total: 20, accepted: 20, exhausted: 0 },
      ledger: { differenceMicro: '0', reservedLeftMicro: '0' },
    });
    expect(report.accuracy).toBe(report.directAccuracy);
    expect(report.accuracy).toBe(report.correct / 200);
    expect(report.nodes.map(({ pid }) => pid).toSorted()).toEqual(pids.toSorted());
    expect(new Set(report.nodes.flatMap(({ channels }) => channels))).toEqual(new Set(['/ws']));
    expect(report.providers).toHaveLength(4);
    for (const provider of report.providers) {
      // 1000 a shard and 100 an item: 2000 for ten reviews, 1100 for a question.
      const paid = Number(provider.paidMicro);
      expect(paid).toBeGreaterThanOrEqual(provider.accepted * 1100);
      expect(paid).toBeLessThanOrEqual(provider.accepted * 2000);
      expect(provider.rejected).toBe(0);
      expect(provider.accepted).toBeGreaterThan(0);
      expect(provider.reputationAfter).toBeGreaterThan(provider.reputationBefore);
    }
    expect(report).toMatchObject({ streams: 40, streamsSameAsDirect: 40 });
    // Newcomers are always checked.
    expect(report.audits).toBeGreaterThan(0);
    expect(Math.min(report.firstTokenMs, report.tokensPerSecond)).toBeGreaterThan(0);
    const { onlineMs, firstResultMs, totalMs } = report.timings;
    expect(Math.min(onlineMs, firstResultMs)).toBeGreaterThan(0);
    expect(totalMs).toBeGreaterThanOrEqual(firstResultMs);

    expect([...pids, ...runners].filter(isAlive)).toEqual([]);
    expect(readdirSync(folder)).toEqual(['report.json']);
  });

  it('gives the right answers beside a provider of a smaller model and one that dies; the first is found out and comes last', async () => {
    const file = join(folder, 'report.json');
    demo = new Demo(process.execPath, ...script, '--cheater', '--kill', '--report', file);
    expect(await demo.ended, demo.text).toBe(0);
    const report = DemoReport.parse(JSON.parse(await readFile(file, 'utf8')));
    expect(report).toMatchObject({
      sameAsDirect: 200,
      shards: { total: 20, accepted: 20, exhausted: 0 },
      ledger: { differenceMicro: '0' },
      tasks: { items: 200, sameAsDirect: 200 },
    });
    const cheater = report.providers.find((provider) => provider.cheater);
    const killed = report.providers.filter((provider) => provider.killed);
    const honest = report.providers.filter((provider) => !provider.cheater && !provider.killed);
    expect([killed.length, honest.length]).toEqual([1, 2]);
    expect(cheater?.rejected).toBeGreaterThan(0);
    expect(cheater?.excluded).toBe(true);
    // Paid at most for what was accepted.
    expect(Number(cheater?.paidMicro)).toBeLessThanOrEqual((cheater?.accepted ?? 0) * 2000);
    for (const { rejected, excluded, reputationAfter } of honest) {
      expect({ rejected, excluded }).toEqual({ rejected: 0, excluded: false });
      expect(reputationAfter).toBeGreaterThan(cheater?.reputationAfter ?? 1);
    }
    expect(readdirSync(folder)).toEqual(['report.json']);
  });

  it('finds out a provider that cheats only once it is trusted, and no other', async () => {
    const file = join(folder, 'report.json');
    demo = new Demo(process.execPath, ...script, '--sleeper', '--report', file);
    expect(await demo.ended, demo.text).toBe(0);
    const report = DemoReport.parse(JSON.parse(await readFile(file, 'utf8')));
    expect(report).toMatchObject({ sameAsDirect: 200, ledger: { differenceMicro: '0' } });
    expect(report.providers.map(({ cheater, excluded }) => [cheater, excluded])).toEqual([
      [false, false],
      [false, false],
      [false, false],
      [true, true],
    ]);
    expect(report.audits).toBeGreaterThan(0);
    // Not more than there are. That it is more than none is up to chance: nothing is looked at again
    // where the first bad check follows a good one. The simulator's `sleepers` and its bar hold it over many seeds.
    expect(report.tasks?.reaudited).toBeLessThan(200);
    // A job more than the others have: 72 s alone, 205 s on a busy machine.
  }, 400_000);

  it('leaves no process and no file behind on Ctrl-C', async () => {
    demo = new Demo(process.execPath, ...script);
    await demo.says(/[1-9]\d* of 20 shards accepted/);
    const { pids } = demo;
    const runners = childrenOf(pids);
    demo.interrupt();
    expect(await demo.ended, demo.text).toBe(130);
    expect(pids).toHaveLength(5);
    // A runner whose node was ended hard, since the computer is busy, ends by itself a moment later.
    await until('its processes have ended', () => ![...pids, ...runners].some(isAlive), demo);
    expect(readdirSync(folder)).toEqual([]);
  });

  it('leaves no process behind when it is killed, and the next run removes its folder', async () => {
    demo = new Demo(process.execPath, ...script);
    // While the other nodes are still starting.
    await demo.says(/process \d+,/);
    const [first = 0] = demo.pids;
    const leftover = readdirSync(folder).find((name) => name.startsWith('infernet-demo-'));
    expect(leftover).toBeDefined();
    const demoPid = Number(/^infernet-demo-(\d+)-/.exec(leftover ?? '')?.[1]);
    const nodes = childrenOf([demoPid]);
    process.kill(demoPid, 'SIGKILL');
    await demo.ended;
    await until('the nodes have ended', () => ![first, ...nodes].some(isAlive), demo);

    // Anybody's folder may be young; this one is made to look old.
    await utimes(join(folder, leftover ?? ''), new Date(0), new Date(0));
    await mkdir(join(folder, `infernet-demo-${process.pid}-living`));
    demo = new Demo(process.execPath, ...script);
    await until('the folder is gone', () => !existsSync(join(folder, leftover ?? '')), demo);
    await demo.says(/process \d+,/);
    demo.interrupt();
    expect(await demo.ended).toBe(130);
    expect(readdirSync(folder)).toEqual([`infernet-demo-${process.pid}-living`]);
  });
});

describe('npm run demo, in containers', () => {
  const test = requires('container-engine');
  beforeAll(async () => {
    if (process.getuid?.() === 0) engine = await startTestEngine();
  });
  afterAll(async () => {
    await engine?.stop();
    engine = null;
  });
  /** The runners that are there now. */
  const containers = async () => (await engine?.docker.listContainers({ all: true })) ?? [];

  test('gives the same answers as the model itself, and leaves no container behind', async () => {
    const file = join(folder, 'report.json');
    demo = new Demo(process.execPath, ...script, '--docker', '--items', '20', '--report', file);
    await demo.says(/images of text-classification and text-generation are there/);
    await demo.says(/all nodes know each other/);
    expect(childrenOf(demo.pids)).toEqual([]);
    expect(await demo.ended, demo.text).toBe(0);
    const report = DemoReport.parse(JSON.parse(await readFile(file, 'utf8')));
    expect(report).toMatchObject({
      items: 20,
      sameAsDirect: 20,
      shards: { total: 2, accepted: 2, exhausted: 0 },
      streams: 20,
      streamsSameAsDirect: 20,
      ledger: { differenceMicro: '0' },
    });
    expect(await containers()).toEqual([]);
    expect(readdirSync(folder)).toEqual(['report.json']);
  }, 240_000);

  test('reads rendered pages without a mistake', async () => {
    const file = join(folder, 'report.json');
    demo = new Demo(process.execPath, ...script, '--template', 'ocr', '--report', file);
    expect(await demo.ended, demo.text).toBe(0);
    const report = PagesReport.parse(JSON.parse(await readFile(file, 'utf8')));
    expect(report).toMatchObject({
      pages: 8,
      right: 8,
      shards: { total: 8, accepted: 8 },
      copiesAgreed: 8,
      ledger: { differenceMicro: '0' },
    });
    expect(await containers()).toEqual([]);
  }, 240_000);
});
