import type { PauseCause } from '../events/events.ts';

/** What its owner can do about a pause of the provider. */
export const pauseAdvice: Readonly<Record<PauseCause, string>> = {
  disk: 'make room on that disk, or set host.diskFreeBytesMin lower',
  sleep: 'it goes on when the computer is awake',
  battery: 'connect the mains, or set host.pauseOnBattery to false',
  'full-screen': 'it goes on when that program ends, or set host.pauseOnFullScreen to false',
  hand: 'let it go on: provider.pause, or `resume` on the command line',
};
