import { expect, test } from 'vitest';
import { type ContainerRequest, containerSpecOf, SpecRefused } from './container-spec.ts';

const id = `sha256:${'a'.repeat(64)}`;
const request: ContainerRequest = {
  image: id,
  labels: { 'network.infernet.node': 'n1' },
  mounts: [{ source: '/data/models/m.gguf', target: '/models/m.gguf' }],
  memoryBytes: 64 * 2 ** 20,
  cpus: 0.5,
  pidsMax: 32,
  scratchBytes: 2 ** 20,
  openFilesMax: 256,
  gpus: [],
  env: { LANG: 'C.UTF-8' },
};

test('what keeps a runner in its place is in the specification', () => {
  const spec = containerSpecOf(request);
  expect(spec).toMatchObject({ Image: id, User: '65534:65534', Tty: false, StdinOnce: true });
  expect(spec.HostConfig).toMatchObject({
    NetworkMode: 'none',
    ReadonlyRootfs: true,
    Tmpfs: { '/tmp': 'rw,noexec,nosuid,nodev,size=1048576,mode=1777,uid=65534,gid=65534' },
    CapDrop: ['ALL'],
    SecurityOpt: ['no-new-privileges', expect.stringMatching(/^seccomp=\{/)],
    PidsLimit: 32,
    Memory: 67_108_864,
    MemorySwap: 67_108_864,
    NanoCpus: 500_000_000,
    IpcMode: 'none',
    LogConfig: { Type: 'none' },
    DeviceRequests: [],
  });
  expect(spec.HostConfig.Mounts).toEqual([
    {
      Type: 'bind',
      Source: '/data/models/m.gguf',
      Target: '/models/m.gguf',
      ReadOnly: true,
      BindOptions: { Propagation: 'private', NonRecursive: true },
    },
  ]);
});

test('a command stands in for the entry point, and the image adds no arguments to it', () => {
  expect(containerSpecOf(request)).not.toHaveProperty('Entrypoint');
  expect(containerSpecOf({ ...request, command: ['/node', 'x.mjs'] })).toMatchObject({
    Entrypoint: ['/node', 'x.mjs'],
    Cmd: [],
  });
});

test('GPUs are given by id, and an image cannot ask for more', () => {
  expect(containerSpecOf(request).Env).toContain('NVIDIA_VISIBLE_DEVICES=void');
  const spec = containerSpecOf({ ...request, gpus: ['GPU-1'], env: { NVIDIA_VISIBLE_DEVICES: 'all' } });
  expect(spec.Env).toContain('NVIDIA_VISIBLE_DEVICES=GPU-1');
  expect(spec.Env).not.toContain('NVIDIA_VISIBLE_DEVICES=all');
  expect(spec.HostConfig.DeviceRequests).toEqual([
    { Driver: 'nvidia', Count: 0, DeviceIDs: ['GPU-1'], Capabilities: [['gpu', 'compute', 'utility']] },
  ]);
});

test('an image may be named by the digest of its repository', () => {
  const image = `registry.example:5000/a/b@${id}`;
  expect(containerSpecOf({ ...request, image }).Image).toBe(image);
});

const mount = (source: string, target: string): Partial<ContainerRequest> => ({ mounts: [{ source, target }] });

test.each<[string, Partial<ContainerRequest>, RegExp]>([
  ['a tag', { image: 'debian:bookworm' }, /neither by id nor by digest/],
  ['a short id', { image: 'sha256:abc' }, /neither by id nor by digest/],
  ['a tag with a digest after a space', { image: `debian ${id}` }, /neither by id nor by digest/],
  ['the whole computer', mount('/', '/host'), /cannot be given/],
  ["the engine's socket", mount('/var/run/docker.sock', '/s'), /cannot be given/],
  ["the engine's socket by its other name", mount('/run/docker.sock', '/s'), /cannot be given/],
  ['devices', mount('/dev', '/d'), /cannot be given/],
  ['the kernel', mount('/proc/1/root', '/d'), /cannot be given/],
  ['a way up', mount('/data/../etc', '/d'), /cannot be given/],
  ['a relative path', mount('data', '/d'), /cannot be given/],
  ['a target over the root', mount('/data', '/'), /nothing can be mounted/],
  ['a target over /proc', mount('/data', '/proc/sys'), /nothing can be mounted/],
  ['a target with a way up', mount('/data', '/a/../etc'), /nothing can be mounted/],
  [
    'a target twice',
    {
      mounts: [
        { source: '/a', target: '/m' },
        { source: '/b', target: '/m' },
      ],
    },
    /same target/,
  ],
  ['no limit of memory', { memoryBytes: 0 }, /memoryBytes/],
  ['half a byte', { scratchBytes: 1.5 }, /scratchBytes/],
  ['no limit of processes', { pidsMax: -1 }, /pidsMax/],
  ['no limit of files', { openFilesMax: 0 }, /openFilesMax/],
  ['no limit of CPU', { cpus: 0 }, /cpus/],
  ['a CPU that is no number', { cpus: Number.NaN }, /cpus/],
  ['all GPUs', { gpus: ['all'] }, /no single GPU/],
  ['two GPUs in one', { gpus: ['0,1'] }, /no single GPU/],
  ['a foreign label', { labels: { maintainer: 'x' } }, /not ours/],
  ['a loader', { env: { LD_PRELOAD: '/tmp/x.so' } }, /LD_PRELOAD/],
  ["Node's options", { env: { NODE_OPTIONS: '--require /tmp/x.js' } }, /NODE_OPTIONS/],
  ['a variable without a name', { env: { '': 'x' } }, /name is none/],
  ['an empty command', { command: [] }, /empty/],
])('no container is made of %s', (_, change, reason) => {
  const make = () => containerSpecOf({ ...request, ...change });
  expect(make).toThrow(SpecRefused);
  expect(make).toThrow(reason);
});

test('where an engine takes no list of system calls its own holds', () => {
  expect(containerSpecOf({ ...request, systemCalls: "the engine's" }).HostConfig.SecurityOpt).toEqual([
    'no-new-privileges',
  ]);
});
