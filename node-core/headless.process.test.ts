/** The process itself: what it prints, when it ends, and with which code. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { requires } from '../e2e/capabilities.ts';
import packageJson from '../package.json' with { type: 'json' };
import { NodeConfig } from './config/index.ts';
import { connectControl } from './control/index.ts';
import { z } from './protocol/index.ts';

const script = fileURLToPath(new URL('./headless.ts', import.meta.url));
const Ready = z.strictObject({
  event: z.literal('ready'),
  peerId: z.string(),
  addresses: z.array(z.string()),
  control: z.strictObject({ url: z.string() }),
  pid: z.int(),
});

let folder: string;
let configFile: string;
const children: ChildProcess[] = [];
const cleanups: (() => unknown)[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'infernet-headless-'));
  configFile = configWith('');
});
afterEach(async () => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
  for (const cleanup of cleanups.splice(0)) await cleanup();
  rmSync(folder, { recursive: true, force: true });
});

function configWith(lines: string): string {
  const path = join(folder, 'node.yaml');
  const listen = 'network: {listen: [/ip4/127.0.0.1/tcp/0/ws, /ip4/127.0.0.1/tcp/0]}';
  writeFileSync(
    path,
    `dataFolder: data\nexecution: {measure: false}\ndirectory: {lookupMs: 200}\n${listen}\n${lines}\n`,
  );
  return path;
}

function start(args: readonly string[], command: readonly string[] = [process.execPath, script]) {
  const [program = '', ...before] = command;
  const env = { ...process.env, XDG_CONFIG_HOME: folder, XDG_DATA_HOME: folder };
  const child = spawn(program, [...before, ...args], { stdio: ['pipe', 'pipe', 'pipe'], env });
  children.push(child);
  let out = '';
  let err = '';
  const watchers = new Set<() => void>();
  child.stdout.on('data', (data) => {
    out += data;
    for (const watch of watchers) watch();
  });
  child.stderr.on('data', (data) => {
    err += data;
    for (const watch of watchers) watch();
  });
  const ended = new Promise<{ code: number | null; signal: string | null; out: string; err: string }>((resolve) =>
    child.once('close', (code, signal) => resolve({ code, signal, out, err })),
  );
  /** Resolves when the log, or the output, has it. @throws Error when the process ends before. */
  const says = (text: string) =>
    new Promise<void>((resolve, reject) => {
      const watch = () => {
        if (!`${out}${err}`.includes(text)) return;
        watchers.delete(watch);
        resolve();
      };
      watchers.add(watch);
      watch();
      void ended.then(() => reject(new Error(`it ended without saying ${text}:\n${err}`)));
    });
  const ready = async () => {
    await says('"event":"ready"');
    await says('\n');
    return Ready.parse(JSON.parse(out));
  };
  return { child, ended, says, ready };
}

const run = (...args: string[]) => start(args).ended;
/** What it says at the end, in plain text. */
const complaintOf = (err: string) => err.slice(err.indexOf('infernet: '));
const dataFolder = () => join(folder, 'data');

describe('headless: usage and configuration', () => {
  it('tells how it is used', async () => {
    const help = await run('--help');
    expect(help).toMatchObject({ code: 0, err: '' });
    for (const part of [
      '--config',
      '--data',
      '--provider',
      '--listen',
      '--bootstrap',
      '--print-config',
      '75  another process',
    ]) {
      expect(help.out).toContain(part);
    }
    expect(await run('--version')).toMatchObject({ code: 0, out: `${packageJson.version}\n` });
  });

  it('refuses what it does not know', async () => {
    expect(await run('--nope')).toMatchObject({
      code: 2,
      out: '',
      err: expect.stringContaining("unknown option '--nope'"),
    });
    expect(await run('stray')).toMatchObject({ code: 2 });
    expect(await run('--config')).toMatchObject({ code: 2 });
  });

  it('prints the configuration in force', async () => {
    const { code, out } = await run(
      '--print-config',
      '--config',
      configFile,
      '--provider',
      '--data',
      join(folder, 'else'),
      '--listen',
      '/ip4/127.0.0.1/tcp/0/ws',
    );
    expect(code).toBe(0);
    expect(JSON.parse(out)).toMatchObject({
      dataFolder: join(folder, 'else'),
      provider: { enabled: true },
      network: { listen: ['/ip4/127.0.0.1/tcp/0/ws'] },
    });
    expect(existsSync(join(folder, 'else'))).toBe(false);
  });

  it('names each mistake with its line', async () => {
    const { code, err } = await run('--config', configWith('netwrok: {}\nlog: {level: loud}'));
    expect(code).toBe(78);
    expect(err).toContain('the configuration has 2 problems:');
    expect(err).toContain(`${configFile}:5:1: unknown key "netwrok"; did you mean "network"?`);
    expect(err).toContain(`${configFile}:6:14: log.level: expected one of`);
    expect(await run('--config', join(folder, 'none.yaml'))).toMatchObject({
      code: 78,
      err: expect.stringContaining('none.yaml'),
    });
    expect(await run('--config', configWith(''), '--listen', 'nowhere')).toMatchObject({
      code: 78,
      err: expect.stringContaining('--listen: network.listen[0]'),
    });
  });
});

