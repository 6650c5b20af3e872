import {
  atMost,
  type Bar,
  countExcluded,
  countWrong,
  crowd,
  itemsPerShard,
  noHonestExcluded,
  scaled,
  sumOf,
  work,
} from './bar.ts';

const share = 0.2;
/** Good checks until they begin to cheat. */
const streak = 50;
const floor = 0.02;

/**
 * A fifth of the providers are honest until they have a streak of 50, and then cheat on everything. The first bad check makes
 * their client check all that they say; two more and they are excluded. Runs with even seeds look again at what was accepted
 * unchecked before, those with odd seeds do not.
 *
 * The bound: from the streak on an answer is checked by a chance of 1/50, so that 50 shards, 500 items, are accepted of each
 * before the first check, in the mean. Those of jobs under way are looked at again.
 */
export const sleeper: Bar = {
  name: 'sleeper',
  about: 'a fifth of the providers cheat once they have a streak of 50 good checks',
  nodesMin: 10,
  isAlone: true,
  async play(sim) {
    const [isAudited, many] = [sim.seed % 2 === 0, Math.round((sim.size - 1) * share)];
    const kind = isAudited ? 're-audited' : 'not re-audited';
    await crowd(sim, () => ({}), isAudited ? {} : { verification: { reAuditMax: 0 } });
    // Every shard of this is a check of two, so that the streaks grow as fast as they can.
    const replicate = { type: 'replicate', copies: 2, quorum: 2, tieBreakers: 1 } as const;
    const sleepers = sim.providers.slice(0, many);
    const trusted = (): boolean =>
      sleepers.every(({ peerId }) => (client?.subject.client.streaks.get(peerId) ?? 0) >= scaled(sim, streak));
    const [client] = sim.clients;
    for (let i = 0; i < 200 && !trusted(); i++) await work(sim, 50, { policy: replicate });
    for (const [i, { manner }] of sleepers.entries()) manner.cheat = { share: 1, label: `sleeper ${i}` };
    const { jobs, items } = await work(
      sim,
      sim.providers.length * scaled(sim, 60),
      { policy: { type: 'adaptive' } },
      500,
    );
    sim.measure(`${kind}: items`, items);
    sim.measure(`${kind}: wrong`, countWrong(jobs));
    sim.measure(`${kind}: sleepers`, many);
    countExcluded(sim, (i) => i < many);
  },
  judge(measures) {
    const of = (name: string): number => sumOf(measures, name);
    const each = (kind: string): number => of(`${kind}: wrong`) / of(`${kind}: sleepers`);
    const bound = itemsPerShard / floor;
    return [
      {
        what: 'wrong items a sleeper, without another look',
        bound: `≤ ${bound} in the mean`,
        measured: each('not re-audited').toFixed(0),
        holds: each('not re-audited') <= bound,
      },
      {
        what: 'wrong items a sleeper, with it',
        bound: 'fewer than without',
        measured: each('re-audited').toFixed(0),
        holds: each('re-audited') < each('not re-audited'),
      },
      atMost('items wrong, with it', of('re-audited: wrong'), of('re-audited: items'), share, 'one in'),
      noHonestExcluded(measures),
      { what: 'sleepers excluded', bound: '–', measured: `${of('guilty excluded')} of ${of('guilty')}`, holds: true },
    ];
  },
};
