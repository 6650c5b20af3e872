/**
 * The system calls that a runner may make; every other is refused. In place of the engine's own list, which differs with
 * its version: that of Docker before 23 lets a container speak to the hypervisor (AF_VSOCK) and, before 25, hands it
 * io_uring. Written for programs that compute: read files, talk over pipes, start threads and children. Debuggers,
 * keyrings, shared memory of System V, message queues and asynchronous disk access are not for them.
 */

const files =
  'access faccessat faccessat2 open openat openat2 creat close close_range read write readv writev pread64 pwrite64 preadv pwritev preadv2 pwritev2 lseek stat lstat fstat newfstatat statx statfs fstatfs getdents getdents64 readlink readlinkat rename renameat renameat2 link linkat symlink symlinkat unlink unlinkat mkdir mkdirat rmdir chmod fchmod fchmodat fchmodat2 chown fchown lchown fchownat umask truncate ftruncate fallocate fadvise64 fsync fdatasync sync_file_range utime utimes utimensat futimesat chdir fchdir getcwd flock fcntl dup dup2 dup3 pipe pipe2 sendfile splice tee vmsplice copy_file_range readahead ioctl getxattr lgetxattr fgetxattr listxattr llistxattr flistxattr setxattr lsetxattr fsetxattr removexattr lremovexattr fremovexattr inotify_init inotify_init1 inotify_add_watch inotify_rm_watch memfd_create';
const memory =
  'brk mmap munmap mprotect mremap msync madvise mincore mlock mlock2 munlock mlockall munlockall membarrier pkey_alloc pkey_free pkey_mprotect';
const processes =
  'fork vfork execve execveat exit exit_group wait4 waitid kill tkill tgkill rt_sigaction rt_sigprocmask rt_sigreturn rt_sigpending rt_sigtimedwait rt_sigqueueinfo rt_tgsigqueueinfo rt_sigsuspend sigaltstack signalfd signalfd4 pause alarm getpid getppid gettid getpgid getpgrp getsid setpgid setsid prctl arch_prctl set_tid_address set_robust_list get_robust_list rseq futex futex_waitv futex_wake futex_wait futex_requeue getrlimit setrlimit prlimit64 getrusage times getpriority setpriority getcpu uname sysinfo restart_syscall pidfd_open pidfd_send_signal sched_yield sched_getaffinity sched_setaffinity sched_getparam sched_setparam sched_getscheduler sched_setscheduler sched_getattr sched_get_priority_max sched_get_priority_min sched_rr_get_interval';
/** Of no use without capabilities, but programs ask whether they are themselves, and put on walls of their own. */
const identity =
  'getuid geteuid getgid getegid getresuid getresgid getgroups setuid setgid setreuid setregid setresuid setresgid setgroups setfsuid setfsgid capget capset seccomp landlock_create_ruleset landlock_add_rule landlock_restrict_self';
const time =
  'clock_gettime clock_getres clock_nanosleep nanosleep gettimeofday time getitimer setitimer timer_create timer_delete timer_getoverrun timer_gettime timer_settime timerfd_create timerfd_gettime timerfd_settime';
const waiting =
  'poll ppoll select pselect6 epoll_create epoll_create1 epoll_ctl epoll_wait epoll_pwait epoll_pwait2 eventfd eventfd2 getrandom';
const sockets =
  'socketpair bind connect listen accept accept4 getsockname getpeername getsockopt setsockopt sendto recvfrom sendmsg recvmsg sendmmsg recvmmsg shutdown';

/** Unix, IPv4, IPv6, and netlink, by which a program asks for its network and is told that there is none. */
const socketFamilies = [1, 2, 10, 16];
/** Of Linux without disguise, and the question which it is. */
const personalities = [0, 0xffff_ffff];
/** Every CLONE_NEW… flag: a child stays in its parent's namespaces. */
const newNamespaces = 0x7e02_0000;
const noSystemCall = 38;

const names = [files, memory, processes, identity, time, waiting, sockets].flatMap((group) => group.split(' '));
const allow = 'SCMP_ACT_ALLOW';
const equals = (name: string, value: number) => ({
  names: [name],
  action: allow,
  args: [{ index: 0, value, op: 'SCMP_CMP_EQ' }],
});

/** As engines take it by their API. A call by another processor's numbers ends the program. */
export const seccompProfile = JSON.stringify({
  defaultAction: 'SCMP_ACT_ERRNO',
  archMap: [
    { architecture: 'SCMP_ARCH_X86_64', subArchitectures: [] },
    { architecture: 'SCMP_ARCH_AARCH64', subArchitectures: [] },
  ],
  syscalls: [
    { names, action: allow },
    ...socketFamilies.map((family) => equals('socket', family)),
    ...personalities.map((personality) => equals('personality', personality)),
    {
      names: ['clone'],
      action: allow,
      args: [{ index: 0, value: newNamespaces, valueTwo: 0, op: 'SCMP_CMP_MASKED_EQ' }],
    },
    // Its flags lie in memory, where no filter sees them; who is told that there is none takes `clone`.
    { names: ['clone3'], action: 'SCMP_ACT_ERRNO', errnoRet: noSystemCall },
  ],
});

/** Podman takes the path of a list on its own computer, and no list, so its own holds there. @param engine its name. */
export const systemCallsFor = (engine: string): 'ours' | "the engine's" =>
  /podman/i.test(engine) ? "the engine's" : 'ours';