describe('headless: running', () => {
  it('says once that it is ready, can be reached, and stops in order', async () => {
    const node = start(['--config', configFile]);
    // Without --exit-with-parent it takes no notice of its input.
    node.child.stdin?.end('quit\n');
    const { peerId, addresses, control, pid } = await node.ready();
    expect(pid).toBe(node.child.pid);
    expect(addresses.length).toBe(2);
    for (const address of addresses)
      expect(address).toMatch(new RegExp(`^/ip4/127\\.0\\.0\\.1/tcp/\\d+.*/p2p/${peerId}$`));
    expect(JSON.parse(readFileSync(join(dataFolder(), 'control.json'), 'utf8'))).toMatchObject({
      url: control.url,
      pid,
    });

    const client = await connectControl(dataFolder());
    expect(await client.call('node.status', {})).toMatchObject({ peerId, state: 'alone' });

    const second = await run('--config', configFile);
    expect(second).toMatchObject({ code: 75, out: '' });
    expect(complaintOf(second.err)).toContain(`process ${pid} has it open`);
    // The second one left the first one's door alone.
    expect(await client.call('node.status', {})).toMatchObject({ peerId });

    node.child.kill('SIGTERM');
    const { code, out, err } = await node.ended;
    expect({ code, lines: out.trim().split('\n').length }).toEqual({ code: 0, lines: 1 });
    for (const line of err.trim().split('\n')) expect(JSON.parse(line)).toHaveProperty('msg');
    expect(await client.closed).toBe('SIGTERM');
    expect(readdirSync(dataFolder())).not.toContain('control.json');
    expect(readdirSync(dataFolder())).not.toContain('lock.pid');

    const again = start(['--config', configFile]);
    expect((await again.ready()).peerId).toBe(peerId);
    const owner = await connectControl(dataFolder());
    await owner.call('node.stop', { drainMs: 0 });
    expect(await again.ended).toMatchObject({ code: 0 });
    expect(await owner.closed).toBe('stopped by its owner');
  });

  it('stops at once at the second signal', async () => {
    const { child, says, ended } = start(['--config', configFile]);
    await says('"event":"ready"');
    child.kill('SIGTERM');
    child.kill('SIGINT');
    const { code } = await ended;
    // Whichever of them came second.
    expect([130, 143]).toContain(code);
  });

  it.skipIf(process.platform === 'win32')('changes settings while it runs: by its API, and by SIGHUP', async () => {
    configFile = configWith('log: {level: warn}');
    const { child, ready, says, ended } = start(['--config', configFile, '--provider']);
    await ready();
    const owner = await connectControl(dataFolder());
    const inForce = async () => {
      const { config } = await owner.call('settings.get', {});
      const { provider, log, network } = NodeConfig.parse(config);
      return { queueMax: provider.queueMax, level: log.level, connectionsMax: network.connectionsMax };
    };
    const values = { 'provider.queueMax': 20, 'log.level': 'info', 'network.connectionsMax': 50 };
    expect(await owner.call('settings.set', { values })).toEqual({
      changed: ['provider.queueMax', 'log.level'],
      restart: ['network.connectionsMax'],
      file: configFile,
    });
    expect(await inForce()).toEqual({ queueMax: 20, level: 'info', connectionsMax: 300 });
    expect(await owner.call('node.status', {})).toMatchObject({ provider: { queueMax: 20 } });
    expect(readFileSync(configFile, 'utf8')).toContain('connectionsMax: 50');
    // At the level before, nobody would have heard of it.
    await says('settings changed');

    const wrong = owner.call('settings.set', { values: { 'provider.queueMax': 30, 'provider.queueMaxx': 1 } });
    await expect(wrong).rejects.toMatchObject({
      kind: 'invalid-params',
      message: 'unknown key "queueMaxx" in provider; did you mean "queueMax"?',
    });
    const overruled = owner.call('settings.set', { values: { 'provider.enabled': false } });
    await expect(overruled).rejects.toThrow(/given on the command line \(--provider\)/);

    writeFileSync(
      configFile,
      `${readFileSync(configFile, 'utf8').replace('queueMax: 20', 'queueMax: 7')}nonsense: 1\n`,
    );
    child.kill('SIGHUP');
    await says('is wrong; nothing was changed');
    expect(await inForce()).toMatchObject({ queueMax: 20 });
    writeFileSync(configFile, readFileSync(configFile, 'utf8').replace('nonsense: 1\n', ''));
    child.kill('SIGHUP');
    await says('the configuration was read again"');
    expect(await inForce()).toMatchObject({ queueMax: 7 });
    child.kill('SIGTERM');
    expect(await ended).toMatchObject({ code: 0 });
  });

  it('stops while it still starts', async () => {
    const { child, says, ended } = start(['--config', configFile]);
    await says('a new identity was made');
    child.kill('SIGTERM');
    expect(await ended).toMatchObject({ code: 0 });
    expect(readdirSync(dataFolder())).not.toContain('control.json');
  });

  it('does not outlive a parent that was killed', async () => {
    // The node holds the parent’s output open, so the end of both is awaited below.
    const parent = `require('node:child_process').spawn(process.execPath, process.argv.slice(1), { stdio: ['pipe', 'inherit', 'inherit'] })`;
    const { child, ready, ended } = start(
      [script, '--config', configFile, '--exit-with-parent'],
      [process.execPath, '-e', parent, '--'],
    );
    const { pid } = await ready();
    expect(pid).not.toBe(child.pid);
    child.kill('SIGKILL');
    expect(await ended).toMatchObject({ signal: 'SIGKILL' });
    expect(readdirSync(dataFolder())).not.toContain('control.json');
  });

  it('goes on although nobody reads its log', async () => {
    const { child, ready, ended } = start(['--config', configWith('log: {level: debug}')]);
    await ready();
    child.stderr?.destroy();
    child.stdout?.destroy();
    const client = await connectControl(dataFolder());
    await client.call('node.status', {});
    child.kill('SIGTERM');
    expect(await ended).toMatchObject({ code: 0 });
  });
});

