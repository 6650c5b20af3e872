/** `npm run demo -- --template ocr`: rendered pages, read in containers by two providers each, and compared with what they say. */
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { z } from '../../node-core/protocol/index.ts';
import { runBatch } from './batch.ts';
import { readLog } from './log.ts';
import { type Network, settledBooks } from './network.ts';
import type { Screen } from './screen.ts';

const pagesFile = fileURLToPath(new URL('../../resources/templates/ocr/pages.jsonl', import.meta.url));
export const ocr = 'ocr';

const Page = z.object({ id: z.string(), text: z.string(), image: z.string() });
const Text = z.object({ text: z.string() });

export const PagesReport = z.object({
  pages: z.int(),
  right: z.int().describe('pages whose text was read without a mistake, line by line; empty lines left out'),
  shards: z.object({ total: z.int(), accepted: z.int() }),
  copiesAgreed: z.int().describe('shards whose copies agreed at once'),
  ledger: z.object({ differenceMicro: z.string() }),
  totalMs: z.number(),
});
export type PagesReport = z.infer<typeof PagesReport>;

export async function readPages(network: Network, screen: Screen): Promise<PagesReport> {
  const lines = (await readFile(pagesFile, 'utf8')).trim().split('\n');
  const pages = lines.map((line) => Page.parse(JSON.parse(line)));
  const batch = await runBatch(network, screen, {
    spec: {
      template: ocr,
      model: null,
      inputs: pages.map(({ image }) => ({ image })),
      itemsPerShard: 1,
      policy: { type: 'replicate', copies: 2, quorum: 2 },
      label: `demo: ${pages.length} pages`,
    },
  });
  const texts = batch.outputs.map((output) => Text.safeParse(output).data?.text ?? '');
  const right = pages.filter(({ text }, i) => bare(text) === bare(texts[i] ?? '')).length;
  const disagreed = await readLog(network.client.api, ['shard.disagreed']);
  const ledger = await settledBooks(network.client, network.providers);
  for (const [i, { id, text }] of pages.entries()) {
    const isRight = bare(text) === bare(texts[i] ?? '');
    const [first = ''] = (texts[i] ?? '').split('\n');
    screen.say(`  ${id.padEnd(8)} ${screen.paint(isRight ? 'green' : 'red', isRight ? 'right' : 'wrong')}  ${first} …`);
  }
  const { shardsTotal, shardsAccepted, totalMs } = batch;
  screen.say(
    `${right} of ${pages.length} pages read without a mistake, ${shardsAccepted} of ${shardsTotal} shards accepted, in ${(totalMs / 1000).toFixed(1)} s`,
  );
  return {
    pages: pages.length,
    right,
    shards: { total: shardsTotal, accepted: shardsAccepted },
    copiesAgreed: shardsAccepted - disagreed.length,
    ledger: { differenceMicro: ledger.differenceMicro },
    totalMs,
  };
}

/** How far lines lie apart is not text. */
const bare = (text: string): string =>
  text
    .split('\n')
    .filter((line) => line.trim() !== '')
    .join('\n');
