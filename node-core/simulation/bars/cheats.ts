import {
  atMost,
  type Bar,
  countExcluded,
  countMissing,
  countWrong,
  crowd,
  noHonestExcluded,
  scaled,
  sumOf,
  work,
} from './bar.ts';

/** Each for itself: they say what nobody else says, on all items or on some. */
function cheats(share: number, wrongMax: number, extraMax: number | null): Bar {
  const percent = share * 100;
  return {
    name: `cheats-${percent}`,
    about: `${percent} % of the providers cheat, each for itself, under the adaptive policy`,
    nodesMin: 10,
    isAlone: true,
    async play(sim) {
      const guilty = new Set<number>();
      await crowd(sim, (i, chance) => {
        if (!chance.happens(share)) return {};
        guilty.add(i);
        return { cheat: { share: chance.pick([0.1, 0.3, 1]), label: `cheat ${i}` } };
      });
      const policy = { type: 'adaptive' } as const;
      // Until nearly everybody has the streak from which answers are checked by chance.
      const first = await work(sim, sim.providers.length * scaled(sim, 40), { policy });
      const steady = await work(sim, sim.providers.length * scaled(sim, 20), { policy });
      sim.measure('items', first.items + steady.items);
      sim.measure('wrong', countWrong([...first.jobs, ...steady.jobs]));
      sim.measure('missing', countMissing(sim, [...first.jobs, ...steady.jobs]));
      sim.measure('steady items', steady.items);
      sim.measure('steady wrong', countWrong(steady.jobs));
      sim.measure('steady run', steady.itemsRun);
      countExcluded(sim, (i) => guilty.has(i));
    },
    judge(measures) {
      const of = (name: string): number => sumOf(measures, name);
      const extra = of('steady run') - of('steady items');
      return [
        atMost('items wrong', of('wrong'), of('items'), wrongMax, 'one in'),
        atMost('items wrong at steady state', of('steady wrong'), of('steady items'), wrongMax, 'one in'),
        extraMax === null
          ? {
              what: 'extra work at steady state',
              bound: '–',
              measured: `${((extra / of('steady items')) * 100).toFixed(1)} %`,
              holds: true,
            }
          : atMost('extra work at steady state', extra, of('steady items'), extraMax, 'percent'),
        {
          what: 'items without an answer',
          bound: '–',
          measured: `${of('missing')} of ${of('items')}`,
          holds: true,
        },
        noHonestExcluded(measures),
        {
          what: 'cheaters excluded',
          bound: '–',
          measured: `${of('guilty excluded')} of ${of('guilty')}`,
          holds: true,
        },
      ];
    },
  };
}

export const cheats5 = cheats(0.05, 1 / 1_000, 0.1);
export const cheats20 = cheats(0.2, 1 / 200, null);
