import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { requires } from '../../e2e/capabilities.ts';
import type { Logger } from '../ports/index.ts';
import { serviceManager } from './notify.ts';

let folder: string;
let warnings: string[];
let receiver: ChildProcess | null = null;

const log: Logger = {
  debug: () => {},
  info: () => {},
  warn: (_, message) => void warnings.push(message),
  error: () => {},
};

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'infernet-notify-'));
  warnings = [];
});
afterEach(() => {
  receiver?.kill('SIGKILL');
  rmSync(folder, { recursive: true, force: true });
});

describe('service manager', () => {
  it('is not spoken to where there is none', async () => {
    const service = serviceManager({ PATH: folder }, log);
    await service.ready('online');
    await service.stopping('SIGTERM');
    expect(warnings).toEqual([]);
  });

  it('is named once as deaf when systemd-notify is missing, and the node goes on', async () => {
    const service = serviceManager({ PATH: folder, NOTIFY_SOCKET: join(folder, 'none') }, log);
    await service.ready('online');
    await service.stopping('SIGTERM');
    expect(warnings).toEqual([expect.stringContaining('systemd-notify is needed')]);
  });

  it('is not spoken to by what the node starts', () => {
    const env = { NOTIFY_SOCKET: '/run/x', WATCHDOG_USEC: '1000000', WATCHDOG_PID: '1', PATH: folder };
    serviceManager(env, log);
    expect(env).toEqual({ PATH: folder });
  });

  requires('systemd-notify')('hears READY, signs of life and STOPPING, each with its status in one line', async () => {
    const socket = join(folder, 'notify');
    const heard = await listen(socket);
    const env = {
      PATH: process.env['PATH'],
      NOTIFY_SOCKET: socket,
      WATCHDOG_USEC: '200000',
      WATCHDOG_PID: String(process.pid),
    };
    const service = serviceManager(env, log);
    await service.ready('online as\n12D3');
    await heard('READY=1');
    await heard('STATUS=online as 12D3');
    await heard('WATCHDOG=1');
    await service.stopping('SIGTERM');
    await heard('STOPPING=1');
    expect(warnings).toEqual([]);
  });

  it('gets no signs of life that were asked of another process', async () => {
    const script = join(folder, 'systemd-notify');
    writeFileSync(script, `#!/bin/sh\necho "$@" >> ${join(folder, 'said')}\n`, { mode: 0o755 });
    const env = {
      PATH: `${folder}${delimiter}${process.env['PATH']}`,
      NOTIFY_SOCKET: '/run/x',
      WATCHDOG_USEC: '1000',
      WATCHDOG_PID: '1',
    };
    const service = serviceManager(env, log, 4711);
    await service.ready('online');
    await service.stopping('enough');
    expect(readFileSync(join(folder, 'said'), 'utf8')).toBe('READY=1 STATUS=online\nSTOPPING=1 STATUS=enough\n');
  });
});

/** A socket as systemd has one; Node has no datagrams over Unix sockets. */
async function listen(path: string): Promise<(line: string) => Promise<void>> {
  const program = `
import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1])
print('bound', flush=True)
while True:
    print(s.recv(4096).decode(), flush=True)
`;
  const child = spawn('python3', ['-c', program, path], { stdio: ['ignore', 'pipe', 'inherit'] });
  receiver = child;
  let out = '';
  const watchers = new Set<() => void>();
  child.stdout.on('data', (data) => {
    out += data;
    for (const watch of watchers) watch();
  });
  const heard = (line: string) =>
    new Promise<void>((resolve) => {
      const watch = () => {
        if (!out.split('\n').includes(line)) return;
        watchers.delete(watch);
        resolve();
      };
      watchers.add(watch);
      watch();
    });
  await heard('bound');
  return heard;
}
