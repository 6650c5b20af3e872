import {
  chmodSync,
  chownSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ConfigError } from './config-error.ts';
import { ConfigFile, ConfigFileError } from './config-file.ts';
import { adopt, isLive, strayLiveSettings } from './live.ts';
import { NodeConfig } from './schema.ts';
import { parseSetting } from './setting-text.ts';

/** As the kernel knows it. */
const nobody = 65_534;

let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'infernet-config-'));
  path = join(folder, 'node.yaml');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const fileOf = (text: string, options: Partial<ConstructorParameters<typeof ConfigFile>[0]> = {}): ConfigFile => {
  writeFileSync(path, text, { mode: 0o640 });
  return new ConfigFile({ path, mustExist: true, ...options });
};
const text = (): string => readFileSync(path, 'utf8');
const set = (values: Record<string, never> | object, reset: string[] = []) => ({ values: { ...values }, reset });

describe('the configuration file', () => {
  it('is changed value by value; comments, order and mode stay', async () => {
    const file = fileOf(
      '# mine\ndataFolder: /d # here\nprovider:\n  queueMax: 64 # enough\n  # whom not\n  blockedClients: []\nnetwork:\n',
    );
    const config = await file.write(
      set({ 'provider.queueMax': 20, 'log.level': 'debug', 'network.mdns': true, 'provider.templates': ['a', 'b'] }),
    );
    expect(config).toMatchObject({
      provider: { queueMax: 20, templates: ['a', 'b'] },
      log: { level: 'debug' },
      network: { mdns: true },
    });
    expect(text()).toBe(
      '# mine\ndataFolder: /d # here\nprovider:\n  queueMax: 20 # enough\n  # whom not\n  blockedClients: []\n  templates: [ a, b ]\nnetwork:\n  mdns: true\nlog:\n  level: debug\n',
    );
    expect(statSync(path).mode & 0o777).toBe(0o640);
    expect(await file.read()).toEqual(config);
    expect((await file.write(set({}, ['provider.queueMax', 'provider.runsMax']))).provider.queueMax).toBe(64);
    expect(text()).not.toContain('queueMax');
    expect(readdirSync(folder)).toEqual(['node.yaml']);
  });

  it('may be JSON, and stays so', async () => {
    const file = fileOf('{\n\t"dataFolder": "/d",\n\t"provider": {"queueMax": 3}\n}\n');
    await file.write(set({ 'provider.runsMax': 2 }, ['provider.queueMax']));
    expect(text()).toBe('{\n\t"dataFolder": "/d",\n\t"provider": {\n\t\t"runsMax": 2\n\t}\n}\n');
  });

  it('is made where the usual one is missing, and written through a link', async () => {
    const usual = join(folder, 'etc', 'node.yaml');
    const file = new ConfigFile({ path: usual, mustExist: false, dataFolder: '/d' });
    expect((await file.read()).provider.queueMax).toBe(64);
    await file.write(set({ 'provider.queueMax': 9 }));
    expect(readFileSync(usual, 'utf8')).toBe('provider:\n  queueMax: 9\n');
    symlinkSync(usual, path);
    await new ConfigFile({ path, mustExist: true, dataFolder: '/d' }).write(set({ 'provider.queueMax': 8 }));
    expect(readFileSync(usual, 'utf8')).toBe('provider:\n  queueMax: 8\n');
  });

  it('takes changes one after the other', async () => {
    const file = fileOf('dataFolder: /d\n');
    await Promise.all([
      file.write(set({ 'provider.queueMax': 9 })),
      file.write(set({ 'provider.nothing': 9 })).catch(() => null),
      file.write(set({ 'provider.runsMax': 3 })),
    ]);
    expect((await file.read()).provider).toMatchObject({ queueMax: 9, runsMax: 3 });
  });

  it.each<[string, object, RegExp]>([
    ['an unknown key', { 'provider.queueMaxx': 1 }, /unknown key "queueMaxx" in provider; did you mean "queueMax"/],
    ['a wrong value', { 'provider.queueMax': 'many' }, /provider.queueMax: expected a whole number of at least 1/],
    ['one that does not fit another', { 'aggregator.leaseMs': 10 }, /aggregator.leaseRenewMs: expected less than/],
    ['what the command line says', { 'network.listen': [] }, /given on the command line \(--listen\)/],
    ['a section with what the command line says', { network: {} }, /given on the command line \(--listen\)/],
  ])('is left as it was by %s', async (_, values, message) => {
    const overrides = [{ path: ['network', 'listen'], value: ['/ip4/127.0.0.1/tcp/0'], source: '--listen' }];
    const before = 'dataFolder: /d\n';
    const file = fileOf(before, { overrides });
    const failure: unknown = await file
      .write(set({ 'provider.runsMax': 3, ...values }))
      .catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(ConfigError);
    expect(String(failure)).toMatch(message);
    expect(text()).toBe(before);
  });

  it.skipIf(process.platform === 'win32')('says what to do where it cannot write', async () => {
    const file = fileOf('dataFolder: /d\n');
    // Root may write everywhere: it steps down to nobody meanwhile.
    const isRoot = process.getuid?.() === 0;
    if (isRoot) chownSync(folder, nobody, nobody);
    chmodSync(folder, 0o500);
    if (isRoot) process.seteuid?.(nobody);
    const failure: unknown = await file.write(set({ 'provider.runsMax': 3 })).catch((error: unknown) => error);
    if (isRoot) process.seteuid?.(0);
    chmodSync(folder, 0o700);
    expect(failure).toBeInstanceOf(ConfigFileError);
    expect(String(failure)).toContain('reads it again on SIGHUP');
  });

  it('names the file that stands in the way', async () => {
    writeFileSync(join(folder, 'file'), '');
    const file = new ConfigFile({ path: join(folder, 'file', 'node.yaml'), mustExist: false, dataFolder: '/d' });
    await expect(file.write(set({ 'provider.runsMax': 3 }))).rejects.toThrow(/node.yaml cannot be written/);
    expect(existsSync(path)).toBe(false);
  });
});

