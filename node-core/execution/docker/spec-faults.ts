/**
 * Holds a created container against what was asked for. An engine that is too old, is another program, or was set up
 * otherwise leaves things out without a word, and an image adds its own: so nothing is started that was not looked at.
 */
import { z } from '../../protocol/index.ts';
import type { ContainerSpec } from './container-spec.ts';
import { environmentFaults, nameOf } from './environment.ts';

const text = z.string().nullish();
const list = z.array(z.string()).nullish();
const flag = z.boolean().nullish();
const number = z.number().nullish();
const anything = z.array(z.unknown()).nullish();

/** The part of the engine's answer that we look at. What engines have besides is theirs. */
const Inspected = z.object({
  Image: z.string(),
  AppArmorProfile: text,
  Config: z.object({
    Image: text,
    Hostname: text,
    User: text,
    Env: list,
    Labels: z.record(z.string(), z.string()).nullish(),
    Entrypoint: list,
    Cmd: list,
    OpenStdin: flag,
    StdinOnce: flag,
    Tty: flag,
    Healthcheck: z.object({ Test: list }).nullish(),
    StopSignal: text,
    StopTimeout: number,
    Volumes: z.record(z.string(), z.unknown()).nullish(),
  }),
  HostConfig: z.object({
    NetworkMode: text,
    ReadonlyRootfs: flag,
    Tmpfs: z.record(z.string(), z.string()).nullish(),
    Privileged: flag,
    CapAdd: list,
    CapDrop: list,
    SecurityOpt: list,
    MaskedPaths: list,
    ReadonlyPaths: list,
    PidsLimit: number,
    Memory: number,
    MemorySwap: number,
    OomKillDisable: flag,
    OomScoreAdj: number,
    NanoCpus: number,
    CpuQuota: number,
    CpuPeriod: number,
    Ulimits: z.array(z.object({ Name: z.string(), Soft: z.number(), Hard: z.number() })).nullish(),
    LogConfig: z.object({ Type: z.string() }).nullish(),
    Devices: anything,
    DeviceCgroupRules: list,
    DeviceRequests: z.array(z.object({ Count: number, DeviceIDs: list })).nullish(),
    IpcMode: text,
    PidMode: text,
    UTSMode: text,
    UsernsMode: text,
    CgroupnsMode: text,
    Cgroup: text,
    CgroupParent: text,
    GroupAdd: list,
    Sysctls: z.record(z.string(), z.string()).nullish(),
    VolumesFrom: list,
    Links: list,
    PortBindings: z.record(z.string(), z.unknown()).nullish(),
    PublishAllPorts: flag,
    RestartPolicy: z.object({ Name: z.string() }).nullish(),
    AutoRemove: flag,
  }),
  Mounts: z
    .array(z.object({ Type: text, Source: text, Destination: z.string(), RW: z.boolean(), Propagation: text }))
    .nullish(),
  NetworkSettings: z.object({ Networks: z.record(z.string(), z.unknown()).nullish() }).nullish(),
});
type Inspected = z.infer<typeof Inspected>;

/**
 * @param inspected the engine's answer to `inspect`, before the container is started.
 * @returns what is not as it was asked for, for people; nothing may be started while there is anything.
 */
export function specFaults(spec: ContainerSpec, inspected: unknown): string[] {
  const parsed = Inspected.safeParse(inspected);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    return [
      `the engine describes the container in a form that we do not know: ${issue?.path.join('.')} ${issue?.message}`,
    ];
  }
  return [
    ...programFaults(spec, parsed.data),
    ...privilegeFaults(spec, parsed.data),
    ...limitFaults(spec, parsed.data),
    ...mountFaults(spec, parsed.data),
  ];
}

