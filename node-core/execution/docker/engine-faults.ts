/** What an engine must be able to do before a stranger's program is given to it. */
import { z } from '../../protocol/index.ts';

const flag = z.boolean().nullish();
const Info = z.object({
  OSType: z.string().nullish(),
  SecurityOptions: z.array(z.string()).nullish(),
  MemoryLimit: flag,
  SwapLimit: flag,
  PidsLimit: flag,
  CpuCfsQuota: flag,
});
const Version = z.object({ ApiVersion: z.string().regex(/^\d+\.\d+$/) });

/** Docker 20.10 and Podman 4: the first with cgroup namespaces by the API. */
const apiMin = [1, 41] as const;

/** What each limit is for, where the engine says that it cannot keep it: kernels and rootless set-ups differ in that. */
const limits = [
  ['MemoryLimit', 'limits no memory'],
  ['SwapLimit', 'limits no swap: a job could fill the disk and slow the computer down'],
  ['PidsLimit', 'limits no processes'],
  ['CpuCfsQuota', 'limits no CPU'],
] as const;
const delegate = 'a rootless engine needs cgroup v2 with its controllers delegated to the user';

/**
 * @param info answer of `GET /info`. @param version answer of `GET /version`.
 * @returns why no job may run on it, for people, with what helps; empty where all is well.
 */
export function engineFaults(info: unknown, version: unknown): string[] {
  const parsed = Info.safeParse(info);
  const parsedVersion = Version.safeParse(version);
  if (!parsed.success || !parsedVersion.success) return ['the engine describes itself in a form that we do not know'];
  const faults: string[] = [];
  const { ApiVersion } = parsedVersion.data;
  const [major = 0, minor = 0] = ApiVersion.split('.').map(Number);
  if (major < apiMin[0] || (major === apiMin[0] && minor < apiMin[1])) {
    faults.push(
      `the engine speaks version ${ApiVersion} of the API; ${apiMin.join('.')} is needed (Docker 20.10, Podman 4)`,
    );
  }
  const { OSType } = parsed.data;
  if (OSType !== undefined && OSType !== null && OSType !== 'linux') {
    faults.push(`the engine runs ${OSType} containers; switch it to Linux containers`);
  }
  faults.push(...seccompFaults(parsed.data.SecurityOptions ?? []));
  for (const [name, what] of limits) {
    if (parsed.data[name] !== true) faults.push(`the engine ${what}; ${delegate}`);
  }
  return faults;
}

function seccompFaults(options: readonly string[]): string[] {
  const seccomp = options.map(fieldsOf).find((fields) => fields.get('name') === 'seccomp');
  if (seccomp === undefined) {
    return ['the engine filters no system calls (it reports no seccomp); its kernel needs CONFIG_SECCOMP'];
  }
  const profile = seccomp.get('profile');
  // "default" until Docker 22, "builtin" since.
  return profile === undefined || profile === 'default' || profile === 'builtin'
    ? []
    : [
        `the engine filters system calls by ${profile}, not by its default profile; take seccomp-profile out of its configuration`,
      ];
}

/** `name=seccomp,profile=default` */
function fieldsOf(option: string): ReadonlyMap<string, string> {
  return new Map(
    option.split(',').map((field) => {
      const at = field.indexOf('=');
      return [field.slice(0, at), field.slice(at + 1)];
    }),
  );
}
