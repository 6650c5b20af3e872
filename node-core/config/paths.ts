/** Where a node keeps its things when nobody says otherwise: as each operating system wants it. */
import { homedir } from 'node:os';
import { isAbsolute, join, posix, win32 } from 'node:path';

export interface Surroundings {
  readonly platform: NodeJS.Platform;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly home: string;
}

const here = (): Surroundings => ({ platform: process.platform, env: process.env, home: homedir() });

/** Key, log and blobs. */
export function defaultDataFolder(around: Surroundings = here()): string {
  const { platform, env, home } = around;
  switch (platform) {
    case 'win32':
      return win32.join(env['APPDATA'] || win32.join(home, 'AppData', 'Roaming'), 'Infernet');
    case 'darwin':
      return posix.join(home, 'Library', 'Application Support', 'Infernet');
    default:
      return posix.join(xdg(env['XDG_DATA_HOME']) ?? posix.join(home, '.local', 'share'), 'infernet');
  }
}

/** Read when no other file is named; need not exist. */
export function defaultConfigFile(around: Surroundings = here()): string {
  const { platform } = around;
  if (platform === 'win32') return win32.join(defaultDataFolder(around), 'node.yaml');
  if (platform === 'darwin') return posix.join(defaultDataFolder(around), 'node.yaml');
  return posix.join(xdgConfigFolder(around), 'infernet', 'node.yaml');
}

/** Where programs of a Linux user keep their settings. */
export function xdgConfigFolder({ env, home }: Surroundings = here()): string {
  return xdg(env['XDG_CONFIG_HOME']) ?? posix.join(home, '.config');
}

/** A path in a configuration: `~/` is the home folder, and what is relative starts at `base`. */
export function resolvePath(path: string, base: string): string {
  if (path === '~' || path.startsWith('~/')) return join(homedir(), path.slice(1));
  return isAbsolute(path) ? path : join(base, path);
}

/** "All paths must be absolute. If an implementation encounters a relative path it should ignore it": XDG base directories. */
function xdg(value: string | undefined): string | null {
  return value !== undefined && posix.isAbsolute(value) ? value : null;
}
