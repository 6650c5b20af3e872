/**
 * What a runner's container is created with. Everything that keeps a stranger's program in its place is here, and
 * nowhere else; `spec-faults.ts` holds the created container against it, since engines ignore what they do not know.
 * Why each line is there: docs/isolation.md.
 *
 *     const spec = containerSpecOf(request);
 *     const container = await engine.createContainer(spec);
 *     const faults = specFaults(spec, await container.inspect());
 *     if (faults.length === 0) await container.start();
 */
import { environmentFaults } from './environment.ts';
import { seccompProfile } from './seccomp.ts';

export interface ContainerRequest {
  /** Image id (`sha256:…`) or `name@sha256:…`. A tag may name another image tomorrow, and is refused. */
  readonly image: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Files or folders of this computer, always read-only. What is mounted below a folder is not seen. */
  readonly mounts: readonly ContainerMount[];
  /** Of all its processes, with scratch; there is no swap. */
  readonly memoryBytes: number;
  readonly cpus: number;
  /** Processes and threads. */
  readonly pidsMax: number;
  /** Of the one place where it can write. */
  readonly scratchBytes: number;
  /** Of one process. An engine cannot raise its own limit, so this must not be above it. */
  readonly openFilesMax: number;
  /** Device ids; empty for none. */
  readonly gpus: readonly string[];
  /** Program and arguments; default: the image's entry point. */
  readonly command?: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Whose list of system calls holds. Default: ours. Podman takes none by its API, so its own must do. */
  readonly systemCalls?: 'ours' | "the engine's";
}

export interface ContainerMount {
  readonly source: string;
  readonly target: string;
}

/** Labels that say whose a container is begin so; where an image brings one too, ours holds. */
export const labelPrefix = 'network.infernet.';

/** Where a runner can write. In memory: it is gone with the container and counts as its memory. */
export const scratchFolder = '/tmp';

/** `nobody` and `nogroup` by number, so that the image's own list of users has no say. */
const userId = 65534;
const user = `${userId}:${userId}`;

/** A request that must not become a container. */
export class SpecRefused extends Error {
  constructor(faults: readonly string[]) {
    super(`no container is made of this: ${faults.join('; ')}`);
    this.name = 'SpecRefused';
  }
}

export type ContainerSpec = ReturnType<typeof containerSpecOf>;

/** @throws SpecRefused */
export function containerSpecOf(request: ContainerRequest) {
  const env = environmentOf(request);
  const faults = [...requestFaults(request), ...environmentFaults(env, 'the request')];
  if (faults.length > 0) throw new SpecRefused(faults);
  const { command, gpus, memoryBytes, openFilesMax } = request;
  return {
    Image: request.image,
    // The same in every container, since an output must not depend on where it was made.
    Hostname: 'runner',
    User: user,
    Env: env,
    Labels: { ...request.labels },
    ...(command === undefined ? {} : { Entrypoint: [...command], Cmd: [] as string[] }),
    AttachStdin: true,
    AttachStdout: true,
    AttachStderr: true,
    OpenStdin: true,
    // The end of our side of the pipe is the end of its input: so it notices that we are gone.
    StdinOnce: true,
    Tty: false,
    NetworkDisabled: true,
    Healthcheck: { Test: ['NONE'] },
    // Nothing that a runner could do after a polite signal is wanted of it.
    StopSignal: 'SIGKILL',
    StopTimeout: 1,
    HostConfig: {
      NetworkMode: 'none',
      ReadonlyRootfs: true,
      Tmpfs: { [scratchFolder]: scratchOptions(request.scratchBytes) },
      Mounts: request.mounts.map(({ source, target }) => ({
        Type: 'bind' as const,
        Source: source,
        Target: target,
        ReadOnly: true,
        // Read-only does not reach what is mounted below the source, so that is left out.
        BindOptions: { Propagation: 'private' as const, NonRecursive: true },
      })),
      Privileged: false,
      CapAdd: [] as string[],
      CapDrop: ['ALL'],
      // Engines that filter no system calls are refused by `engine-faults.ts`: they would leave ours out, too.
      SecurityOpt: [
        'no-new-privileges',
        ...(request.systemCalls === "the engine's" ? [] : [`seccomp=${seccompProfile}`]),
      ],
      PidsLimit: request.pidsMax,
      Memory: memoryBytes,
      // Together with memory: none besides.
      MemorySwap: memoryBytes,
      OomKillDisable: false,
      // When the computer itself runs out of memory, jobs go first.
      OomScoreAdj: 500,
      NanoCpus: Math.round(request.cpus * 1e9),
      Ulimits: [
        { Name: 'nofile', Soft: openFilesMax, Hard: openFilesMax },
        { Name: 'core', Soft: 0, Hard: 0 },
      ],
      LogConfig: { Type: 'none', Config: {} },
      Devices: [] as { PathOnHost: string; PathInContainer: string; CgroupPermissions: string }[],
      DeviceRequests:
        gpus.length === 0
          ? []
          : [{ Driver: 'nvidia', Count: 0, DeviceIDs: [...gpus], Capabilities: [['gpu', 'compute', 'utility']] }],
      IpcMode: 'none',
      CgroupnsMode: 'private' as const,
      RestartPolicy: { Name: 'no', MaximumRetryCount: 0 },
      // How it ended is read first.
      AutoRemove: false,
    },
  };
}

