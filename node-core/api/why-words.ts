/** The factors of a score (directory/score.ts, aggregator/choose.ts) in words, for people. */

const percent = (value: number): string => `${Math.round(value * 100)} %`;
const times = (value: number): string => `${(1 / Math.max(value, 0.001)).toFixed(1).replace(/\.0$/, '')} times`;
/** A share of 1/(1 + n) stands for n shards. */
const shardsOf = (value: number): number => Math.max(0, Math.round(1 / Math.max(value, 0.001)) - 1);

const words: Readonly<Record<string, (value: number) => string>> = {
  fits: () => 'it offers the template and the model, with the hardware that was asked for',
  liveness: (value) =>
    value >= 1
      ? 'it was connected, or had just been heard'
      : 'it was not heard of for a while, or only named by the DHT',
  load: (value) =>
    value === 0.5 ? 'half of its queue was free, or it had not said' : `${percent(value)} of its queue was free`,
  speed: (value) =>
    value >= 1
      ? 'the fastest of all'
      : value === 0.5
        ? 'half as fast as the fastest, or never measured'
        : `${percent(value)} as fast as the fastest`,
  reputation: (value) => `its results have been good: ${value.toFixed(2)} of 1 by what this node knows`,
  price: (value) => (value >= 1 ? 'the cheapest of all' : `${times(value)} the price of the cheapest`),
  warm: (value) =>
    value >= 1 ? 'the model was in its memory already' : 'it had to load the model first, or had not said',
  share: (value) => `it had ${shardsText(value)} of this node in hand`,
  inFlight: (value) => `it had ${shardsText(value)} of this job in hand`,
  atRandom: () => 'drawn by lot, so that nobody knows before who checks whom',
  favoured: (value) => (value >= 1 ? 'favoured by the owner' : 'others are favoured by the owner'),
  ownNode: () => 'the own computer',
};

function shardsText(value: number): string {
  const count = shardsOf(value);
  return count === 0 ? 'nothing' : `${count} ${count === 1 ? 'shard' : 'shards'}`;
}

/** @param value 0…1 */
export function termWords(name: string, value: number): string {
  return words[name]?.(value) ?? `${name} is ${value.toFixed(2)} of 1`;
}
