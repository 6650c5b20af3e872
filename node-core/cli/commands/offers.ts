import { type MethodResult, type NodeApi, type PeerId, priceOf } from '../../protocol/index.ts';
import { defineCommand, option } from '../command.ts';
import { answer } from '../context.ts';
import { tableLines } from '../text/table.ts';
import { plain } from '../text/terminal.ts';
import { creditsText, peerText, speedText } from '../text/units.ts';
import { data, json, text } from '../values.ts';

/** For the comparison of prices that have a fixed part and one per item. */
const usualItems = 10;

type Peer = MethodResult<'peers.list'>['peers'][number];
type Row = Peer['offers'][number] & { readonly peerId: PeerId; readonly self: boolean; readonly score: number };

export const offers = defineCommand({
  name: 'offers',
  summary: 'What providers offer at present, the cheapest first.',
  shape: {
    template: option('-t, --template <name>', 'only this template', text(128).optional()),
    model: option('-m, --model <name>', 'only this model', text(128).optional()),
    json: json(),
    data: data(),
  },
  examples: [{ line: 'offers --template text-classification', says: 'who would sort texts, and for how much' }],
  async run(context, { template, model, json: asJson }) {
    const node = await context.connect();
    const { peers } = await node.call('peers.list', {});
    const found = peers
      .filter(({ live }) => live)
      .flatMap(({ peerId, self, reputation, offers: its }): Row[] =>
        its.map((offer) => ({ ...offer, peerId, self, score: reputation.score })),
      )
      .filter((row) => template === undefined || [row.templateName, row.template].includes(template))
      .filter((row) => model === undefined || [row.modelName, row.model].includes(model))
      .sort(
        (a, b) =>
          a.templateName.localeCompare(b.templateName) ||
          (a.modelName ?? '').localeCompare(b.modelName ?? '') ||
          compare(a, b),
      );
    const hasGpu = found.some(({ gpu }) => gpu !== undefined);
    const lines = found.length === 0 ? await emptyLines(node, context.commandLine('plan --help')) : null;
    answer(
      context,
      asJson,
      { offers: found },
      () =>
        lines ??
        tableLines(
          context.out,
          [
            { title: 'template' },
            { title: 'model' },
            { title: 'provider' },
            { title: 'shard', align: 'right' },
            { title: 'item', align: 'right' },
            { title: `${usualItems} items`, align: 'right' },
            { title: 'speed', align: 'right' },
            { title: 'items at most', align: 'right' },
            { title: 'reputation', align: 'right' },
            ...(hasGpu ? [{ title: 'graphics card' }] : []),
          ],
          found.map((row) => [
            plain(row.templateName),
            plain(row.modelName ?? ''),
            row.self ? 'this node' : peerText(row.peerId),
            creditsText(row.price.shardMicro),
            creditsText(row.price.itemMicro),
            creditsText(priceOf(row.price, usualItems)),
            speedText(row.tokensPerSecondMilli),
            String(row.itemsPerShardMax),
            row.self ? '' : row.score.toFixed(2),
            ...(hasGpu ? [plain(row.gpu ?? '')] : []),
          ]),
        ),
    );
    return 'ok';
  },
});

function compare(a: Row, b: Row): number {
  const [first, second] = [BigInt(priceOf(a.price, usualItems)), BigInt(priceOf(b.price, usualItems))];
  return first < second ? -1 : first > second ? 1 : 0;
}

async function emptyLines(node: NodeApi, planHelp: string): Promise<string[]> {
  const [{ templates }, provider] = await Promise.all([
    node.call('jobs.templates', {}),
    node.call('provider.status', {}),
  ]);
  const names = templates.map(({ name }) => name).sort();
  return [
    'nobody offers that at present',
    `this node knows the templates ${names.join(', ') || 'none'} (${planHelp})`,
    ...(provider.on
      ? []
      : ['this node provides nothing: start it with --provider to run jobs of your own and of others']),
    ...provider.notOffered.map(({ template, reason }) => `this node does not offer ${template}: ${plain(reason)}`),
  ];
}