/** The runner's own: runc gives it the mode that the image's folder has, whatever is said here. */
function scratchOptions(bytes: number): string {
  return `rw,noexec,nosuid,nodev,size=${bytes},mode=1777,uid=${userId},gid=${userId}`;
}

function environmentOf({ env, gpus }: ContainerRequest): string[] {
  const entries: Record<string, string> = {
    HOME: scratchFolder,
    TMPDIR: scratchFolder,
    ...env,
    // Where NVIDIA's is the default runtime, an image gets all GPUs by saying so in its environment: this overrides it.
    NVIDIA_VISIBLE_DEVICES: gpus.length === 0 ? 'void' : gpus.join(','),
  };
  return Object.entries(entries).map(([key, value]) => `${key}=${value}`);
}

const pinned = /^([^\s@]+@)?sha256:[0-9a-f]{64}$/;
/** Below these are the kernel, devices, and sockets of services such as the engine's own. */
const neverSources = /^\/(proc|sys|dev|run|var\/run)?(\/|$)/;
const neverTargets = /^\/(proc|sys|dev|tmp)?(\/|$)/;
/** Engines ask for as much. */
const memoryBytesMin = 6 * 2 ** 20;

function requestFaults(request: ContainerRequest): string[] {
  const { image, mounts, labels, gpus, command } = request;
  const faults: string[] = [];
  if (!pinned.test(image)) faults.push(`image ${JSON.stringify(image)} is named neither by id nor by digest`);
  for (const { source, target } of mounts) {
    if (!isPlainPath(source.replace(/^[A-Za-z]:/, '').replaceAll('\\', '/')) || neverSources.test(source)) {
      faults.push(`${JSON.stringify(source)} cannot be given to a container`);
    }
    if (!isPlainPath(target) || neverTargets.test(target)) {
      faults.push(`nothing can be mounted at ${JSON.stringify(target)}`);
    }
  }
  const targets = mounts.map(({ target }) => target);
  if (new Set(targets).size < targets.length) faults.push('two mounts have the same target');
  for (const label of Object.keys(labels)) {
    if (!label.startsWith(labelPrefix)) faults.push(`label ${JSON.stringify(label)} is not ours`);
  }
  const numbers = [
    ['memoryBytes', request.memoryBytes, memoryBytesMin],
    ['scratchBytes', request.scratchBytes, 1],
    ['pidsMax', request.pidsMax, 1],
    ['openFilesMax', request.openFilesMax, 16],
  ] as const;
  for (const [name, value, min] of numbers) {
    // Zero and less mean "no limit" to engines.
    if (!Number.isSafeInteger(value) || value < min)
      faults.push(`${name} is ${value}, and no whole number from ${min}`);
  }
  if (!(request.cpus >= 0.01 && request.cpus <= 1024)) faults.push(`cpus is ${request.cpus}`);
  for (const gpu of gpus) {
    if (!/^[\w.:-]{1,128}$/.test(gpu) || gpu === 'all') faults.push(`${JSON.stringify(gpu)} names no single GPU`);
  }
  if (command?.length === 0) faults.push('the command is empty');
  return faults;
}

/** Absolute, and leads where it says. */
function isPlainPath(path: string): boolean {
  const parts = path.split('/');
  return (
    parts.length > 1 &&
    parts[0] === '' &&
    parts.slice(1).every((part) => part !== '' && part !== '.' && part !== '..') &&
    !path.includes('\0')
  );
}
