/** A runner that wants out, in as many ways as `params.attack` can name. Speaks the runner contract. */
import { spawn, spawnSync } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { lookup } from 'node:dns/promises';
import * as fs from 'node:fs';
import { connect } from 'node:net';
import { networkInterfaces } from 'node:os';
import { createInterface } from 'node:readline';

const scratch = '/tmp';
const programs = '/hostile';
let model = '';
/** @param {unknown} message */
const say = (message) => process.stdout.write(`${JSON.stringify(message)}\n`);
const raw = (/** @type {string | Buffer} */ bytes) => process.stdout.write(bytes);
const never = () => new Promise(() => setInterval(() => undefined, 1e6));

/** The name of what refused, or `done`. @param {() => unknown} what */
async function attempt(what) {
  try {
    await what();
    return 'done';
  } catch (error) {
    return error?.code ?? String(error?.message ?? error);
  }
}

/** @param {Record<string, () => unknown>} all */
async function attemptAll(all) {
  /** @type {Record<string, string>} */
  const results = {};
  for (const [name, what] of Object.entries(all)) results[name] = await attempt(what);
  return results;
}

/** System calls of a group. @param {string} group */
function systemCalls(group) {
  const { stdout, error, signal } = spawnSync(`${programs}/${group}`, { maxBuffer: 65536 });
  if (error || signal) return { error: String(error ?? signal) };
  const results = [];
  for (let at = 0; at + 8 <= stdout.length; at += 8) results.push(Number(stdout.readBigInt64LE(at)));
  return { results };
}

/** @param {number} port @param {string} host */
const reachTcp = (port, host) =>
  new Promise((resolve, reject) => {
    const socket = connect({ port, host, timeout: 500 });
    socket.once('connect', () => resolve(socket.destroy()));
    socket.once('timeout', () => reject(new Error('silence')));
    socket.once('error', reject);
  });
/** @param {string} path */
const reachUnix = (path) =>
  new Promise((resolve, reject) => {
    const socket = connect({ path });
    socket.once('connect', () => resolve(socket.destroy()));
    socket.once('error', reject);
  });
/** @param {number} port @param {string} host */
const sendUdp = (port, host) =>
  new Promise((resolve, reject) => {
    const socket = createSocket(host.includes(':') ? 'udp6' : 'udp4');
    socket.once('error', reject);
    socket.send('infernet', port, host, (error) => {
      socket.close();
      if (error) reject(error);
      else resolve(undefined);
    });
  });

const write = (/** @type {string} */ path, /** @type {string} */ text) => () => fs.writeFileSync(path, text);

