/** The attacks: what the runner is told to do, and how its run must end. */
import { join } from 'node:path';
import { expect } from 'vitest';
import { type Json, z } from '../../../protocol/index.ts';
import { isLoopback, marker, type Surroundings, secret, targetsOf } from './surroundings.ts';
import { type AttemptGroup, notRefused } from './system-calls.ts';

/** Of every template in the suite. */
export const limits = {
  memoryMiB: 160,
  scratchBytes: 8 * 2 ** 20,
  outputBytesMax: 64 * 1024,
  openFilesMax: 200,
  pidsMax: 64,
};
/** Long enough for an attack to be under way, short enough to wait for its end. */
const attackMs = 2_000;
export const honestMs = 60_000;

type Params = Readonly<Record<string, Json>>;
/** Where the runner is. */
export interface Place extends Surroundings {
  /** Of the engine. */
  readonly socketPath: string;
}

export interface Attack {
  readonly params?: Params | ((place: Place) => Params);
  readonly inputs?: readonly Json[];
  /** Where it must have one of its own. */
  readonly template?: string;
  readonly timeoutMs?: number;
  /** How its run ends; or what it could report when nothing worked. */
  readonly ends: { readonly code: string; readonly message?: RegExp } | ((report: unknown) => void);
}

const refusals = z.record(z.string(), z.string());
/** Of a report that names what refused each attempt. */
const allRefused =
  (...allowed: readonly string[]) =>
  (report: unknown): void => {
    const worked = Object.entries(refusals.parse(report)).filter(
      ([name, how]) => how === 'done' && !allowed.includes(name),
    );
    expect(worked).toEqual([]);
  };
const systemCalls = (group: AttemptGroup): Attack => ({
  params: { attack: 'system-calls', group },
  ends: (report) => {
    const { results } = z.object({ results: z.array(z.number()) }).parse(report);
    expect(notRefused(group, results)).toEqual([]);
  },
});
const says = (attack: string, ends: Attack['ends'], more: Partial<Attack> = {}): Attack => ({
  params: { attack },
  ends,
  ...more,
});
const timesOut = { code: 'timeout' } as const;
const broken = (message: RegExp) => ({ code: 'container', message });

