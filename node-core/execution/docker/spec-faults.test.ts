import { expect, test } from 'vitest';
import { type ContainerRequest, type ContainerSpec, containerSpecOf } from './container-spec.ts';
import { specFaults } from './spec-faults.ts';

const id = `sha256:${'a'.repeat(64)}`;
const request: ContainerRequest = {
  image: id,
  labels: { 'network.infernet.node': 'n1' },
  mounts: [{ source: '/data/m.gguf', target: '/models/m.gguf' }],
  memoryBytes: 64 * 2 ** 20,
  cpus: 0.5,
  pidsMax: 32,
  scratchBytes: 2 ** 20,
  openFilesMax: 256,
  gpus: [],
  command: ['/node'],
  env: {},
};
const spec = containerSpecOf(request);

/** As Docker 20.10 answers; the isolation suite shows that it does. */
function dockers(of: ContainerSpec) {
  return {
    Image: id,
    AppArmorProfile: '',
    Config: { ...of, Env: [...of.Env, 'PATH=/bin'], Volumes: null },
    HostConfig: {
      ...of.HostConfig,
      MaskedPaths: ['/proc/acpi', '/proc/kcore'],
      ReadonlyPaths: ['/proc/bus', '/proc/sys'],
      CpuQuota: 0,
      CpuPeriod: 0,
      PidMode: '',
      UTSMode: '',
      UsernsMode: '',
      Cgroup: '',
      ShmSize: 67_108_864,
      ConsoleSize: [0, 0],
    },
    Mounts: [
      { Type: 'bind', Source: '/data/m.gguf', Destination: '/models/m.gguf', RW: false, Propagation: 'private' },
    ],
    NetworkSettings: { Networks: { none: {} } },
  };
}

const host = (change: object) => {
  const answer = dockers(spec);
  return { ...answer, HostConfig: { ...answer.HostConfig, ...change } };
};
const [nofile, core] = spec.HostConfig.Ulimits;
const scratch = (more: string) => host({ Tmpfs: { '/tmp': `${spec.HostConfig.Tmpfs['/tmp']},${more}` } });
const config = (change: object) => {
  const answer = dockers(spec);
  return { ...answer, Config: { ...answer.Config, ...change } };
};
const bound = (change: object) => {
  const answer = dockers(spec);
  return { ...answer, Mounts: [{ ...answer.Mounts[0], ...change }] };
};

test('a container as it was asked for has no fault', () => {
  expect(specFaults(spec, dockers(spec))).toEqual([]);
});

test("neither has one in Podman's words", () => {
  const podmanSpec = containerSpecOf({ ...request, systemCalls: "the engine's" });
  const podmans = host({
    SecurityOpt: podmanSpec.HostConfig.SecurityOpt,
    CgroupParent: 'user.slice',
    CapDrop:
      'CAP_CHOWN CAP_DAC_OVERRIDE CAP_FOWNER CAP_FSETID CAP_KILL CAP_NET_BIND_SERVICE CAP_SETFCAP CAP_SETGID CAP_SETPCAP CAP_SETUID CAP_SYS_CHROOT'.split(
        ' ',
      ),
    NanoCpus: 0,
    CpuQuota: 50_000,
    CpuPeriod: 100_000,
    Ulimits: [
      { Name: 'RLIMIT_NOFILE', Soft: 256, Hard: 256 },
      { Name: 'RLIMIT_CORE', Soft: 0, Hard: 0 },
    ],
    MaskedPaths: undefined,
    ReadonlyPaths: undefined,
    UTSMode: 'private',
    PidMode: 'private',
  });
  expect(specFaults(podmanSpec, { ...podmans, Image: 'a'.repeat(64) })).toEqual([]);
});

