/**
 * A container engine for tests: a daemon of its own on its own socket and data, without any network, so that nothing of
 * this computer's is touched and it may be killed. Root and `dockerd` are needed: `requires('container-engine')`.
 *
 *     const engine = await startTestEngine();
 *     const image = await engine.nodeImage();
 *     await buildRunnerImage(engine, { template: id, runner: text, builtImages: file });
 *     await engine.stop();
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, readFile, realpath, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import type Docker from 'dockerode';
import { pack } from 'tar-stream';
import { type Cid, z } from '../../protocol/index.ts';
import { noteBuilt } from './built-images.ts';
import { clientAt } from './engine-call.ts';
import { templateLabel } from './template-images.ts';

const run = promisify(execFile);
const startMsMax = 30_000;
const stopMsMax = 30_000;
const pollMs = 20;
const logCharsKept = 4_000;

export interface TestEngine {
  readonly docker: Docker;
  readonly socketPath: string;
  readonly pid: number;
  /** For whoever looks for an engine by the usual rules. */
  readonly env: { readonly DOCKER_HOST: string };
  /** As a crash would: what it runs is left alone. */
  kill(): Promise<void>;
  start(): Promise<void>;
  /** Ends it with all that it runs, and removes its folder. */
  stop(): Promise<void>;
  /** Id of an image with Node and nothing else. */
  nodeImage(): Promise<string>;
  /** Builds an image of such files on another; its Dockerfile's `FROM` is written here. @returns its id. */
  build(base: string, files: Readonly<Record<string, string>>, lines: readonly string[]): Promise<string>;
}

/** @param dataFolder where its images and containers lie, in place of its own folder: for a disk that is full. */
export async function startTestEngine({ dataFolder }: { dataFolder?: string } = {}): Promise<TestEngine> {
  const folder = await mkdtemp(join(tmpdir(), 'ifn-dk-'));
  const socketPath = join(folder, 'docker.sock');
  const docker = await clientAt(socketPath);
  let child: ChildProcess | null = null;
  let nodeImageId: Promise<string> | null = null;

  const start = async (): Promise<void> => {
    let log = '';
    child = spawn(
      'setpriv',
      [
        // Ends with us, also when we are killed.
        ...['--pdeathsig', 'TERM', 'dockerd'],
        ...['--host', `unix://${socketPath}`],
        ...['--data-root', dataFolder ?? join(folder, 'data')],
        ...['--exec-root', join(folder, 'exec')],
        ...['--pidfile', join(folder, 'docker.pid')],
        ...['--config-file', join(folder, 'daemon.json')],
        ...['--bridge=none', '--iptables=false', '--ip-forward=false', '--log-level=error'],
      ],
      { stdio: ['ignore', 'ignore', 'pipe'] },
    );
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      log = `${log}${text}`.slice(-logCharsKept);
    });
    for (const until = performance.now() + startMsMax; performance.now() < until; await sleep(pollMs)) {
      if (child.exitCode !== null) break;
      const answers = await docker.ping().then(
        () => true,
        () => false,
      );
      if (answers) return;
    }
    throw new Error(`dockerd did not come up\n${log}`);
  };
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    const ending = child;
    if (ending === null) return;
    child = null;
    if (ending.exitCode !== null || ending.signalCode !== null) return;
    const exited = new Promise((resolve) => ending.once('exit', resolve));
    const late = setTimeout(() => ending.kill('SIGKILL'), stopMsMax);
    ending.kill(signal);
    await exited;
    clearTimeout(late);
  };

  await writeFile(join(folder, 'daemon.json'), '{}');
  await start();
  return {
    docker,
    socketPath,
    get pid() {
      // Never 0: a signal to that is one to ourselves.
      if (child?.pid === undefined) throw new Error('the daemon does not run');
      return child.pid;
    },
    env: { DOCKER_HOST: `unix://${socketPath}` },
    async kill() {
      await end('SIGKILL');
      await containerdGone(join(folder, 'exec', 'containerd', 'containerd.pid'));
    },
    start,
    async stop() {
      // One that was killed has left its containers behind; the next one of the same folder ends them.
      if (child === null) await start();
      await removeContainers(docker);
      await end('SIGTERM');
      await unmountBelow(folder);
      await rm(folder, { recursive: true, force: true, maxRetries: 3 });
    },
    nodeImage() {
      nodeImageId ??= importNode(docker);
      return nodeImageId;
    },
    build: (base, files, lines) => build(docker, base, files, lines),
  };
}

export interface RunnerImage {
  readonly template: Cid;
  /** Text of its program. */
  readonly runner: string;
  /** Where it is noted that it was built here. */
  readonly builtImages: string;
  /** Of its Dockerfile, in addition. */
  readonly lines?: readonly string[];
}