/** Attacks that end in a report. @type {Record<string, (params: any, inputs: any[]) => unknown>} */
const reports = {
  honest: (_params, inputs) => inputs,
  'system-calls': ({ group }) => systemCalls(group),

  who: () => ({
    uid: process.getuid(),
    gid: process.getgid(),
    groups: process.getgroups(),
    pid: process.pid,
    status: Object.fromEntries(
      [...fs.readFileSync('/proc/self/status', 'utf8').matchAll(/^(\w+):\t(.*)$/gm)].map(([, k, v]) => [k, v]),
    ),
  }),
  // What they return: geteuid, setuid 0, mount, a raw socket, geteuid.
  'become-root': () => ({ setuid: systemCalls('setuid-root'), capable: systemCalls('capable') }),

  tcp: ({ targets }) =>
    attemptAll(Object.fromEntries(targets.map(([host, port]) => [`${host}:${port}`, () => reachTcp(port, host)]))),
  udp: ({ targets }) =>
    attemptAll(Object.fromEntries(targets.map(([host, port]) => [`${host}:${port}`, () => sendUdp(port, host)]))),
  dns: () => attemptAll({ lookup: () => lookup('example.com'), local: () => lookup('host.docker.internal') }),
  gateway: async () => ({
    routes: fs.readFileSync('/proc/net/route', 'utf8').trim().split('\n').length - 1,
    addresses: Object.values(networkInterfaces())
      .flat()
      .map((one) => one?.address),
  }),
  'unix-sockets': ({ paths }) =>
    attemptAll(Object.fromEntries(paths.map((path) => [path.replace('\0', '@'), () => reachUnix(path)]))),

  'host-files': ({ paths }) => {
    const found = [];
    for (const path of paths) {
      for (const root of ['', '/proc/1/root', '/proc/1/cwd', '/../../../../..', '/proc/self/task/1/root']) {
        try {
          found.push([root + path, fs.readFileSync(root + path, 'utf8').slice(0, 100)]);
        } catch {
          // as it should be
        }
      }
    }
    return { found };
  },
  'write-root': () =>
    attemptAll({
      open: write('/open/x', 'x'),
      root: write('/x', 'x'),
      etc: write('/etc/passwd', 'root::0:0::/:/bin/sh'),
      program: write('/usr/local/bin/node', 'x'),
      dev: write('/dev/x', 'x'),
      shm: write('/dev/shm/x', 'x'),
      run: write('/run/x', 'x'),
      remove: () => fs.rmSync('/open', { recursive: true }),
      mode: () => fs.chmodSync('/open', 0o700),
      link: () => fs.symlinkSync('/etc/shadow', '/open/link'),
    }),
  content: () =>
    attemptAll({
      read: () => fs.closeSync(fs.openSync(model, 'r')),
      write: write(model, 'poison'),
      append: () => fs.appendFileSync(model, 'poison'),
      add: write(`${model}.new`, 'x'),
      remove: () => fs.rmSync(model),
      replace: () => fs.renameSync(model, `${model}.old`),
      mode: () => fs.chmodSync(model, 0o777),
      truncate: () => fs.truncateSync(model),
    }),
  'kernel-files': async () => ({
    writes: await attemptAll({
      core: write('/proc/sys/kernel/core_pattern', '|/tmp/x'),
      modprobe: write('/proc/sys/kernel/modprobe', '/tmp/x'),
      sysrq: write('/proc/sysrq-trigger', 'h'),
      hotplug: write('/sys/kernel/uevent_helper', '/tmp/x'),
      'spared by the OOM killer': write('/proc/self/oom_score_adj', '-1000'),
      mapping: write('/proc/self/uid_map', '0 0 1'),
      release: write('/sys/fs/cgroup/memory/release_agent', '/tmp/x'),
      'own limit (v1)': write('/sys/fs/cgroup/memory/memory.limit_in_bytes', '-1'),
      'own limit (v2)': write('/sys/fs/cgroup/memory.max', 'max'),
      processes: write('/sys/fs/cgroup/pids/pids.max', 'max'),
      power: write('/sys/power/state', 'mem'),
      forwarding: write('/proc/sys/net/ipv4/ip_forward', '1'),
    }),
    reads: Object.fromEntries(
      [
        '/proc/kcore',
        '/proc/keys',
        '/proc/timer_list',
        '/proc/latency_stats',
        '/proc/sched_debug',
        '/proc/kmsg',
        '/sys/firmware',
        '/proc/scsi',
      ].map((path) => [path, readLength(path)]),
    ),
  }),
  'other-jobs': ({ leave, look }) => {
    if (leave) fs.writeFileSync(`${scratch}/secret`, leave);
    const found = [];
    for (const pid of fs.readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
      for (const path of [`/proc/${pid}/root${scratch}/secret`, `${scratch}/secret`]) {
        try {
          if (fs.readFileSync(path, 'utf8') === look) found.push(path);
        } catch {
          // as it should be
        }
      }
    }
    return { found, processes: fs.readdirSync('/proc').filter((name) => /^\d+$/.test(name)).length };
  },
  terminal: () =>
    attemptAll({
      tty: () => fs.openSync('/dev/tty', 'r+'),
      console: () => fs.openSync('/dev/console', 'r+'),
    }),

  'fill-scratch': () => {
    const chunk = Buffer.alloc(1 << 20, 1);
    const file = fs.openSync(`${scratch}/big`, 'w');
    let bytes = 0;
    let refused = 'nothing';
    try {
      for (; bytes < 4 * 2 ** 30; ) bytes += fs.writeSync(file, chunk);
    } catch (error) {
      refused = error.code;
    }
    fs.closeSync(file);
    fs.rmSync(`${scratch}/big`);
    return { bytes, refused, shm: fs.existsSync('/dev/shm') };
  },
  'fill-inodes': () => {
    let files = 0;
    let refused = 'nothing';
    try {
      for (; files < 5e6; files++) fs.writeFileSync(`${scratch}/${files}`, '');
    } catch (error) {
      refused = error.code;
    }
    return { files, refused };
  },
  'run-from-scratch': () => {
    fs.copyFileSync(`${programs}/mounting`, `${scratch}/program`);
    fs.chmodSync(`${scratch}/program`, 0o755);
    return { refused: spawnSync(`${scratch}/program`).error?.code ?? 'nothing' };
  },
  'open-files': () => {
    const open = [];
    let refused = 'nothing';
    try {
      for (; open.length < 1e6; ) open.push(fs.openSync('/proc/self/status'));
    } catch (error) {
      refused = error.code;
    }
    const count = open.length;
    for (const file of open) fs.closeSync(file);
    return { count, refused };
  },
  zombies: () => {
    spawnSync(`${programs}/zombies`);
    const states = fs
      .readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .map((pid) => /^State:\t(\w)/m.exec(fs.readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);
    return { zombies: states.filter((state) => state === 'Z').length };
  },
  daemon: ({ marker }) => {
    const { status } = spawnSync(`${programs}/daemon`, [marker], { stdio: 'ignore' });
    const alive = fs
      .readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .filter((pid) => fs.readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(marker)).length;
    return { status, alive };
  },
  'kill-all': () => {
    spawnSync(`${programs}/daemon`, [], { stdio: 'ignore' });
    return { killed: process.kill(-1, 'SIGKILL') };
  },
  'child-memory': () => {
    const { signal } = spawnSync(process.execPath, ['-e', 'const k=[];for(;;)k.push(Buffer.alloc(1<<22,1))']);
    return { signal };
  },
  'child-memory-then-exit': () => {
    spawnSync(process.execPath, ['-e', 'const k=[];for(;;)k.push(Buffer.alloc(1<<22,1))']);
    process.exit(7);
  },
  spin: async ({ ms }) => {
    const children = [0, 1].map(() =>
      spawn(process.execPath, [
        '-e',
        `setTimeout(()=>process.exit(),${ms});(function f(){for(let i=0;i<1e6;i++);setImmediate(f)})()`,
      ]),
    );
    await Promise.all(children.map((child) => new Promise((resolve) => child.once('exit', resolve))));
    const read = (/** @type {string} */ path) => fs.readFileSync(`/sys/fs/cgroup/${path}`, 'utf8').trim();
    if (fs.existsSync('/sys/fs/cgroup/cpu.max')) return { limit: read('cpu.max') };
    return { limit: `${read('cpu/cpu.cfs_quota_us')} ${read('cpu/cpu.cfs_period_us')}` };
  },
  core: () => {
    const { signal } = spawnSync(process.execPath, ['-e', 'process.abort()'], { cwd: scratch });
    return { signal, left: fs.readdirSync(scratch) };
  },
};

/** @param {string} path */
function readLength(path) {
  try {
    const file = fs.statSync(path).isDirectory() ? fs.readdirSync(path) : readSome(path);
    return file.length;
  } catch (error) {
    return error.code;
  }
}
/** @param {string} path */
function readSome(path) {
  const file = fs.openSync(path, fs.constants.O_RDONLY | fs.constants.O_NONBLOCK);
  return Buffer.alloc(fs.readSync(file, Buffer.alloc(64)));
}

const deep = (/** @type {number} */ levels) => '['.repeat(levels) + ']'.repeat(levels);
const output = (/** @type {string} */ id, /** @type {string} */ json) =>
  raw(`{"type":"output","id":${JSON.stringify(id)},"index":0,"output":${json}}\n`);
/** @param {() => string | Buffer} next @param {NodeJS.WriteStream} stream */
async function forEver(next, stream = process.stdout) {
  for (;;) if (!stream.write(next())) await new Promise((resolve) => stream.once('drain', () => resolve(undefined)));
}

/** Attacks on the one who reads. @type {Record<string, (id: string, params: any) => unknown>} */
const words = {
  'endless-progress': (id) =>
    forEver(() => `{"type":"progress","id":${JSON.stringify(id)},"itemsDone":1}\n`.repeat(500)),
  'endless-lines': () => forEver(() => '\n'.repeat(65536)),
  'endless-stderr': () => forEver(() => 'x'.repeat(65536), process.stderr),
  'endless-bytes': () => forEver(() => 'x'.repeat(65536)),
  'endless-outputs': (id) =>
    forEver(() => `{"type":"output","id":${JSON.stringify(id)},"index":0,"output":"${'y'.repeat(1000)}"}\n`),
  'endless-others': () => forEver(() => '{"type":"output","id":"1000000","index":0,"output":"x"}\n'.repeat(500)),
  'no-newline': () => raw('x'.repeat(1 << 20)),
  escapes: () => raw('\x1b]0;owned\x07\x1b[2J\x9b31m\u202egnihtemos\n'),
  'error-escapes': (id) => say({ type: 'error', id, code: 'container', message: '\x1b[2J\x9b31mowned\u202e' }),
  'stderr-escapes': () => {
    process.stderr.write('\x1b[2J\x9b31mowned\u202e\n', () => process.exit(3));
  },
  'not-utf8': () => raw(Buffer.from([0x7b, 0xff, 0xfe, 0x7d, 0x0a])),
  deep: (id) => output(id, deep(50_000)),
  'deep-words': (id) => output(id, `${'{"a":'.repeat(20_000)}1${'}'.repeat(20_000)}`),
  'huge-number': (id) => output(id, `1e${'9'.repeat(50)}`),
  'many-keys': (id) => output(id, `{${Array.from({ length: 9000 }, (_, at) => `"${at}":0`).join()}}`),
  prototype: (id) => {
    output(id, '{"__proto__":{"polluted":true},"constructor":{"prototype":{"polluted":true}},"text":"x"}');
    say({ type: 'done', id });
  },
  'path-output': (id, { text }) => {
    output(id, JSON.stringify(text));
    say({ type: 'done', id });
  },
  'after-done': (id) => {
    output(id, '"first"');
    say({ type: 'done', id });
    output(id, '"second"');
    say({ type: 'done', id });
    say({ type: 'error', id, code: 'bad-input', message: 'too late' });
  },
  'for-others': (id) => {
    for (let at = 0; at < 50; at++)
      if (String(at) !== id) {
        output(String(at), '"forged"');
        say({ type: 'done', id: String(at) });
      }
    output(id, '"own"');
    say({ type: 'done', id });
  },
  'done-at-once': (id) => say({ type: 'done', id }),
  silence: never,
  'close-stdout': () => {
    fs.closeSync(1);
    return never();
  },
  exit: (_id, { code }) => process.exit(code),
  abort: () => process.abort(),
  'fork-bomb': () => {
    spawn(`${programs}/fork-bomb`, [], { stdio: 'ignore' }).on('error', () => undefined);
    return never();
  },
  memory: () => {
    const kept = [];
    for (;;) kept.push(Buffer.alloc(1 << 22, 1));
  },
};

/** @param {any} message */
async function run({ id, params, inputs }) {
  const { attack } = params;
  if (words[attack] !== undefined) return words[attack](id, params);
  const report = await reports[attack]?.(params, inputs);
  for (const index of inputs.keys()) say({ type: 'output', id, index, output: report });
  say({ type: 'done', id });
}

const atLoad = process.env['HOSTILE_LOAD'] ?? '';
if (atLoad === 'unread') say({ type: 'ready' });
if (atLoad !== '') await never();
for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP']) process.on(signal, () => undefined);
createInterface({ input: process.stdin }).on('line', (line) => {
  const message = JSON.parse(line);
  if (message.type === 'load') {
    model = message.model;
    say({ type: 'ready' });
  }
  if (message.type === 'run') {
    if (message.params.attack === 'deaf') process.stdin.pause();
    void run(message).catch((error) =>
      say({ type: 'error', id: message.id, code: 'internal', message: String(error) }),
    );
  }
  // `cancel` and `stop` are not for it.
});
