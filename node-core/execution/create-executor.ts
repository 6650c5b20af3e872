import { createDockerHost, type DockerHostOptions } from './docker/docker-host.ts';
import { createEmbeddedHost, type EmbeddedHostOptions } from './embedded/embedded-host.ts';
import type { RunnerHost } from './runner/host.ts';
import type { ExecutorOptions } from './runner/options.ts';
import { createRunnerExecutor, type RunnerExecutor } from './runner/runner-executor.ts';

export interface LocalExecutorOptions extends ExecutorOptions {
  /** `auto` prefers a container, and takes a process where no engine or no image of the template is there. */
  readonly runIn: 'auto' | 'docker' | 'embedded';
  readonly docker: DockerHostOptions;
  readonly embedded: EmbeddedHostOptions;
}

/** The executor of this computer. */
export function createExecutor(options: LocalExecutorOptions): RunnerExecutor {
  return createRunnerExecutor(hostsOf(options), options);
}

function hostsOf({ runIn, docker, embedded, log }: LocalExecutorOptions): RunnerHost[] {
  const hosts: RunnerHost[] = [];
  if (runIn !== 'embedded') {
    hosts.push(createDockerHost({ ...docker, isWanted: runIn === 'docker', ...(log !== undefined && { log }) }));
  }
  if (runIn !== 'docker') hosts.push(createEmbeddedHost(embedded));
  return hosts;
}