export const attacks: Readonly<Record<string, Attack>> = {
  // Resources.
  'a fork bomb': says('fork-bomb', timesOut, { timeoutMs: attackMs }),
  'a memory bomb': says('memory', { code: 'out-of-memory' }, { timeoutMs: honestMs }),
  'a memory bomb in a child': says('child-memory', (report) => expect(report).toEqual({ signal: 'SIGKILL' })),
  // The engine goes on saying that memory ended something in it, whatever ends the runner later.
  'an end after a memory bomb in a child': says(
    'child-memory-then-exit',
    broken(/exit code 7 \(a process of it was ended for memory before\)/),
  ),
  'filling the scratch': says('fill-scratch', (report) => {
    const { bytes, refused, shm } = z
      .object({ bytes: z.number(), refused: z.string(), shm: z.boolean() })
      .parse(report);
    expect(refused).toBe('ENOSPC');
    expect(bytes).toBeLessThanOrEqual(limits.scratchBytes);
    expect(shm).toBe(false);
  }),
  'running a program from the scratch': says('run-from-scratch', (report) =>
    expect(report).toEqual({ refused: 'EACCES' }),
  ),
  'opening files without end': says('open-files', (report) => {
    const { count, refused } = z.object({ count: z.number(), refused: z.string() }).parse(report);
    expect(refused).toBe('EMFILE');
    expect(count).toBeLessThan(limits.openFilesMax);
  }),
  'spinning over its share': {
    params: { attack: 'spin', ms: 700 },
    // One CPU for the two that spin; that the kernel keeps to it is its business, and no timing of ours.
    ends: (report) => expect(report).toEqual({ limit: '100000 100000' }),
  },
  zombies: says('zombies', (report) =>
    expect(z.object({ zombies: z.number() }).parse(report).zombies).toBeGreaterThan(0),
  ),
  'a daemon that outlives its run': {
    params: { attack: 'daemon', marker },
    ends: (report) => expect(report).toEqual({ status: 0, alive: 1 }),
  },
  'a core dump': says('core', (report) =>
    expect(report).toMatchObject({ signal: expect.any(String), left: expect.not.arrayContaining(['core']) }),
  ),

  // The network.
  'TCP to this computer, its gateway and the world': {
    params: ({ tcpPort }) => ({ attack: 'tcp', targets: targetsOf(tcpPort) }),
    ends: allRefused(),
  },
  'UDP to this computer and the world': {
    // What it sends to its own loopback is lost there.
    params: (place) => ({ attack: 'udp', targets: targetsOf(place.udpPort).filter(([host]) => !isLoopback(host)) }),
    ends: allRefused(),
  },
  DNS: says('dns', allRefused()),
  'a gateway': says('gateway', (report) => {
    const { routes, addresses } = z.object({ routes: z.number(), addresses: z.array(z.string()) }).parse(report);
    expect(routes).toBe(0);
    expect(addresses.filter((address) => !isLoopback(address))).toEqual([]);
  }),
  'sockets of this computer, abstract ones and the engine’s': {
    params: (place) => ({ attack: 'unix-sockets', paths: [...place.paths] }),
    ends: allRefused(),
  },
  'raw sockets': systemCalls('sockets'),

  // Files.
  'reading files of this computer': {
    params: (place) => ({
      attack: 'host-files',
      paths: [join(place.folder, 'secret'), '/etc/shadow', '/root/.ssh/id_rsa', '/etc/machine-id', place.socketPath],
    }),
    ends: (report) => expect(report).toEqual({ found: [] }),
  },
  'writing to its root': says('write-root', allRefused()),
  'writing to the model that it was given': says('content', allRefused('read'), { template: 'with-model' }),
  'files of the kernel': says('kernel-files', (report) => {
    const { writes, reads } = z
      .object({ writes: refusals, reads: z.record(z.string(), z.union([z.string(), z.number()])) })
      .parse(report);
    allRefused()(writes);
    for (const [path, got] of Object.entries(reads))
      expect([path, typeof got === 'string' ? 0 : got]).toEqual([path, 0]);
  }),
  'devices, also those in its image': systemCalls('nodes'),
  'a terminal': says('terminal', allRefused()),
  "another job's scratch": {
    params: { attack: 'other-jobs', look: secret },
    ends: (report) => expect(report).toMatchObject({ found: [] }),
  },

  // Privileges.
  'who it is': says('who', (report) => {
    const { uid, gid, groups, status } = z
      .object({
        uid: z.number(),
        gid: z.number(),
        groups: z.array(z.number()),
        status: z.record(z.string(), z.string()),
      })
      .parse(report);
    expect([uid, gid, groups]).toEqual([65534, 65534, [65534]]);
    expect(status).toMatchObject({ Seccomp: '2', NoNewPrivs: '1', CapEff: '0'.repeat(16), CapBnd: '0'.repeat(16) });
  }),
  'programs with the privileges of root': says('become-root', (report) => {
    const one = z.object({ results: z.array(z.number()).optional() });
    const { setuid, capable } = z.object({ setuid: one, capable: one }).parse(report);
    const nothing = [65534, -1, -1, -1, 65534];
    expect(setuid.results).toEqual(nothing);
    // It is not even started where it could not have the rights that its file asks for.
    expect(capable.results ?? nothing).toEqual(nothing);
  }),
  mounting: systemCalls('mounting'),
  'namespaces and chroot': systemCalls('namespaces'),
  'reboot, modules, tracing the kernel': systemCalls('kernel'),
  'clock, name, priority': systemCalls('clock'),
  'becoming root': systemCalls('identity'),
  keyrings: systemCalls('keyring'),
  'processes of others': systemCalls('ptrace'),
  'killing all that it sees': says('kill-all', (report) => expect(report).toEqual({ killed: true })),

  // What it says.
  'progress without end': says('endless-progress', broken(/without/), { timeoutMs: honestMs }),
  'empty lines without end': says('endless-lines', broken(/without/), { timeoutMs: honestMs }),
  'answers to nobody without end': says('endless-others', broken(/without/), { timeoutMs: honestMs }),
  'words to people without end': says('endless-stderr', broken(/without/), { timeoutMs: honestMs }),
  'output without a line’s end': says('endless-bytes', broken(/line of more than/)),
  'a line that is too long': says('no-newline', broken(/line of more than/)),
  'an output without end': says('endless-outputs', broken(/output 0 twice|more than/)),
  'escapes for a terminal': says('escapes', broken(/^[\x20-\x7e\ufffd]+$/)),
  'escapes in an error': says('error-escapes', broken(/^[\x20-\x7e\ufffd]+$/)),
  'escapes in its last words': says('stderr-escapes', broken(/^[\x20-\x7e\ufffd]*exit code 3[\x20-\x7e\ufffd]*$/)),
  'what is no text': says('not-utf8', broken(/no message/)),
  'an output nested deeply': says('deep', broken(/no message|line of more than/)),
  'objects nested deeply': says('deep-words', broken(/no message|line of more than/)),
  'a number beyond all numbers': says('huge-number', broken(/no message/)),
  'an output of very many keys': says('many-keys', broken(/line of more than|more than/), {}),
  'keys that reach for prototypes': says('prototype', () => {
    expect(Object.hasOwn(Object.prototype, 'polluted')).toBe(false);
  }),
  'an output that is a path': {
    params: { attack: 'path-output', text: '../../../../etc/cron.d/x\0\n' },
    ends: (report) => expect(report).toBe('../../../../etc/cron.d/x\0\n'),
  },
  'outputs after the end': says('after-done', (report) => expect(report).toBe('first')),
  "answers for others' runs": says('for-others', (report) => expect(report).toBe('own')),
  'an end without outputs': says('done-at-once', broken(/said done after 0 outputs/)),

  // What it does not do.
  silence: says('silence', timesOut, { timeoutMs: attackMs }),
  'no answer to the first word': says('silence', timesOut, { template: 'deaf', timeoutMs: attackMs }),
  'a closed output': says('close-stdout', timesOut, { timeoutMs: attackMs }),
  'input that it does not read': says('silence', timesOut, {
    template: 'unread',
    timeoutMs: attackMs,
    inputs: ['x'.repeat(4 * 2 ** 20)],
  }),
  'an exit that looks like memory': { params: { attack: 'exit', code: 137 }, ends: { code: 'container' } },
  'an exit that looks like success': { params: { attack: 'exit', code: 0 }, ends: broken(/exit code 0/) },
  'a crash': says('abort', broken(/ended by SIG|exit code/)),

  // Its image.
  'an image that loads code into others': says('honest', broken(/LD_PRELOAD/), { template: 'preload' }),
  'an image that asks for a volume': says('honest', broken(/volumes: \/data/), { template: 'volume' }),
};

/** Templates of their own, beside those that anything runs in. */
export const ofItsOwn = ['preload', 'volume', 'deaf', 'unread', 'with-model', 'vault'] as const;
/** What the Dockerfile of each has besides. */
export const dockerfileLines: Readonly<Record<string, readonly string[]>> = {
  preload: ['ENV LD_PRELOAD=/hostile/x.so'],
  volume: ['VOLUME /data'],
  deaf: ['ENV HOSTILE_LOAD=deaf'],
  unread: ['ENV HOSTILE_LOAD=unread'],
};
