/**
 * Bars: what a policy must reach, measured over many seeds. A bar is a scenario that counts; its judge sees the sums of all runs.
 * They are run by `npm run simulate -- --bars`, with the same observers as every scenario.
 */
import type { NodeConfigInput } from '../../config/schema.ts';
import type { Chance } from '../chance.ts';
import { labels, type Manner } from '../executor.ts';
import { wrongItems as wrongItemsOf } from '../observers/results.ts';
import type { Scenario } from '../scenario.ts';
import type { JobWish, Measure, Simulation, SubmittedJob } from '../simulation.ts';

export type Measures = Readonly<Record<string, Measure>>;

export interface Judgement {
  readonly what: string;
  readonly bound: string;
  readonly measured: string;
  readonly holds: boolean;
}

export interface Bar extends Scenario {
  judge(measures: Measures): readonly Judgement[];
}

/** As the issue says: honest computers differ on one item of a hundred, and ten items are a shard. */
export const honestDisagreement = 0.01;
export const itemsPerShard = 10;

/** One client that pays and providers that have room and trust: what is measured is the policy, not credit or queues. */
export async function crowd(
  sim: Simulation,
  manner: (i: number, chance: Chance) => Partial<Manner>,
  config: Pick<NodeConfigInput, 'verification'> = {},
): Promise<void> {
  const micro = '1000000000';
  await sim.begin({
    providers: sim.size - 1,
    manner: (i, chance) => ({ disagreement: honestDisagreement, itemMs: 5, ...manner(i, chance) }),
    node: () => ({
      region: 'eu',
      config: {
        provider: { creditLimitMicro: micro, creditLimitMaxMicro: micro, strangersPerHourMicro: micro },
        // Others hear nothing that the one client does not know itself, and it takes half of the time.
        reputation: { gossip: false },
        store: { snapshotEntries: 5_000 },
        ...config,
      },
    }),
  });
}

/** A small network, as the tests run it, does less of everything. @returns at most `many`, which is for 30 nodes. */
export function scaled(sim: Simulation, many: number): number {
  return Math.ceil(many * Math.min(1, sim.size / 30));
}

/** Has so many shards done. @returns what was executed for each item that was asked for, and the jobs. */
export async function work(
  sim: Simulation,
  shards: number,
  wish: Omit<JobWish, 'items'>,
  shardsPerJob = 50,
): Promise<{ readonly jobs: readonly SubmittedJob[]; readonly itemsRun: number; readonly items: number }> {
  const [client] = sim.clients;
  if (client === undefined) throw new Error('no client');
  const before = itemsRun(sim);
  const jobs: SubmittedJob[] = [];
  for (let left = shards; left > 0; left -= shardsPerJob) {
    const items = Math.min(left, shardsPerJob) * itemsPerShard;
    const job = await sim.submit(client, { items, itemsPerShard, mayFail: true, ...wish });
    if (job === null) throw new Error('a job was not taken');
    jobs.push(job);
    await sim.ended(job);
  }
  return { jobs, itemsRun: itemsRun(sim) - before, items: shards * itemsPerShard };
}

function itemsRun(sim: Simulation): number {
  return sim.providers.reduce((sum, { manner }) => sum + manner.itemsRun, 0);
}

const known: ReadonlySet<unknown> = new Set(labels);

/** An answer that no honest executor would give; what is missing is not wrong. */
function isFalse(_: unknown, output: unknown): string | null {
  const label = typeof output === 'object' && output !== null && 'label' in output ? output.label : undefined;
  return known.has(label) ? null : `nobody says ${String(label)}`;
}

export function countWrong(jobs: readonly SubmittedJob[]): number {
  return jobs.reduce((sum, job) => sum + wrongItems(job).length, 0);
}

/** Items of shards that ended without an answer. */
export function countMissing(sim: Simulation, jobs: readonly SubmittedJob[]): number {
  const shards = jobs.flatMap((job) => sim.facts(job)?.shards ?? []);
  return shards.reduce((sum, { state, count }) => sum + (state === 'accepted' ? 0 : count), 0);
}

/** Indices in the job. */
export function wrongItems({ node, jobId, inputs }: SubmittedJob): number[] {
  const facts = node.subject.client.jobs.get(jobId);
  return facts === undefined ? [] : wrongItemsOf(node.subject, facts, isFalse, inputs);
}

/** Who is excluded by the client and gave it no reason. */
export function countExcluded(sim: Simulation, isGuilty: (i: number) => boolean): void {
  const client = sim.clients[0]?.subject.client;
  for (const [i, { peerId }] of sim.providers.entries()) {
    sim.measure(isGuilty(i) ? 'guilty' : 'honest', 1);
    if (client?.excluded.has(peerId)) sim.measure(isGuilty(i) ? 'guilty excluded' : 'honest excluded', 1);
    else if (client?.everExcluded.has(peerId)) sim.measure(isGuilty(i) ? 'guilty readmitted' : 'honest readmitted', 1);
  }
}

export const sumOf = (measures: Measures, name: string): number => measures[name]?.sum ?? 0;

export function noHonestExcluded(measures: Measures): Judgement {
  const excluded = sumOf(measures, 'honest excluded');
  const readmitted = sumOf(measures, 'honest readmitted');
  return {
    what: 'honest providers excluded',
    bound: '0',
    measured: `${excluded} of ${sumOf(measures, 'honest')}${readmitted === 0 ? '' : `; ${readmitted} more for a while, until those who outvoted them were excluded`}`,
    holds: excluded === 0,
  };
}

/** A share of two sums against its bound. */
export function atMost(
  what: string,
  part: number,
  whole: number,
  bound: number,
  unit: 'percent' | 'one in',
): Judgement {
  const share = whole === 0 ? Number.NaN : part / whole;
  const text = (value: number): string =>
    unit === 'percent' ? `${(value * 100).toFixed(1)} %` : value === 0 ? '0' : `1 in ${Math.round(1 / value)}`;
  return { what, bound: `≤ ${text(bound)}`, measured: `${text(share)} (${part} of ${whole})`, holds: share <= bound };
}