/** An image of a template whose runner is one file. @returns its id. */
export async function buildRunnerImage(
  engine: TestEngine,
  { template, runner, builtImages, lines = [] }: RunnerImage,
): Promise<string> {
  const image = await engine.build(await engine.nodeImage(), { 'runner.mjs': runner }, [
    `LABEL ${templateLabel}=${template}`,
    ...lines,
    'COPY runner.mjs /runner.mjs',
    'ENTRYPOINT ["/usr/local/bin/node", "/runner.mjs"]',
  ]);
  await noteBuilt(builtImages, template, image);
  // Who watches the engine hears of it.
  await engine.docker.getImage(image).tag({ repo: 'infernet/test', tag: template.slice(-12) });
  return image;
}

/** It dies with its daemon, but later; a daemon that finds it alive waits for it in vain. */
async function containerdGone(pidFile: string): Promise<void> {
  const pid = Number(await readFile(pidFile, 'utf8').catch(() => ''));
  if (pid === 0) return;
  try {
    for (const until = performance.now() + stopMsMax; performance.now() < until; await sleep(pollMs)) {
      process.kill(pid, 'SIGKILL');
      // One that nobody has waited for yet still has its number.
      if (/^State:\s+Z/m.test(await readFile(`/proc/${pid}/status`, 'utf8'))) break;
    }
  } catch {
    // It is gone.
  }
  await rm(pidFile, { force: true });
}

/** Of a daemon that was killed. */
async function unmountBelow(folder: string): Promise<void> {
  const mounts = (await readFile('/proc/self/mounts', 'utf8')).split('\n').map((line) => line.split(' ')[1] ?? '');
  for (const path of mounts.filter((mount) => mount.startsWith(`${folder}/`)).reverse()) {
    await run('umount', ['--lazy', path]).catch(() => undefined);
  }
}

async function removeContainers(docker: Docker): Promise<void> {
  const left = await docker.listContainers({ all: true });
  await Promise.all(left.map(({ Id }) => docker.getContainer(Id).remove({ force: true })));
}

/** Kept from one test run to the next: it changes with Node only. */
async function nodeRoot(): Promise<string> {
  const cache = join(tmpdir(), 'infernet-test-cache');
  const node = await realpath(process.execPath);
  const path = join(cache, `node-1777-${process.version}-${process.arch}.tar`);
  if (existsSync(path)) return path;
  await mkdir(cache, { recursive: true });
  const { stdout } = await run('ldd', [node]);
  const libraries = [...stdout.matchAll(/(?:=> |^\s+)(\/\S+) \(0x/gm)].flatMap(([, library]) => library ?? []);
  const made = await mkdtemp(join(cache, 'making-'));
  const root = join(made, 'root');
  for (const folder of ['usr/local/bin', 'tmp', 'proc', 'sys', 'dev', 'etc', 'models']) {
    await mkdir(join(root, folder), { recursive: true });
  }
  await chmod(join(root, 'tmp'), 0o1777);
  await run('cp', ['--dereference', node, join(root, 'usr/local/bin/node')]);
  await run('cp', ['--dereference', '--parents', ...libraries, root]);
  await run('tar', ['-C', root, '-cf', join(made, 'root.tar'), '.']);
  // Two that make it at once make the same.
  await rename(join(made, 'root.tar'), path);
  await rm(made, { recursive: true, force: true });
  return path;
}

async function importNode(docker: Docker): Promise<string> {
  const path = await nodeRoot();
  const { promise, resolve, reject } = Promise.withResolvers<NodeJS.ReadableStream | undefined>();
  docker.importImage(path, { changes: 'ENV PATH=/usr/local/bin' }, (error: unknown, answer) =>
    error ? reject(error) : resolve(answer),
  );
  return lastId(await textOf(await promise));
}

async function build(
  docker: Docker,
  base: string,
  files: Readonly<Record<string, string>>,
  lines: readonly string[],
): Promise<string> {
  const context = pack();
  for (const [name, text] of Object.entries(files)) context.entry({ name, mode: 0o644 }, text);
  context.entry({ name: 'Dockerfile' }, [`FROM ${base}`, ...lines, ''].join('\n'));
  context.finalize();
  const answer = await textOf(await docker.buildImage(Readable.from(context), { rm: true, forcerm: true }));
  return lastId(answer);
}

async function textOf(answer: NodeJS.ReadableStream | undefined): Promise<string> {
  let text = '';
  if (answer === undefined) return text;
  for await (const chunk of answer) text += String(chunk);
  return text;
}

const Line = z.object({
  error: z.string().optional(),
  status: z.string().optional(),
  aux: z.object({ ID: z.string() }).optional(),
});

/** Of the image that a build or an import made. @throws Error with what the engine said. */
export function lastId(answer: string): string {
  const lines = answer.split('\n').filter((line) => line.trim() !== '');
  const said = lines.map((line) => Line.parse(JSON.parse(line)));
  const id = said.flatMap(({ aux, status }) => aux?.ID ?? (/^sha256:/.test(status ?? '') ? (status ?? '') : [])).at(-1);
  if (id === undefined) throw new Error(`the engine made no image: ${answer.slice(-logCharsKept)}`);
  return id;
}
