/** One run: a scenario, a seed, a number of nodes. What it gives is a function of these. */
import { sha256Hex } from '../protocol/index.ts';
import { Broken } from './broken.ts';
import type { Scenario } from './scenario.ts';
import { type Measure, Simulation, type SimulationOptions } from './simulation.ts';

export interface RunResult {
  readonly scenario: string;
  readonly seed: number;
  readonly nodes: number;
  /** Null when everything held. */
  readonly broken: { readonly invariant: string; readonly message: string } | null;
  readonly faults: readonly string[];
  readonly faultCount: number;
  readonly jobsDone: number;
  readonly jobsCancelled: number;
  /** By code. */
  readonly jobsFailed: Readonly<Record<string, number>>;
  readonly virtualMs: number;
  readonly steps: number;
  readonly messages: number;
  readonly bytes: number;
  readonly gossip: number;
  /** Items times copies that the jobs asked for, and those that executors ran. */
  readonly itemsWanted: number;
  readonly itemsRun: number;
  readonly wrongAnswers: number;
  /** What a bar counted. */
  readonly measures: Readonly<Record<string, Measure>>;
  readonly clientsLostMicro: string;
  readonly providersLostMicro: string;
  /** What those may lose at most. */
  readonly providersLimitMicro: string;
  /** The most that one client ever owed one provider. */
  readonly mostUnpaidMicro: string;
}

export interface RunOptions extends Omit<SimulationOptions, 'nodes'> {
  readonly nodes: number;
  /** As many as asked for, also where a scenario uses fewer. */
  readonly isFull?: boolean;
  /** Adds what two runs of one seed are compared by. */
  readonly isHashed?: boolean;
}

export interface Run {
  readonly result: RunResult;
  readonly timeline: readonly string[];
  /** Over all logs, blobs and the timeline; empty unless asked for. */
  readonly hash: string;
}

export async function run(scenario: Scenario, options: RunOptions): Promise<Run> {
  const most = options.isFull ? undefined : scenario.nodesMax;
  const nodes = Math.max(scenario.nodesMin, Math.min(options.nodes, most ?? Number.POSITIVE_INFINITY));
  const sim = new Simulation({ ...options, nodes });
  const onRejection = (error: unknown): void => {
    sim.world.observers.fault(
      'a node',
      `a rejection that nobody caught: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`,
    );
  };
  process.on('unhandledRejection', onRejection);
  let broken: RunResult['broken'] = null;
  try {
    await scenario.play(sim);
    await sim.end();
    // Rejections that nobody caught are told one turn later.
    // biome-ignore lint/style/noRestrictedGlobals: the real event loop has to turn, and no virtual time passes by it.
    await new Promise<void>((resolve) => setImmediate(resolve));
    if (sim.world.observers.broken !== null) throw sim.world.observers.broken;
  } catch (error) {
    const cause = sim.world.observers.broken ?? error;
    if (cause instanceof Broken) broken = { invariant: cause.invariant, message: cause.message };
    else
      broken = {
        invariant: 'the scenario',
        message: cause instanceof Error ? (cause.stack ?? cause.message) : String(cause),
      };
  } finally {
    process.off('unhandledRejection', onRejection);
  }
  sim.world.timeline.note('world', broken === null ? 'the end: everything held' : `the end: ${broken.message}`);
  const { lines } = sim.world.timeline;
  return {
    result: summarise(scenario, nodes, sim, broken),
    timeline: lines,
    hash: options.isHashed ? sha256Hex([...sim.world.nodes.map(({ disk }) => disk.text()), ...lines].join('\n')) : '',
  };
}

function summarise(scenario: Scenario, nodes: number, sim: Simulation, broken: RunResult['broken']): RunResult {
  const { world } = sim;
  const { counts } = world.observers;
  const jobs = world.nodes.flatMap(({ subject }) => [...subject.client.jobs.values()]);
  const failed: Record<string, number> = {};
  for (const { state, code } of jobs) if (state === 'failed') failed[code ?? '?'] = (failed[code ?? '?'] ?? 0) + 1;
  const money = sim.money();
  return {
    scenario: scenario.name,
    seed: sim.seed,
    nodes,
    broken,
    faults: sim.faults,
    faultCount: sim.faultCount,
    jobsDone: jobs.filter(({ state }) => state === 'done').length,
    jobsCancelled: jobs.filter(({ state }) => state === 'cancelled').length,
    jobsFailed: failed,
    virtualMs: Math.round(sim.now),
    steps: world.time.steps,
    messages: counts.messages,
    bytes: counts.bytes,
    gossip: counts.gossip,
    itemsWanted: world.nodes.reduce((sum, { subject }) => sum + subject.client.itemsWanted, 0),
    itemsRun: world.nodes.reduce((sum, { manner }) => sum + manner.itemsRun, 0),
    wrongAnswers: sim.wrongAnswers,
    measures: sim.measures,
    clientsLostMicro: money.clientsLostMicro.toString(),
    providersLostMicro: money.providersLostMicro.toString(),
    providersLimitMicro: money.providersLimitMicro.toString(),
    mostUnpaidMicro: money.mostUnpaidMicro.toString(),
  };
}
