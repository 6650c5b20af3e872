/** The governor's arithmetic: what of this computer jobs may take, all together, and what one runner may. */
import type { NodeConfig } from './schema.ts';

export interface Computer {
  readonly cores: number;
  readonly memoryBytes: number;
}

export interface JobShare {
  /** Cores for all runners together; may be a part of one. */
  readonly cpus: number;
  /** Memory for all runners together: none may take more. */
  readonly memoryBytes: number;
  /** Of it, for those that are kept warm; one alone may take more. */
  readonly warmBytes: number;
  /** Cores for one runner, where as many as may work at once share evenly. */
  readonly runnerCpus: number;
  /** Threads of one runner: no more than it has cores for, and at least one. */
  readonly runnerThreads: number;
}

type Settings = {
  readonly execution: Pick<
    NodeConfig['execution'],
    'cpuPercentMax' | 'memoryPercentMax' | 'threads' | 'warmBytesMax' | 'warmModelsMax'
  >;
  readonly provider: Pick<NodeConfig['provider'], 'runsMax'>;
};

export function jobShareOf({ execution, provider }: Settings, computer: Computer): JobShare {
  const { cpuPercentMax, memoryPercentMax, threads, warmBytesMax, warmModelsMax } = execution;
  const cpus = (computer.cores * cpuPercentMax) / 100;
  const share = Math.floor((computer.memoryBytes * memoryPercentMax) / 100);
  // Each run is in one runner, so no more of them work at once than there are runs.
  const each = cpus / Math.min(warmModelsMax, provider.runsMax);
  const runnerThreads = Math.max(1, Math.min(threads, computer.cores, Math.floor(each)));
  return {
    cpus,
    memoryBytes: share,
    warmBytes: Math.min(share, warmBytesMax ?? share),
    runnerThreads,
    // A whole core for each of its threads, and less where there is less.
    runnerCpus: Math.min(each, runnerThreads),
  };
}

/** What is told to others: who asks for much memory is to find out before the work comes. */
export function offeredOf<P extends { readonly cpu: { readonly cores: number }; readonly memoryBytes: number }>(
  passport: P,
  settings: Settings,
): P {
  const share = jobShareOf(settings, { cores: passport.cpu.cores, memoryBytes: passport.memoryBytes });
  return {
    ...passport,
    cpu: { ...passport.cpu, cores: Math.max(1, Math.floor(share.cpus)) },
    memoryBytes: share.memoryBytes,
  };
}
