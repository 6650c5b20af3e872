/**
 * Where a container engine may be, by the rules that its own command line has: `DOCKER_HOST`, then the chosen context,
 * then the usual sockets: Docker's, a rootless one, Docker Desktop's, Podman's that speaks the same.
 */
import { createHash } from 'node:crypto';
import { access, readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { z } from '../../protocol/index.ts';
import { messageOf, systemCodeOf } from '../fault.ts';

/** A socket, or a named pipe on Windows. */
export interface EnginePlace {
  readonly socketPath: string;
  /** Somebody named it: that nothing is there is worth a word. */
  readonly isNamed: boolean;
}

export interface EnginePlaces {
  /** The preferred first. */
  readonly places: readonly EnginePlace[];
  /** What was named and cannot be used, for people. */
  readonly problems: readonly string[];
}

type Environment = Readonly<Record<string, string | undefined>>;

export interface Surroundings {
  readonly env: Environment;
  readonly home: string;
  readonly platform: NodeJS.Platform;
}

const ConfigFile = z.object({ currentContext: z.string().optional() });
const ContextMeta = z.object({ Endpoints: z.object({ docker: z.object({ Host: z.string() }) }) });
const windowsPipe = '//./pipe/docker_engine';

export const surroundings = (env: Environment = process.env): Surroundings => ({
  env,
  home: env['HOME'] ?? homedir(),
  platform: process.platform,
});

export async function enginePlaces(around: Surroundings): Promise<EnginePlaces> {
  const { env } = around;
  const host = env['DOCKER_HOST'];
  if (host !== undefined && host !== '') return named(host, 'DOCKER_HOST');
  try {
    const context = await contextHost(around);
    if (context !== null) return named(context.host, `the context ${context.name}`);
  } catch (error) {
    return { places: [], problems: [`the chosen context of Docker cannot be read: ${messageOf(error)}`] };
  }
  return { places: usualSockets(around).map((socketPath) => ({ socketPath, isNamed: false })), problems: [] };
}

/** Whether something is at a place, whatever it is. */
export async function isThere({ socketPath }: EnginePlace): Promise<boolean> {
  if (process.platform === 'win32') return true;
  return access(socketPath).then(
    () => true,
    (error: unknown) => systemCodeOf(error) !== 'ENOENT' && systemCodeOf(error) !== 'ENOTDIR',
  );
}

function named(host: string, by: string): EnginePlaces {
  const socketPath = /^(?:unix|npipe):\/\/(?<path>.+)$/.exec(host)?.groups?.['path'];
  if (socketPath !== undefined) return { places: [{ socketPath, isNamed: true }], problems: [] };
  // Models are mounted from this computer's disk, and what speaks over TCP may be anywhere.
  const problem = `${by} is ${host}: only an engine of this computer can be used (unix://…, or npipe://… on Windows)`;
  return { places: [], problems: [problem] };
}

/** @returns null for the default one, which is the usual sockets. */
async function contextHost({ env, home }: Surroundings): Promise<{ name: string; host: string } | null> {
  const folder = env['DOCKER_CONFIG'] ?? join(home, '.docker');
  const name = env['DOCKER_CONTEXT'] || (await currentContext(join(folder, 'config.json')));
  if (name === undefined || name === '' || name === 'default') return null;
  const digest = createHash('sha256').update(name).digest('hex');
  const meta = await readFile(join(folder, 'contexts', 'meta', digest, 'meta.json'), 'utf8');
  return { name, host: ContextMeta.parse(JSON.parse(meta)).Endpoints.docker.Host };
}

async function currentContext(path: string): Promise<string | undefined> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if (systemCodeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
  return ConfigFile.parse(JSON.parse(text)).currentContext;
}

function usualSockets({ env, home, platform }: Surroundings): string[] {
  if (platform === 'win32') return [windowsPipe, '//./pipe/podman-machine-default'];
  const runtime = env['XDG_RUNTIME_DIR'];
  return [
    '/var/run/docker.sock',
    ...(runtime === undefined ? [] : [join(runtime, 'docker.sock')]),
    join(home, '.docker', 'run', 'docker.sock'),
    join(home, '.docker', 'desktop', 'docker.sock'),
    ...(runtime === undefined ? [] : [join(runtime, 'podman', 'podman.sock')]),
    '/run/podman/podman.sock',
    ...(platform === 'darwin' ? [join(home, '.local/share/containers/podman/machine/podman.sock')] : []),
  ];
}