test.each<[string, unknown, RegExp]>([
  ['another form', { State: {} }, /form that we do not know/],
  ['another image', { ...dockers(spec), Image: `sha256:${'b'.repeat(64)}` }, /the image is/],
  ['another user', config({ User: '' }), /runs as user ""/],
  ['a terminal', config({ Tty: true }), /terminal/],
  ['input that stays open', config({ StdinOnce: false }), /standard input/],
  ['another command', config({ Entrypoint: ['/sh'] }), /command/],
  ['arguments of the image', config({ Cmd: ['-x'] }), /arguments of the image/],
  ['a health check of the image', config({ Healthcheck: { Test: ['CMD', 'x'] } }), /health check/],
  ['a loader in the image', config({ Env: [...spec.Env, 'LD_PRELOAD=/x.so'] }), /the image sets LD_PRELOAD/],
  ['a variable that is missing', config({ Env: spec.Env.slice(1) }), /HOME is not set/],
  ['a variable twice', config({ Env: [...spec.Env, 'NVIDIA_VISIBLE_DEVICES=all'] }), /NVIDIA_VISIBLE_DEVICES/],
  ['a volume of the image', config({ Volumes: { '/data': {} } }), /volumes: \/data/],
  ['a label of the image in place of ours', config({ Labels: { 'network.infernet.node': 'x' } }), /label network/],
  ['a label that is missing', config({ Labels: {} }), /label network.infernet.node is missing/],
  ['another host name', config({ Hostname: 'abc' }), /host name/],
  ['no input', config({ OpenStdin: false }), /standard input/],
  ['another time to stop', config({ StopTimeout: 600 }), /another time to stop/],
  ['another stop signal', config({ StopSignal: 'SIGSTOP' }), /stopped by SIGSTOP/],
  ['a network', host({ NetworkMode: 'default' }), /network/],
  ["the host's network", host({ NetworkMode: 'host' }), /network/],
  ['a second network', { ...dockers(spec), NetworkSettings: { Networks: { none: {}, x: {} } } }, /networks x/],
  ['published ports', host({ PortBindings: { '80/tcp': [] } }), /ports/],
  ['ports of the image', host({ PublishAllPorts: true }), /publishes ports/],
  ['links', host({ Links: ['/x:/y'] }), /linked to other/],
  ["another container's cgroup", host({ Cgroup: 'container:x' }), /cgroup is that of container:x/],
  ['a cgroup of somebody', host({ CgroupParent: '/system.slice' }), /below those of \/system.slice/],
  ['a root that can be written', host({ ReadonlyRootfs: false }), /root can be written/],
  ['scratch without a size', host({ Tmpfs: { '/tmp': 'rw,noexec,nosuid,nodev,mode=1777' } }), /without size=1048576/],
  ['scratch that runs programs', host({ Tmpfs: { '/tmp': 'rw,nosuid,nodev,size=1048576,mode=1777' } }), /noexec/],
  ['scratch that runs programs after all', scratch('exec'), /^its scratch \/tmp is exec$/],
  ['scratch with other owners', scratch('suid'), /^its scratch \/tmp is suid$/],
  ['scratch with devices', scratch('dev'), /^its scratch \/tmp is dev$/],
  ['scratch of two sizes', scratch('size=99999999'), /^its scratch \/tmp is size=99999999$/],
  ['scratch that cannot be written', scratch('ro'), /^its scratch \/tmp is ro$/],
  ['more scratch', host({ Tmpfs: { ...spec.HostConfig.Tmpfs, '/x': '' } }), /write to \/x/],
  ['privileges', host({ Privileged: true }), /privileged/],
  ['a capability', host({ CapAdd: ['SYS_ADMIN'] }), /SYS_ADMIN/],
  ['capabilities not dropped', host({ CapDrop: ['CHOWN'] }), /not dropped/],
  ['new privileges', host({ SecurityOpt: spec.HostConfig.SecurityOpt.slice(1) }), /no no-new-privileges/],
  ["the engine's list of system calls", host({ SecurityOpt: ['no-new-privileges'] }), /no seccomp of ours/],
  ['no seccomp', host({ SecurityOpt: ['no-new-privileges', 'seccomp=unconfined'] }), /seccomp=unconfined/],
  ['no AppArmor', { ...dockers(spec), AppArmorProfile: 'unconfined' }, /AppArmor/],
  ['a kernel that is not masked', host({ MaskedPaths: [] }), /^the kernel is not masked in \/proc$/],
  ['a kernel of which Docker does not say so', host({ MaskedPaths: null }), /^the kernel is not masked in \/proc$/],
  ['settings that can be written', host({ ReadonlyPaths: [] }), /^\/proc\/sys is not read-only$/],
  ['settings of which Docker does not say so', host({ ReadonlyPaths: null }), /^\/proc\/sys is not read-only$/],
  ['no limit of processes', host({ PidsLimit: null }), /processes is null/],
  ['no limit of memory', host({ Memory: 0 }), /memory is 0/],
  ['swap', host({ MemorySwap: -1 }), /swap is -1/],
  ['no end at its limit', host({ OomKillDisable: true }), /not ended/],
  ['no limit of CPU', host({ NanoCpus: 0 }), /CPUs are 0/],
  ['no limit of files', host({ Ulimits: [core] }), /^its limit nofile is the engine’s own$/],
  ['a higher limit of files', host({ Ulimits: [{ ...nofile, Hard: 1024 }, core] }), /^its limit nofile is 1024$/],
  ['no limit of core dumps', host({ Ulimits: [nofile] }), /^its limit core is the engine’s own$/],
  ['core dumps', host({ Ulimits: [nofile, { ...core, Soft: 9, Hard: 9 }] }), /^its limit core is 9$/],
  ['one that is spared', host({ OomScoreAdj: -1000 }), /spared when memory is short/],
  ['a log', host({ LogConfig: { Type: 'json-file' } }), /log driver json-file/],
  ['a device', host({ Devices: [{ PathOnHost: '/dev/kvm' }] }), /has devices/],
  ['a device by rule', host({ DeviceCgroupRules: ['a *:* rwm'] }), /may use devices/],
  ['a GPU', host({ DeviceRequests: [{ Count: 0, DeviceIDs: ['0'] }] }), /GPUs 0/],
  ['all GPUs', host({ DeviceRequests: [{ Count: -1, DeviceIDs: null }] }), /-1 of any kind/],
  ['shared memory', host({ IpcMode: 'host' }), /shared memory/],
  ["the host's processes", host({ PidMode: 'host' }), /processes are those of host/],
  ["another container's processes", host({ PidMode: 'container:x' }), /container:x/],
  ["the host's name", host({ UTSMode: 'host' }), /host name is that of/],
  ['no user mapping', host({ UsernsMode: 'host' }), /user mapping/],
  ["the host's cgroups", host({ CgroupnsMode: 'host' }), /cgroup namespace/],
  ['groups', host({ GroupAdd: ['0'] }), /groups 0/],
  ['settings of the kernel', host({ Sysctls: { 'net.x': '1' } }), /settings of the kernel/],
  ['a restart', host({ RestartPolicy: { Name: 'always' } }), /restarted/],
  ['removal by itself', host({ AutoRemove: true }), /removed before/],
  ["others' volumes", host({ VolumesFrom: ['x'] }), /volumes of other/],
  ['a mount that can be written', bound({ RW: true }), /can be written/],
  ['a mount that spreads', bound({ Propagation: 'shared' }), /shared/],
  ['another source', bound({ Source: '/etc/shadow' }), /is \/etc\/shadow/],
  ['another mount', bound({ Destination: '/x' }), /of this computer is in it at \/x/],
  ['a missing mount', { ...dockers(spec), Mounts: [] }, /\/models\/m.gguf is not mounted/],
])('%s is found', (_, answer, reason) => {
  expect(specFaults(spec, answer).join('\n')).toMatch(reason);
});

