import type { Simulation, SubmittedJob } from '../simulation.ts';
import {
  type Bar,
  countExcluded,
  crowd,
  type Judgement,
  noHonestExcluded,
  scaled,
  sumOf,
  work,
  wrongItems,
} from './bar.ts';

const shares = [0.1, 0.2, 0.3] as const;

/**
 * A ring gives the same false answers, under two copies, a quorum of two and a tie-breaker. Two of three votes are the ring’s
 * with a probability of 3f² − 2f³; nothing can be below it until somebody is excluded.
 */
export const ring: Bar = {
  name: 'ring',
  about: 'colluders give the same false answers, under a quorum of two',
  nodesMin: 10,
  isAlone: true,
  async play(sim) {
    const share = shares[sim.seed % shares.length] ?? 0.1;
    const many = Math.round((sim.size - 1) * share);
    await crowd(sim, (i) => (i < many ? { cheat: { share: 1, label: 'ring' } } : {}));
    const policy = { type: 'replicate', copies: 2, quorum: 2, tieBreakers: 1 } as const;
    const f = many / (sim.size - 1);
    const { jobs } = await work(sim, sim.providers.length * scaled(sim, 12), { policy });
    const { before, after, last } = wrongShards(sim, jobs);
    sim.measure(`${share}: runs`, 1);
    sim.measure(`${share}: expected`, (3 * f ** 2 - 2 * f ** 3) * before.shards);
    for (const [name, { shards, wrong }] of Object.entries({ before, after, last })) {
      sim.measure(`${share}: ${name}`, shards);
      sim.measure(`${share}: ${name} wrong`, wrong);
    }
    countExcluded(sim, (i) => i < many);
  },
  judge(measures) {
    const of = (name: string): number => sumOf(measures, name);
    const percent = (part: number, whole: number): string => `${((part / whole) * 100).toFixed(1)} % of ${whole}`;
    return [
      ...shares.flatMap((share): Judgement[] => {
        const [before, after, last] = [of(`${share}: before`), of(`${share}: after`), of(`${share}: last`)];
        if (of(`${share}: runs`) === 0) return [];
        const limit = 1.2 * of(`${share}: expected`);
        const rate = (name: string): number => of(`${share}: ${name} wrong`) / of(`${share}: ${name}`);
        return [
          {
            what: `f = ${share}: shards wrong before anyone is excluded`,
            bound: `≤ 1.2 × (3f² − 2f³) = ${percent(limit, before)}`,
            measured: percent(of(`${share}: before wrong`), before),
            holds: of(`${share}: before wrong`) <= limit,
          },
          {
            what: `f = ${share}: after that; in the last third`,
            bound: 'falling',
            measured: `${percent(of(`${share}: after wrong`), after)}; ${percent(of(`${share}: last wrong`), last)}`,
            holds: rate('after') < rate('before') && rate('last') < rate('before'),
          },
        ];
      }),
      noHonestExcluded(measures),
      { what: 'colluders excluded', bound: '–', measured: `${of('guilty excluded')} of ${of('guilty')}`, holds: true },
    ];
  },
};

interface Shards {
  shards: number;
  wrong: number;
}

/** Accepted shards, by the first exclusion, and those of the last third of the jobs. */
function wrongShards(sim: Simulation, jobs: readonly SubmittedJob[]): Record<'before' | 'after' | 'last', Shards> {
  const count = (): Shards => ({ shards: 0, wrong: 0 });
  const counts = { before: count(), after: count(), last: count() };
  const firstExcludedSeq = sim.clients[0]?.subject.client.firstExcludedSeq ?? Number.POSITIVE_INFINITY;
  for (const [place, job] of jobs.entries()) {
    const wrong = wrongItems(job);
    for (const { state, start, count: items, acceptedSeq } of sim.facts(job)?.shards ?? []) {
      if (state !== 'accepted') continue;
      const isWrong = wrong.some((i) => i >= start && i < start + items);
      const of = [acceptedSeq < firstExcludedSeq ? counts.before : counts.after];
      if (place >= (jobs.length * 2) / 3) of.push(counts.last);
      for (const each of of) {
        each.shards++;
        if (isWrong) each.wrong++;
      }
    }
  }
  return counts;
}
