/** System calls that no runner has a use for, by what they are good for. Each is one that would work as root on the host. */
import { type Argument, type Call, programOf } from './machine-code.ts';

interface Attempt extends Call {
  readonly name: string;
  /** Errors by which it may be refused, of those that say "not you"; and others where that is how it is refused. */
  readonly errors: readonly number[];
}

const perm = 1;
const noEntry = 2;
const noProcess = 3;
const denied = 13;
const noSystemCall = 38;
const noFamily = 97;

const text = (value: string): Uint8Array => Buffer.from(`${value}\0`);
const space = new Uint8Array(256);
const here = -100;

const attempt = (name: string, number: number, args: readonly Argument[], errors: readonly number[] = []): Attempt => ({
  name,
  number,
  args,
  errors: [perm, denied, ...errors],
});

const newUser = 0x10000000;
const newMount = 0x00020000;
const newNetwork = 0x40000000;
const newPids = 0x20000000;

export const attempts = {
  mounting: [
    attempt('mount tmpfs', 165, [text('none'), text('/tmp'), text('tmpfs'), 0, 0]),
    attempt('remount / writable', 165, [text('none'), text('/'), text(''), 0x20 | 0x1000, 0]),
    attempt('bind /proc over /tmp', 165, [text('/proc'), text('/tmp'), text(''), 0x1000, 0]),
    attempt('mount cgroup', 165, [text('none'), text('/tmp'), text('cgroup'), 0, text('memory')]),
    attempt('umount2 /proc/kcore', 166, [text('/proc/kcore'), 2]),
    attempt('open_tree', 428, [here, text('/'), 1], [noSystemCall]),
    attempt('fsopen', 430, [text('tmpfs'), 0], [noSystemCall]),
    attempt('move_mount', 429, [here, text('/tmp'), here, text('/etc'), 0], [noSystemCall]),
    attempt('mount_setattr', 442, [here, text('/'), 0, space, 32], [noSystemCall]),
    attempt('pivot_root', 155, [text('/tmp'), text('/tmp')]),
  ],
  namespaces: [
    attempt('(open of /proc/1/ns/net)', 257, [here, text('/proc/1/ns/net'), 0, 0]),
    attempt('unshare user', 272, [newUser]),
    attempt('unshare mount', 272, [newMount]),
    attempt('unshare network', 272, [newNetwork]),
    attempt('clone user and mount', 56, [newUser | newMount | 17, 0, 0, 0, 0]),
    attempt('clone pids', 56, [newPids | 17, 0, 0, 0, 0]),
    attempt('clone3', 435, [space, 88], [noSystemCall]),
    attempt('setns of oneself', 308, [{ resultOf: 0 }, 0]),
    attempt('chroot', 161, [text('/tmp')]),
    attempt('open_by_handle_at', 304, [here, space, 0]),
  ],
  kernel: [
    attempt('reboot: ctrl-alt-del off', 169, [0xfee1deadn, 672274793, 0, 0]),
    attempt('kexec_load', 246, [0, 0, 0, 0], [noSystemCall]),
    attempt('init_module', 175, [space, 0, text('')], [noSystemCall]),
    attempt('finit_module', 313, [0, text(''), 0], [noSystemCall]),
    attempt('delete_module', 176, [text('none'), 0], [noSystemCall]),
    attempt('bpf', 321, [0, space, 64]),
    attempt('perf_event_open', 298, [space, 0, -1, -1, 0], [noSystemCall]),
    attempt('io_uring_setup', 425, [8, Buffer.alloc(128)], [noSystemCall]),
    attempt('userfaultfd', 323, [0], [noSystemCall]),
    attempt('syslog', 103, [3, space, 256]),
    attempt('swapon', 167, [text('/tmp'), 0]),
    attempt('acct', 163, [text('/tmp/acct')], [noSystemCall]),
    attempt('quotactl', 179, [0, text('/'), 0, 0], [noSystemCall]),
    attempt('iopl', 172, [3], [noSystemCall]),
    attempt('ioperm', 173, [0, 1, 1], [noSystemCall]),
    attempt('fanotify_init', 300, [0, 0], [noSystemCall]),
  ],
  clock: [
    attempt('settimeofday', 164, [Buffer.alloc(16, 1), 0]),
    attempt('clock_settime', 227, [0, Buffer.alloc(16, 1)]),
    attempt('adjtimex', 159, [Buffer.from([0x01, 0, 0, 0, ...new Uint8Array(204)])]),
    attempt('sethostname', 170, [text('x'), 1]),
    attempt('setdomainname', 171, [text('x'), 1]),
    attempt('nice below zero', 141, [0, 0, -20]),
    attempt('real-time scheduling', 144, [0, 1, Buffer.from([50, 0, 0, 0])]),
  ],
  identity: [
    attempt('setuid 0', 105, [0]),
    attempt('setgid 0', 106, [0]),
    attempt('setresuid 0 0 0', 117, [0, 0, 0]),
    attempt('setgroups', 116, [1, space]),
    attempt('capset', 126, [
      Buffer.from([0x22, 0x05, 0x08, 0x20, 0, 0, 0, 0]),
      Buffer.concat([Buffer.alloc(4, 0xff), Buffer.alloc(4, 0xff), Buffer.alloc(16)]),
    ]),
    attempt('raise nofile', 160, [7, Buffer.concat([Buffer.alloc(8, 0x7f), Buffer.alloc(8, 0x7f)])]),
    attempt('new privileges', 157, [38, 0, 0, 0, 0], [22]),
  ],
  keyring: [
    attempt('add_key', 248, [text('user'), text('infernet'), text('x'), 1, -4], [noSystemCall]),
    attempt('request_key', 249, [text('user'), text('infernet'), 0, -4], [noSystemCall]),
    attempt('keyctl: join a session', 250, [1, text('infernet')], [noSystemCall]),
    attempt('keyctl: read the user keyring', 250, [11, -4, space, 256], [noSystemCall]),
  ],
  ptrace: [
    attempt('ptrace: attach to a process of the host', 101, [16, 0x7ffffff0, 0, 0], [noProcess]),
    attempt('process_vm_readv', 310, [0x7ffffff0, space, 1, space, 1, 0], [noProcess]),
    attempt('process_vm_writev', 311, [0x7ffffff0, space, 1, space, 1, 0], [noProcess]),
    attempt('kcmp', 312, [1, 0x7ffffff0, 0, 0, 0], [noProcess, noSystemCall]),
    attempt('pidfd_open', 434, [0x7ffffff0, 0], [noProcess, 22]),
    attempt('kill a process of the host', 62, [0x7ffffff0, 9], [noProcess]),
  ],
  sockets: [
    attempt('raw IP', 41, [2, 3, 1]),
    attempt('raw IPv6', 41, [10, 3, 58]),
    attempt('packets of the network', 41, [17, 3, 0x0300]),
    attempt('the hypervisor', 41, [40, 1, 0], [noFamily]),
    attempt('the kernel’s ciphers', 41, [38, 5, 0], [noFamily]),
    attempt('Bluetooth', 41, [31, 3, 1], [noFamily]),
  ],
  nodes: [
    attempt('mknod /tmp/mem', 133, [text('/tmp/mem'), 0o20666, 0x101]),
    attempt('mknod /tmp/disk', 133, [text('/tmp/disk'), 0o60666, 0xfe00]),
    attempt('open /dev/mem', 257, [here, text('/dev/mem'), 2, 0], [noEntry]),
    attempt('open /dev/kmsg', 257, [here, text('/dev/kmsg'), 2, 0], [noEntry]),
    attempt('open /dev/kvm', 257, [here, text('/dev/kvm'), 2, 0], [noEntry]),
    attempt('open /dev/fuse', 257, [here, text('/dev/fuse'), 2, 0], [noEntry]),
    attempt('open /dev/loop-control', 257, [here, text('/dev/loop-control'), 2, 0], [noEntry]),
    attempt('open the image’s own /hostile/mem', 257, [here, text('/hostile/mem'), 2, 0]),
    attempt('open the image’s own /hostile/kmsg', 257, [here, text('/hostile/kmsg'), 2, 0]),
    attempt('open the image’s own /hostile/disk', 257, [here, text('/hostile/disk'), 0, 0]),
  ],
} as const satisfies Record<string, readonly Attempt[]>;

export type AttemptGroup = keyof typeof attempts;

export const programs: Readonly<Record<string, Buffer>> = Object.fromEntries(
  Object.entries(attempts).map(([group, calls]) => [group, programOf(calls)]),
);

/** @param results what the program of the group wrote, as numbers. @returns the attempts that were not refused. */
export function notRefused(group: AttemptGroup, results: readonly number[]): string[] {
  const calls: readonly Attempt[] = attempts[group];
  if (results.length !== calls.length) return [`${results.length} results of ${calls.length} calls`];
  return calls.flatMap(({ name, errors }, at) => {
    const result = results[at] ?? 0;
    return name.startsWith('(') || errors.includes(-result) ? [] : [`${name} returned ${result}`];
  });
}
