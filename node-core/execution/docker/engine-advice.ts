/** What people can do about an engine that is not there, or not to be used: a fix for each problem that is found. */
import type { EngineProblem, EngineStatus } from '../../protocol/index.ts';
import type { EngineState } from './engine.ts';
import type { ContainerGpus } from './gpu.ts';

/** In the words of `engine.ts`, `engine-place.ts` and `engine-faults.ts`; what is in none of these is said as it is. */
const advice: ReadonlyArray<readonly [RegExp, EngineProblem['code'], string]> = [
  [
    /may not talk to it|EACCES/,
    'no-permission',
    'add this user to the engine’s group, and log in again: sudo usermod -aG docker "$USER". Or set up a rootless engine, which needs no group',
  ],
  [
    /nobody listens|does not answer any more|there is nothing|no answer|timed out|within \d+/,
    'not-running',
    'start it: sudo systemctl start docker, or open Docker Desktop; a rootless one: systemctl --user start docker',
  ],
  [
    /only an engine of this computer|context of Docker cannot be read/,
    'not-local',
    'name an engine of this computer: unset DOCKER_HOST, or docker context use default',
  ],
  [/NVIDIA|toolkit/, 'toolkit', 'upgrade nvidia-container-toolkit to 1.17.8 or later, and restart the engine'],
  [
    /seccomp|system calls/,
    'no-seccomp',
    'use a kernel with CONFIG_SECCOMP, and the engine’s default profile: take seccomp-profile out of its configuration',
  ],
  [
    /limits no/,
    'no-limits',
    'use cgroup v2 with its controllers delegated to the user, or an engine that runs as root',
  ],
  [
    /is needed|in a form that we do not know/,
    'too-old',
    'upgrade it: Docker 20.10 or Podman 4 is the oldest that will do',
  ],
];

export function problemOf(text: string): EngineProblem {
  const known = advice.find(([pattern]) => pattern.test(text));
  return known === undefined ? { code: 'other', text, fix: '' } : { code: known[1], text, fix: known[2] };
}

const none: EngineProblem = {
  code: 'not-installed',
  text: 'no container engine was found',
  fix: 'install Docker (docs.docker.com/engine/install) or Podman 4, if containers are wanted: the shipped templates run without one',
};

/** @param missing names of templates that have no image on this engine. */
export function engineStatusOf(
  state: EngineState,
  { gpus, problems }: Pick<ContainerGpus, 'gpus' | 'problems'>,
  missing: readonly string[] = [],
): EngineStatus {
  const name = state.is === 'away' ? null : `${state.name} at ${state.place}`;
  if (state.is !== 'up') {
    const found = state.problems.map(problemOf);
    return {
      state: state.is === 'unfit' ? 'refused' : 'missing',
      name,
      problems: found.length === 0 ? [none] : found,
      gpus,
    };
  }
  const images: EngineProblem[] =
    missing.length === 0
      ? []
      : [
          {
            code: 'image-missing',
            text: `no image is built of ${missing.join(', ')}`,
            fix: 'build it: infernet-desktop templates build',
          },
        ];
  return { state: 'found', name, problems: [...images, ...problems], gpus };
}