function programFaults(spec: ContainerSpec, { Image, Config: config, HostConfig: host }: Inspected): string[] {
  const { faults, check } = gather();
  if (spec.Image.startsWith('sha256:')) {
    check(withoutPrefix(Image) === withoutPrefix(spec.Image), `the image is ${Image}, not ${spec.Image}`);
  } else {
    // Which id a repository's digest has is the engine's to know; that it took this digest can be seen.
    check(digestOf(config.Image) === digestOf(spec.Image), `the image is ${config.Image}, not ${spec.Image}`);
  }
  check(config.Hostname === spec.Hostname, `the host name is ${config.Hostname}`);
  if (spec.Entrypoint !== undefined) {
    check(sameList(config.Entrypoint ?? [], spec.Entrypoint), 'the command is another');
    check((config.Cmd ?? []).length === 0, 'the command has arguments of the image');
  }
  check(config.OpenStdin === true && config.StdinOnce === true, 'standard input does not end with our side of it');
  check(config.Tty !== true, 'it has a terminal');
  const health = config.Healthcheck?.Test ?? [];
  check(health.length === 0 || sameList(health, ['NONE']), 'it has a health check');
  check(isSignal(config.StopSignal, spec.StopSignal), `it is stopped by ${config.StopSignal}`);
  check(isUnsaid(config.StopTimeout) || config.StopTimeout === spec.StopTimeout, 'it has another time to stop');
  check((host.RestartPolicy?.Name || 'no') === 'no', `it is restarted: ${host.RestartPolicy?.Name}`);
  check(host.AutoRemove !== true, 'it is removed before its end can be read');
  check(host.LogConfig?.Type === 'none', `what it writes is kept by log driver ${host.LogConfig?.Type}`);

  const env = config.Env ?? [];
  faults.push(...environmentFaults(env, 'the image'));
  const ours = new Map(spec.Env.map((entry) => [nameOf(entry), entry]));
  for (const entry of ours.values()) check(env.includes(entry), `${nameOf(entry)} is not set`);
  for (const entry of env) {
    const wanted = ours.get(nameOf(entry));
    check(wanted === undefined || wanted === entry, `${nameOf(entry)} is set otherwise too`);
  }

  const labels = config.Labels ?? {};
  for (const [label, value] of Object.entries(spec.Labels)) check(labels[label] === value, `label ${label} is missing`);
  return faults;
}

/** Podman lists what is dropped one by one: these are all that it gives by default. */
const defaultCapabilities = [
  'CHOWN',
  'DAC_OVERRIDE',
  'FOWNER',
  'FSETID',
  'KILL',
  'NET_BIND_SERVICE',
  'SETFCAP',
  'SETGID',
  'SETPCAP',
  'SETUID',
  'SYS_CHROOT',
];

