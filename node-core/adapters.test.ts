import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { realPorts, startFailureOf } from './adapters.ts';
import { NodeConfig } from './config/index.ts';
import { JournalError } from './journal/index.ts';
import type { Logger } from './ports/index.ts';
import { StoreError } from './store/errors.ts';

const log: Logger = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
const kindOf = (error: unknown) => startFailureOf(error).kind;

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'infernet-adapters-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const open = (dataFolder: string) => realPorts(NodeConfig.parse({ dataFolder }), { log });
const failureOf = async (promise: Promise<unknown>) =>
  promise.then(
    () => null,
    (error: unknown) => startFailureOf(error),
  );

describe('real ports', () => {
  it('are those of one identity, made once', async () => {
    const dataFolder = join(folder, 'a', 'b');
    const first = await open(dataFolder);
    const second = await open(dataFolder);
    expect(first.newIdentity).toBe(true);
    expect(second.newIdentity).toBe(false);
    expect(second.ports.signer.peerId).toBe(first.ports.signer.peerId);
    expect(first.ports.network.peerId).toBe(first.ports.signer.peerId);
    const signature = first.ports.signer.sign(new Uint8Array(3));
    expect(second.ports.verifier.verify(first.ports.signer.peerId, new Uint8Array(3), signature)).toBe(true);
    // Nothing is opened before the node starts.
    expect(await readdir(dataFolder)).toEqual(['identity.key']);
    if (process.platform !== 'win32') expect((await stat(dataFolder)).mode & 0o777).toBe(0o700);
  });

  it('need a data folder', async () => {
    const file = join(folder, 'file');
    await writeFile(file, 'mine');
    for (const path of [file, join(file, 'below')]) {
      expect(await failureOf(open(path))).toMatchObject({
        kind: 'data-folder',
        message: expect.stringContaining('--data'),
      });
    }
    expect(await readFile(file, 'utf8')).toBe('mine');
  });

  it('do not replace a lost key', async () => {
    await writeFile(join(folder, 'node.db'), '');
    expect(await failureOf(open(folder))).toMatchObject({
      kind: 'damaged',
      message: expect.stringContaining('is missing'),
    });
    expect(await readdir(folder)).toEqual(['node.db']);
  });
});

describe('what an error means', () => {
  it('is told by the error, however deep it lies', () => {
    const locked = new StoreError('locked', 'process 7 has it open');
    expect(startFailureOf(locked)).toEqual({ kind: 'locked', message: 'process 7 has it open' });
    expect(startFailureOf(new Error('no start', { cause: new Error('x', { cause: locked }) }))).toEqual({
      kind: 'locked',
      message: 'process 7 has it open',
    });
    expect(kindOf(new StoreError('full', ''))).toBe('disk');
    expect(kindOf(new StoreError('io', ''))).toBe('disk');
    expect(kindOf(new StoreError('read-only', ''))).toBe('data-folder');
    expect(kindOf(new StoreError('corrupt', ''))).toBe('damaged');
    expect(kindOf(new StoreError('newer', ''))).toBe('damaged');
    expect(kindOf(new JournalError('not our key'))).toBe('damaged');
    expect(kindOf(Object.assign(new Error('write'), { code: 'ENOSPC' }))).toBe('disk');
    expect(kindOf('thrown text')).toBe('internal');
    expect(startFailureOf(new TypeError('oops')).message).toContain('TypeError: oops\n    at');
  });

  it('names addresses without the stacks of libp2p', () => {
    const report = [
      'cannot listen: Some configured addresses failed to be listened on',
      '',
      '  /ip4/127.0.0.1/tcp/52285/ws: Error: listen EADDRINUSE: address already in use 127.0.0.1:52285',
      '      at Server.setupListenHandle [as _listen2] (node:net:2328:16)',
      '  /ip4/192.0.2.9/tcp/0: listen EADDRNOTAVAIL: address not available 192.0.2.9',
    ].join('\n');
    expect(startFailureOf(new Error(report))).toEqual({
      kind: 'address',
      message:
        'an address cannot be listened on: /ip4/127.0.0.1/tcp/52285/ws: listen EADDRINUSE: address already in use 127.0.0.1:52285; /ip4/192.0.2.9/tcp/0: listen EADDRNOTAVAIL: address not available 192.0.2.9. Change network.listen in the configuration, or --listen; port 0 takes any that is free',
    });
    expect(startFailureOf(new Error('cannot listen: Invalid IPv4 address "bad"')).message).toContain(
      'Invalid IPv4 address "bad". Change',
    );
  });
});
