import { type Bar, countExcluded, crowd, noHonestExcluded, sumOf, work } from './bar.ts';

/** Items on which a smaller model gives another plausible answer than the one that is paid for. */
const disagreement = 0.25;
const checksMax = 20;

/** One provider runs a smaller model than it is paid for: its answers are plausible, and other ones on every fourth item. */
export const smallerModel: Bar = {
  name: 'smaller-model',
  about: 'one provider runs a smaller model than it is paid for',
  nodesMin: 10,
  isAlone: true,
  async play(sim) {
    await crowd(sim, (i) => (i === 0 ? { disagreement } : {}));
    const [cheap] = sim.providers;
    const [client] = sim.clients;
    if (cheap === undefined || client === undefined) return;
    const policy =
      sim.seed % 2 === 0
        ? ({ type: 'adaptive' } as const)
        : ({ type: 'replicate', copies: 2, quorum: 2, tieBreakers: 1 } as const);
    const { excluded, checks } = client.subject.client;
    for (let i = 0; i < 40 && !excluded.has(cheap.peerId); i++) await work(sim, 50, { policy });
    const seen = checks.get(cheap.peerId) ?? 0;
    sim.measure('checks', seen);
    if (!excluded.has(cheap.peerId) || seen > checksMax) sim.measure('late', 1);
    countExcluded(sim, (i) => i === 0);
  },
  judge(measures) {
    const runs = sumOf(measures, 'guilty');
    const late = sumOf(measures, 'late');
    const { sum = 0, most = 0 } = measures['checks'] ?? {};
    return [
      {
        what: 'checked shards until the smaller model is excluded',
        bound: `≤ ${checksMax}`,
        measured: `${(sum / runs).toFixed(1)} in the mean, at most ${most}; later in ${late} of ${runs} runs`,
        holds: late === 0,
      },
      noHonestExcluded(measures),
    ];
  },
};
