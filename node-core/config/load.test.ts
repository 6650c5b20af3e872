import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ConfigError } from './config-error.ts';
import { type ConfigOverride, loadConfig } from './load.ts';

const load = (text: string, options: Parameters<typeof loadConfig>[1] = {}) =>
  loadConfig({ text, name: 'node.yaml', folder: '/srv/infernet' }, options);

async function problemsOf(text: string, overrides: readonly ConfigOverride[] = []): Promise<string[]> {
  try {
    await load(text, { overrides });
  } catch (error) {
    if (error instanceof ConfigError) return error.message.split('\n');
    throw error;
  }
  return [];
}

describe('configuration', () => {
  it('is YAML or JSON, and fills in what is not said', async () => {
    const yaml = await load('dataFolder: /data\nnetwork:\n  mdns: true\n');
    const json = await load('{\n\t"$schema": "x",\n\t"dataFolder": "/data",\n\t"network": {"mdns": true}\n}');
    expect(yaml).toEqual(json);
    expect(yaml.network.mdns).toBe(true);
    expect(yaml.aggregator.leaseMs).toBe(10_000);
  });

  it('takes paths from where the file lies', async () => {
    const config = await load('dataFolder: data\nexecution: {modelFolders: [~/models, /m, m], nodeBinary: bin/node}');
    expect(config.dataFolder).toBe('/srv/infernet/data');
    expect(config.execution.modelFolders).toEqual([join(homedir(), 'models'), '/m', '/srv/infernet/m']);
    expect(config.execution.nodeBinary).toBe('/srv/infernet/bin/node');
    expect((await load('dataFolder: /d\nexecution: {nodeBinary: node}')).execution.nodeBinary).toBe('node');
  });

  it('takes the usual data folder where none is named, also in an empty file', async () => {
    expect((await load('', { dataFolder: '/usual' })).dataFolder).toBe('/usual');
    expect((await load('# nothing\n', { dataFolder: '/usual' })).dataFolder).toBe('/usual');
    expect((await load('dataFolder: /own', { dataFolder: '/usual' })).dataFolder).toBe('/own');
  });

  it('lets the command line overrule the file', async () => {
    const config = await load('dataFolder: /d\nprovider: {runsMax: 3}', {
      overrides: [
        { path: ['dataFolder'], value: '/other', source: '--data' },
        { path: ['provider', 'enabled'], value: true, source: '--provider' },
      ],
    });
    expect(config.dataFolder).toBe('/other');
    expect(config.provider).toMatchObject({ enabled: true, runsMax: 3 });
  });
});