function privilegeFaults(spec: ContainerSpec, inspected: Inspected): string[] {
  const { Config: config, HostConfig: host, NetworkSettings: network } = inspected;
  const { faults, check } = gather();

  check(config.User === spec.User, `it runs as user ${JSON.stringify(config.User)}, not ${spec.User}`);
  check((host.GroupAdd ?? []).length === 0, `it is in groups ${host.GroupAdd?.join(', ')}`);
  check(host.Privileged !== true, 'it is privileged');
  check((host.CapAdd ?? []).length === 0, `it has capabilities ${host.CapAdd?.join(', ')}`);
  const dropped = (host.CapDrop ?? []).map((name) => name.toUpperCase().replace(/^CAP_/, ''));
  check(
    dropped.includes('ALL') || defaultCapabilities.every((name) => dropped.includes(name)),
    'capabilities are not dropped',
  );
  const options = (host.SecurityOpt ?? []).map((option) => option.replace(/[:=]true$/, ''));
  for (const option of spec.HostConfig.SecurityOpt)
    check(options.includes(option), `it has no ${nameOf(option)} of ours`);
  const foreign = options.filter((option) => !spec.HostConfig.SecurityOpt.includes(option));
  check(
    foreign.length === 0,
    `it has other security options: ${foreign.map((option) => option.slice(0, 100)).join(', ')}`,
  );
  check(inspected.AppArmorProfile !== 'unconfined', 'AppArmor is switched off for it');
  const hides = (paths: readonly string[] | null | undefined, path: string): boolean =>
    isUnsaid(paths) ? isSilentEngine(spec) : paths.includes(path);
  check(hides(host.MaskedPaths, '/proc/kcore'), 'the kernel is not masked in /proc');
  check(hides(host.ReadonlyPaths, '/proc/sys'), '/proc/sys is not read-only');

  check(host.NetworkMode === 'none', `its network is ${JSON.stringify(host.NetworkMode)}`);
  const networks = Object.keys(network?.Networks ?? {}).filter((name) => name !== 'none');
  check(networks.length === 0, `it is in networks ${networks.join(', ')}`);
  check(Object.keys(host.PortBindings ?? {}).length === 0 && host.PublishAllPorts !== true, 'it publishes ports');
  check((host.Links ?? []).length === 0, 'it is linked to other containers');
  check(host.IpcMode === 'none', `its shared memory is ${JSON.stringify(host.IpcMode)}`);
  check(isOwn(host.PidMode), `its processes are those of ${host.PidMode}`);
  check(isOwn(host.UTSMode), `its host name is that of ${host.UTSMode}`);
  check(host.UsernsMode !== 'host', 'the user mapping of the engine is switched off for it');
  check(host.CgroupnsMode === 'private', `its cgroup namespace is ${JSON.stringify(host.CgroupnsMode)}`);
  check(isOwn(host.Cgroup), `its cgroup is that of ${host.Cgroup}`);
  check(
    isSilentEngine(spec) || (host.CgroupParent ?? '') === '',
    `its limits stand below those of ${host.CgroupParent}, which are not ours`,
  );
  check(Object.keys(host.Sysctls ?? {}).length === 0, 'it changes settings of the kernel');

  check((host.Devices ?? []).length === 0, 'it has devices');
  check((host.DeviceCgroupRules ?? []).length === 0, 'it may use devices');
  const asked = spec.HostConfig.DeviceRequests.flatMap(({ DeviceIDs }) => DeviceIDs);
  const given = (host.DeviceRequests ?? []).flatMap(({ DeviceIDs, Count }) => [
    ...(DeviceIDs ?? []),
    ...((Count ?? 0) === 0 ? [] : [`${Count} of any kind`]),
  ]);
  check(sameList([...given].sort(), [...asked].sort()), `it has GPUs ${given.join(', ') || 'none'}`);
  return faults;
}

function limitFaults(spec: ContainerSpec, { HostConfig: host }: Inspected): string[] {
  const { faults, check } = gather();
  const wanted = spec.HostConfig;
  check(host.PidsLimit === wanted.PidsLimit, `its limit of processes is ${host.PidsLimit}`);
  check(host.Memory === wanted.Memory, `its memory is ${host.Memory} bytes`);
  check(host.MemorySwap === wanted.MemorySwap, `its memory with swap is ${host.MemorySwap} bytes`);
  check(host.OomKillDisable !== true, 'it is not ended when its memory is used up');
  check(isUnsaid(host.OomScoreAdj) || host.OomScoreAdj >= wanted.OomScoreAdj, 'it is spared when memory is short');
  const quota =
    (host.CpuQuota ?? 0) > 0 && (host.CpuPeriod ?? 0) > 0 ? (host.CpuQuota ?? 0) / (host.CpuPeriod ?? 1) : 0;
  const cpus = (host.NanoCpus ?? 0) > 0 ? (host.NanoCpus ?? 0) : quota * 1e9;
  // Podman keeps it as microseconds in a tenth of a second.
  check(Math.abs(cpus - wanted.NanoCpus) <= 20_000, `its CPUs are ${cpus / 1e9}`);
  for (const { Name, Soft, Hard } of wanted.Ulimits) {
    const given = host.Ulimits?.find((limit) => withoutRlimit(limit.Name) === Name);
    check(given?.Soft === Soft && given.Hard === Hard, `its limit ${Name} is ${given?.Hard ?? 'the engine’s own'}`);
  }
  return faults;
}

/** Where engines in a virtual machine see the computer's own files. */
const hostPrefixes = ['', '/host_mnt', '/run/desktop/mnt/host'];

