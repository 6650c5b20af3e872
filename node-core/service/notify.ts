/**
 * Tells systemd how the node is: started, alive, stopping (sd_notify(3), `Type=notify`).
 *
 *     const service = serviceManager(process.env, log);
 *     await service.ready('online as 12D3KooW…');
 *     await service.stopping('SIGTERM');
 *
 * The protocol is datagrams to a Unix socket, which Node cannot send; so systemd's own `systemd-notify` sends them, and the
 * unit says `NotifyAccess=all`, for they then come from a child of the node. Without `NOTIFY_SOCKET` all this does nothing.
 */
import { execFile } from 'node:child_process';
import type { Logger } from '../ports/index.ts';

export interface ServiceManager {
  /** From now on it also gets signs of life, where the unit has a `WatchdogSec`. */
  ready(status: string): Promise<void>;
  stopping(status: string): Promise<void>;
}

/** A notification is a few milliseconds' work; whoever manages the service may be busy. */
const notifyMsMax = 5_000;
const usPerMs = 1_000;

const nobody: ServiceManager = { ready: async () => {}, stopping: async () => {} };

/** @param env loses its `NOTIFY_SOCKET`: what the node starts must not speak for it. */
export function serviceManager(env: NodeJS.ProcessEnv, log: Logger, pid: number = process.pid): ServiceManager {
  const socket = env['NOTIFY_SOCKET'];
  if (socket === undefined || socket === '') return nobody;
  const everyMs = watchdogMs(env, pid);
  for (const name of ['NOTIFY_SOCKET', 'WATCHDOG_USEC', 'WATCHDOG_PID']) delete env[name];
  let failed = false;
  let timer: NodeJS.Timeout | undefined;

  const tell = (...variables: readonly string[]) =>
    new Promise<void>((resolve) => {
      const options = { env: { PATH: env['PATH'], NOTIFY_SOCKET: socket }, timeout: notifyMsMax };
      execFile('systemd-notify', [...variables], options, (error) => {
        if (error !== null && !failed) {
          failed = true;
          log.warn(
            { error: error.message },
            'the service manager could not be told: systemd-notify is needed (it comes with systemd), and NotifyAccess=all in the unit',
          );
        }
        resolve();
      });
    });

  return {
    async ready(status) {
      await tell('READY=1', `STATUS=${oneLine(status)}`);
      if (everyMs === null) return;
      // A process whose event loop stands still does not get to this.
      timer = setInterval(() => void tell('WATCHDOG=1'), everyMs);
      timer.unref();
    },
    async stopping(status) {
      clearInterval(timer);
      await tell('STOPPING=1', `STATUS=${oneLine(status)}`);
    },
  };
}

/** Half of what it may take at most, as sd_watchdog_enabled(3) advises. */
function watchdogMs(env: NodeJS.ProcessEnv, pid: number): number | null {
  const micros = Number(env['WATCHDOG_USEC']);
  const whose = env['WATCHDOG_PID'];
  if (!(micros > 0) || (whose !== undefined && Number(whose) !== pid)) return null;
  return Math.max(1, Math.floor(micros / usPerMs / 2));
}

/** A line break would begin another variable. */
const oneLine = (text: string) => text.replaceAll(/\s+/g, ' ');