test('an image by the digest of its repository is known by that digest', () => {
  const digest = `sha256:${'c'.repeat(64)}`;
  const named = containerSpecOf({ ...request, image: `example.org/x@${digest}` });
  const answer = dockers(named);
  expect(specFaults(named, answer)).toEqual([]);
  // An engine may write the name in full.
  expect(specFaults(named, { ...answer, Config: { ...answer.Config, Image: `docker.io/x@${digest}` } })).toEqual([]);
  for (const Image of [`example.org/x@${id}`, 'example.org/x:latest', null]) {
    expect(specFaults(named, { ...answer, Config: { ...answer.Config, Image } }).join()).toMatch(/^the image is/);
  }
});

test('engines in a virtual machine see our files below a folder of theirs', () => {
  expect(specFaults(spec, bound({ Source: '/host_mnt/data/m.gguf' }))).toEqual([]);
  expect(specFaults(spec, bound({ Source: '/etc/data/m.gguf' }))).not.toEqual([]);
});

test('GPUs that were asked for are no fault, others are', () => {
  const gpus = { ...spec, HostConfig: { ...spec.HostConfig, DeviceRequests: [] } };
  const asked = containerSpecOf({
    image: id,
    labels: {},
    mounts: [],
    memoryBytes: 64 * 2 ** 20,
    cpus: 1,
    pidsMax: 8,
    scratchBytes: 1,
    openFilesMax: 64,
    gpus: ['GPU-1'],
    env: {},
  });
  const answer = { ...dockers(asked), Mounts: [] };
  expect(specFaults(asked, answer)).toEqual([]);
  expect(
    specFaults(
      { ...asked, HostConfig: { ...asked.HostConfig, DeviceRequests: gpus.HostConfig.DeviceRequests } },
      answer,
    ),
  ).toEqual(['it has GPUs GPU-1']);
});