function mountFaults(spec: ContainerSpec, { Config: config, HostConfig: host, Mounts: mounts }: Inspected): string[] {
  const { faults, check } = gather();
  const wanted = spec.HostConfig;

  check(host.ReadonlyRootfs === true, 'its root can be written');
  const given = host.Tmpfs ?? {};
  for (const [target, options] of Object.entries(wanted.Tmpfs)) {
    const asked = options.split(',');
    const has = new Set((given[target] ?? '').split(','));
    const missing = asked.filter((option) => option !== 'rw' && !has.has(option));
    check(missing.length === 0, `its scratch ${target} is without ${missing.join(', ')}`);
    // The kernel takes the last word of each kind.
    const kinds = new Set(asked.map(kindOf));
    const against = [...has].filter((option) => kinds.has(kindOf(option)) && !asked.includes(option));
    check(against.length === 0, `its scratch ${target} is ${against.join(', ')}`);
  }
  const others = Object.keys(given).filter((target) => !Object.hasOwn(wanted.Tmpfs, target));
  check(others.length === 0, `it can write to ${others.join(', ')}`);

  // A volume is disk without a limit, which stays when the container is gone.
  const volumes = Object.keys(config.Volumes ?? {});
  check(volumes.length === 0, `the image asks for volumes: ${volumes.join(', ')}`);
  check((host.VolumesFrom ?? []).length === 0, 'it has the volumes of other containers');
  for (const { Type, Source, Destination, RW, Propagation } of mounts ?? []) {
    if (Type === 'tmpfs' && Object.hasOwn(wanted.Tmpfs, Destination)) continue;
    const asked = wanted.Mounts.find(({ Target }) => Target === Destination);
    check(asked !== undefined && Type === 'bind', `${Source} of this computer is in it at ${Destination}`);
    check(!RW, `${Destination} can be written`);
    check(['', 'private', 'rprivate'].includes(Propagation ?? ''), `mounts below ${Destination} are ${Propagation}`);
    if (asked === undefined) continue;
    const source = asked.Source.replace(/^([A-Za-z]):/, (_, drive: string) => `/${drive.toLowerCase()}`).replaceAll(
      '\\',
      '/',
    );
    check(
      Source === asked.Source || hostPrefixes.some((prefix) => Source === prefix + source),
      `${Destination} is ${Source}, not ${asked.Source}`,
    );
  }
  for (const { Target } of wanted.Mounts) {
    check(mounts?.some(({ Destination }) => Destination === Target) === true, `${Target} is not mounted`);
  }
  return faults;
}

function gather() {
  const faults: string[] = [];
  const check = (ok: boolean, fault: string): void => {
    if (!ok) faults.push(fault);
  };
  return { faults, check };
}

/**
 * Podman takes no list of system calls by its API, so a spec without one is a spec for Podman; it does not tell which paths
 * it hides either, and puts each container below a slice of its user.
 */
const isSilentEngine = (spec: ContainerSpec): boolean =>
  !spec.HostConfig.SecurityOpt.some((option) => option.startsWith('seccomp='));
/** `exec` speaks of the same as `noexec`, and `size=1` as `size=2`; `ro` as `rw`. */
const kindOf = (option: string): string => (option === 'ro' ? 'rw' : nameOf(option).replace(/^no/, ''));
const digestOf = (image: string | null | undefined): string | undefined => image?.split('@').at(-1);
const isUnsaid = (value: unknown): value is null | undefined => value === null || value === undefined;
const isOwn = (mode: string | null | undefined): boolean => isUnsaid(mode) || ['', 'private'].includes(mode);
const withoutPrefix = (id: string): string => id.replace(/^sha256:/, '');
const withoutRlimit = (name: string): string => name.toLowerCase().replace(/^rlimit_/, '');
const sameList = (a: readonly string[], b: readonly string[]): boolean =>
  a.length === b.length && a.every((item, at) => item === b[at]);
const isSignal = (given: string | null | undefined, wanted: string): boolean =>
  isUnsaid(given) || given === wanted || given === '9';
