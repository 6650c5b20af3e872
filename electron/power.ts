/** What the desktop tells of its power, for the node's Host port: at once, where a program without a window has to look. */
import { powerMonitor } from 'electron';
import type { Host } from '../node-core/ports/index.ts';

let suspended = false;
const listeners = new Set<() => void>();

/** Once, when the app is ready: a node that is started again must know what was said before. */
export function watchPower(): void {
  const changed = (): void => {
    for (const listener of listeners) listener();
  };
  powerMonitor.on('on-battery', changed);
  powerMonitor.on('on-ac', changed);
  powerMonitor.on('suspend', () => {
    suspended = true;
    changed();
  });
  powerMonitor.on('resume', () => {
    suspended = false;
    changed();
  });
}

/** @param system what any program knows: the disk. */
export function desktopHost(system: Required<Pick<Host, 'conditions'>>): Partial<Host> {
  return {
    conditions: async () => ({
      ...(await system.conditions()),
      onBattery: powerMonitor.isOnBatteryPower(),
      suspended,
    }),
    onConditions(changed) {
      listeners.add(changed);
      return () => void listeners.delete(changed);
    },
  };
}
