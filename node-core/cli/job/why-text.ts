/** “Why this node?” and “why no jobs?”, for people. */
import type { MethodResult } from '../../protocol/index.ts';
import { pairLines } from '../text/table.ts';
import { plain, type Style, type Terminal } from '../text/terminal.ts';
import { countText, durationText, peerText, timeText } from '../text/units.ts';

type JobWhy = MethodResult<'jobs.why'>;
type ProviderWhy = MethodResult<'provider.why'>;

export function jobWhyLines(out: Terminal, { waitsFor, shards, more }: JobWhy): string[] {
  const lines = waitsFor === '' ? [] : [`nothing goes on at present: ${plain(waitsFor)}`, ''];
  if (shards.length === 0) return [...lines, 'nobody was chosen yet'];
  for (const { shardId, outcome, replicas } of shards) {
    lines.push(`shard ${shardId.slice(shardId.indexOf('.') + 1)}: ${plain(outcome)}`);
    for (const { provider, role, score, terms, outcome: became, others } of replicas) {
      lines.push(
        `  ${out.paint('cyan', role === 'own-node' ? 'this node' : peerText(provider))} as ${role}, score ${score.toFixed(3)}: ${plain(became)}`,
        ...pairLines(
          out,
          terms.map(({ name, value, words }) => [`    ${plain(name)}`, `${value.toFixed(2)}  ${plain(words)}`]),
        ),
        ...others.map(
          (other) => `    not ${peerText(other.provider)}, score ${other.score.toFixed(3)}: ${plain(other.words)}`,
        ),
      );
    }
  }
  if (more > 0) lines.push(`and ${countText(more, 'further shard')}: --shard <index>`);
  return lines;
}

const weights: Readonly<Record<ProviderWhy['findings'][number]['weight'], readonly [Style | null, string]>> = {
  blocks: ['red', 'in the way'],
  hinders: ['yellow', 'hinders'],
  note: [null, 'note'],
};

export function providerWhyLines(out: Terminal, { findings, demand, offers }: ProviderWhy): string[] {
  const { since, quotes, assignments, taken, clients, lastAt } = demand;
  return [
    ...(findings.length === 0 ? ['nothing stands in the way'] : []),
    ...pairLines(out, [
      ...findings.map(({ weight, text, advice }) => {
        const [style, word] = weights[weight];
        const said = style === null ? plain(text) : out.paint(style, plain(text));
        return [word, [said, ...(advice === '' ? [] : [`→ ${plain(advice)}`])]] as const;
      }),
      [
        'demand',
        `since ${timeText(since)}: ${countText(clients, 'client')}, ${quotes} questions for the price, ${assignments} shards offered, ${taken} taken${lastAt === null ? '' : `; the last ${durationText(lastAt - since)} after the start`}`,
      ],
    ]),
    ...offers.flatMap(({ templateName, modelName, place, of, score, terms }) => [
      '',
      `${plain(templateName)}${modelName === null ? '' : ` with ${plain(modelName)}`}: place ${place} of ${of}, score ${score.toFixed(3)}`,
      ...pairLines(
        out,
        terms.map(({ name, value, best, words }) => [
          `  ${plain(name)}`,
          `${value.toFixed(2)}${best === 0 ? '' : ` (best other ${best.toFixed(2)})`}  ${plain(words)}`,
        ]),
      ),
    ]),
  ];
}