describe('settings in force', () => {
  const config = (change: object = {}) => NodeConfig.parse({ dataFolder: '/d', ...change });

  it('change in place where they may, and wait for the next start where they may not', () => {
    const now = config();
    const { provider } = now;
    const next = config({
      dataFolder: '/e',
      provider: { queueMax: 5, templates: ['a'] },
      network: { connectionsMax: 7 },
    });
    expect(adopt(now, next)).toEqual({
      changed: ['provider.templates', 'provider.queueMax'],
      restart: ['dataFolder', 'network.connectionsMax'],
      waiting: { dataFolder: '/e', 'network.connectionsMax': 7 },
    });
    expect(now.provider).toBe(provider);
    expect(provider).toMatchObject({ queueMax: 5, templates: ['a'] });
    expect(now.network.connectionsMax).toBe(300);
    // Still another than in the file.
    expect(adopt(now, next)).toEqual({
      changed: [],
      restart: ['dataFolder', 'network.connectionsMax'],
      waiting: { dataFolder: '/e', 'network.connectionsMax': 7 },
    });
    // And no more when the file says again what is in force.
    expect(adopt(now, structuredClone(now))).toEqual({ changed: [], restart: [], waiting: {} });
  });

  it('are settings, all that are listed', () => {
    expect(strayLiveSettings(config())).toEqual([]);
    expect(isLive('provider.queueMax')).toBe(true);
    expect(isLive('network.listen')).toBe(false);
    // A replay with another value would give another state.
    for (const path of ['directory.knownGoodMax', 'reputation.receiptsMax']) expect(isLive(path)).toBe(false);
  });
});

describe('a setting in words', () => {
  it.each([
    ['provider.queueMax', '20', 20],
    ['provider.creditLimitMicro', '20', '20'],
    ['log.level', 'debug', 'debug'],
    ['provider.enabled', 'true', true],
    ['provider.templates', 'null', null],
    ['provider.templates', '[a, b]', ['a', 'b']],
    ['provider.prices.colours', '{shardMicro: "1", itemMicro: "2"}', { shardMicro: '1', itemMicro: '2' }],
    ['network.announce', '[: {', '[: {'],
  ])('%s %s', (path, words, value) => {
    expect(parseSetting(path, words)).toEqual(value);
  });
});