describe('headless: what stands in the way', () => {
  it('a data folder that cannot be', async () => {
    writeFileSync(dataFolder(), 'a file');
    const { code, err } = await run('--config', configFile);
    expect(code).toBe(73);
    expect(complaintOf(err)).toContain(dataFolder());
  });

  it.skipIf(process.platform === 'win32')('a key that others can read, or that is damaged', async () => {
    const first = start(['--config', configFile]);
    await first.says('a new identity was made');
    first.child.kill('SIGKILL');
    await first.ended;
    const key = join(dataFolder(), 'identity.key');
    chmodSync(key, 0o644);
    const open = await run('--config', configFile);
    expect(open.code).toBe(77);
    expect(complaintOf(open.err)).toContain(`chmod 600 ${key}`);
    expect(statSync(key).mode & 0o777).toBe(0o644);
    chmodSync(key, 0o600);
    writeFileSync(key, 'no key');
    const damaged = await run('--config', configFile);
    expect(damaged.code).toBe(65);
    expect(complaintOf(damaged.err)).toContain('is damaged');
  });

  it('an address that is taken', async () => {
    const other = createServer();
    cleanups.push(() => new Promise((resolve) => other.close(resolve)));
    const port = await new Promise<number>((resolve) =>
      other.listen(0, '127.0.0.1', () => {
        const address = other.address();
        resolve(typeof address === 'object' && address !== null ? address.port : 0);
      }),
    );
    const network = await run('--config', configFile, '--listen', `/ip4/127.0.0.1/tcp/${port}/ws`);
    expect(network.code).toBe(69);
    expect(complaintOf(network.err)).toMatch(
      new RegExp(`^infernet: .*/tcp/${port}/ws: listen EADDRINUSE.*network\\.listen.*\\n$`),
    );
    const control = await run('--config', configWith(`control: {listen: "127.0.0.1:${port}"}`));
    expect(control.code).toBe(69);
    expect(complaintOf(control.err)).toMatch(/^infernet: .*control\.listen.*\n$/);
  });

  requires('root')('a full disk', async () => {
    const disk = mkdtempSync(join(tmpdir(), 'infernet-disk-'));
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'infernet-test', disk]);
    cleanups.push(() => {
      execFileSync('umount', [disk]);
      rmSync(disk, { recursive: true });
    });
    const { code, err } = await run('--config', configFile, '--data', join(disk, 'data'));
    expect(code).toBe(74);
    expect(complaintOf(err)).toContain('no room left');
  });
});