describe('a wrong configuration', () => {
  it('names a wrong key with its line and the nearest right one', async () => {
    expect(await problemsOf('dataFolder: /d\nnetwork:\n  lisen: [/ip4/0.0.0.0/tcp/0]\n')).toEqual([
      'node.yaml:3:3: unknown key "lisen" in network; did you mean "listen"?',
    ]);
    expect(await problemsOf('{\n  "dataFolder": "/d",\n  "netwrok": {}\n}')).toEqual([
      'node.yaml:3:3: unknown key "netwrok"; did you mean "network"?',
    ]);
  });

  it('finds the section that a key belongs to', async () => {
    expect(await problemsOf('dataFolder: /d\nbootstrap: []')).toEqual([
      'node.yaml:2:1: unknown key "bootstrap"; did you mean "network.bootstrap"?',
    ]);
  });

  it('lists the valid keys when none is near', async () => {
    expect(await problemsOf('dataFolder: /d\nlog:\n  colour: red')).toEqual([
      'node.yaml:3:3: unknown key "colour" in log; valid here: level',
    ]);
  });

  it('names a wrong value with the nearest right one', async () => {
    expect(await problemsOf('dataFolder: /d\nlog:\n  level: verbose\n')).toEqual([
      'node.yaml:3:10: log.level: expected one of "debug", "info", "warn", "error" (what is written to the log of the program: this and what weighs more), found "verbose"',
    ]);
    expect(await problemsOf('dataFolder: /d\nlog: {level: wran}')).toEqual([
      'node.yaml:2:14: log.level: expected one of "debug", "info", "warn", "error" (what is written to the log of the program: this and what weighs more), found "wran"; did you mean "warn"?',
    ]);
  });

  it('knows a peer id from what is none, in lists and as a key', async () => {
    const id = '12D3KooWNvSZnPi3RrhrTwEY4LuuBeB6K6facKUCJcyWG1aoDd2p';
    const lists = `blockedClients: [${id}]\n  allowedClients: [${id}]\n  clientLimits: {${id}: {inFlightMax: 2}}`;
    expect(await problemsOf(`dataFolder: /d\nprovider:\n  ${lists}\n`)).toEqual([]);
    const wrong = `blockedClients: [ada]\n  allowedClients: [${id}x]\n  clientLimits: {ada: {inFlightMax: 2}, ${id}: {inFlight: 2}}`;
    expect(await problemsOf(`dataFolder: /d\nprovider:\n  ${wrong}\n`)).toEqual([
      expect.stringContaining(
        'node.yaml:3:20: provider.blockedClients[0]: expected an Ed25519 libp2p peer id (12D3KooW…)',
      ),
      expect.stringContaining(`provider.allowedClients[0]: expected an Ed25519 libp2p peer id (12D3KooW…)`),
      'node.yaml:5:18: provider.clientLimits: expected each key to be an Ed25519 libp2p peer id (12D3KooW…), found "ada"',
      expect.stringContaining(`unknown key "inFlight" in provider.clientLimits.${id}; did you mean "inFlightMax"?`),
    ]);
  });

  it('says what a value is for, what was expected and what was found', async () => {
    const cases: [string, string][] = [
      [
        'network: {connectionsMax: many}',
        '2:27: network.connectionsMax: expected a whole number of at least 1 (open connections), found "many"',
      ],
      [
        'network: {connectionsMax: 0}',
        '2:27: network.connectionsMax: expected a whole number of at least 1 (open connections), found 0',
      ],
      ['network: {connectionsMax: "7"}', 'found "7"; without quotes: 7'],
      [
        'network: {mdns: yes}',
        'network.mdns: expected true or false (find peers on the local network), found "yes"; did you mean true?',
      ],
      [
        'network: {bootstrap: /dns/a/tcp/1}',
        'expected a list (multiaddrs with /p2p/<peer id> through which to join), found "/dns/a/tcp/1"; did you mean ["/dns/a/tcp/1"]?',
      ],
      ['network: {listen: []}', 'network.listen: expected a list of at least 1'],
      ['network: {listen: [7]}', 'network.listen[0]: expected a text, found 7; put it in quotes: "7"'],
      ['provider: {creditLimitMicro: 16000}', 'found 16000; put it in quotes: "16000"'],
      [
        'provider: {creditLimitMicro: "-1"}',
        'provider.creditLimitMicro: expected an amount in micro-credits as a decimal string',
      ],
      [
        'provider: {prices: {text-generation: {shardMicro: "1"}}}',
        'provider.prices.text-generation.itemMicro: expected a text (per item, micro-credits), found nothing',
      ],
      ['provider:', '2:1: provider: expected a section with keys of its own, found nothing'],
      ['dataFolder: /e', '2:1: not valid YAML or JSON: Map keys must be unique'],
    ];
    for (const [line, expected] of cases) {
      const problems = await problemsOf(`dataFolder: /d\n${line}`);
      expect(problems, line).toHaveLength(1);
      expect(problems[0]).toContain(expected);
    }
  });

  it('says what is missing', async () => {
    expect(await problemsOf('log: {level: info}')).toEqual([
      'node.yaml:1:1: dataFolder: expected a text that is not empty (where key, log and blobs lie; one process at a time), found nothing',
    ]);
    expect(await problemsOf('just words')).toEqual([
      'node.yaml:1:1: the configuration: expected a section with keys of its own, found "just words"',
    ]);
  });

  it('reports everything at once, in the order of the file', async () => {
    const problems = await problemsOf(
      ['log: {level: loud}', 'provider:', '  runMax: 1', '  queueMax: none', 'dataFolder: 7', 'contrl: {}'].join('\n'),
    );
    expect(problems.map((problem) => problem.split(': ').slice(0, 2).join(': '))).toEqual([
      'node.yaml:1:14: log.level',
      'node.yaml:3:3: unknown key "runMax" in provider; did you mean "runsMax"?',
      'node.yaml:4:13: provider.queueMax',
      'node.yaml:5:13: dataFolder',
      'node.yaml:6:1: unknown key "contrl"; did you mean "control"?',
    ]);
  });

  it('names the option when the command line is wrong', async () => {
    expect(
      await problemsOf('dataFolder: /d', [{ path: ['network', 'listen'], value: ['localhost'], source: '--listen' }]),
    ).toEqual(['--listen: network.listen[0]: expected a multiaddr as /ip4/192.0.2.7/tcp/4001/ws, found "localhost"']);
  });

  it('must fit together', async () => {
    const text = (line: string) => problemsOf(`dataFolder: /d\n${line}`);
    expect((await text('network: {bootstrap: [/dns4/a.example/tcp/1]}'))[0]).toContain('ends with /p2p/<peer id>');
    expect((await text('control: {listen: "0.0.0.0:7070"}'))[0]).toContain(
      '2:19: control.listen: expected a loopback address',
    );
    expect((await text('control: {listen: "127.0.0.1:70700"}'))[0]).toContain('expected a loopback address');
    expect((await text('directory: {heartbeatMs: 30000}'))[0]).toContain(
      'expected less than directory.goneMs, which is 25000, found 30000',
    );
    expect(await text('control: {listen: "[::1]:0"}')).toEqual([]);
  });

  it('may be no YAML at all', async () => {
    expect(await problemsOf('{"dataFolder": ')).not.toEqual([]);
    expect((await problemsOf('dataFolder: /d\n\tlog: {}'))[0]).toMatch(/^node\.yaml:2:1: not valid YAML or JSON: /);
    expect((await problemsOf('dataFolder: *nobody'))[0]).toContain('not valid YAML or JSON');
    expect((await problemsOf('dataFolder: !!js/eval x'))[0]).toContain('not valid YAML or JSON');
  });

  it('may be a file that is not there, or no file, or too large', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'infernet-config-'));
    try {
      const missing = join(folder, 'none.yaml');
      await expect(loadConfig({ path: missing })).rejects.toThrow(`${missing}: the configuration file cannot be read`);
      await expect(loadConfig({ path: folder })).rejects.toBeInstanceOf(ConfigError);
      const large = join(folder, 'large.yaml');
      await writeFile(large, `#${'x'.repeat(1024 * 1024)}`);
      await expect(loadConfig({ path: large })).rejects.toThrow('at most 1048576 bytes');
      const good = join(folder, 'good.yaml');
      await writeFile(good, 'dataFolder: data');
      expect((await loadConfig({ path: good })).dataFolder).toBe(join(folder, 'data'));
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});
