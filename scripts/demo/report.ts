/** The demo's result: what it measured and checked, as JSON and for people. */
import { micro, z } from '../../node-core/protocol/index.ts';
import type { Screen } from './screen.ts';

const Amount = z.string();

export const DemoReport = z.object({
  items: z.int(),
  correct: z.int(),
  accuracy: z.number(),
  directAccuracy: z.number(),
  sameAsDirect: z.int().describe('items whose label is that of the model run directly'),
  copies: z.int(),
  nodes: z.array(
    z.object({ pid: z.int(), peerId: z.string(), addresses: z.array(z.string()), channels: z.array(z.string()) }),
  ),
  shards: z.object({ total: z.int(), accepted: z.int(), exhausted: z.int() }),
  copiesAgreed: z.int().describe('shards whose copies agreed on every item at once'),
  verdicts: z.record(z.string(), z.int()),
  providers: z.array(
    z.object({
      peerId: z.string(),
      cheater: z.boolean(),
      excluded: z.boolean().describe('the client gives it no more work'),
      killed: z.boolean(),
      replicas: z.int(),
      accepted: z.int(),
      rejected: z.int(),
      paidMicro: Amount,
      reputationBefore: z.number(),
      reputationAfter: z.number(),
    }),
  ),
  ledger: z.object({ differenceMicro: Amount, reservedLeftMicro: Amount }),
  timings: z.object({ onlineMs: z.number(), firstResultMs: z.number(), totalMs: z.number() }),
  itemsPerSecond: z.number(),
  streams: z.int().describe('prompts whose answer was shown as it came'),
  streamsSameAsDirect: z.int().describe('of them, those whose final text is that of the model run directly'),
  firstTokenMs: z.number().describe('median, from submitting a prompt to its first token'),
  tokensPerSecond: z.number().describe('median over the streams, from the first token to the last'),
  audits: z.int().describe('shards that were accepted from one provider and checked by another'),
  tasks: z
    .object({ items: z.int(), sameAsDirect: z.int(), reaudited: z.int() })
    .nullable()
    .describe(
      'with a provider that cheats: a further job, and how many of its shards were checked again when it was found',
    ),
  extraWork: z.number().describe('replicas run beyond the copies that the jobs’ policies ask for, as a share of these'),
});
export type DemoReport = z.infer<typeof DemoReport>;

function fate({ cheater, excluded, killed, rejected }: DemoReport['providers'][number]): string {
  const words = [
    ...(cheater ? ['cheats'] : []),
    ...(excluded ? ['found out'] : []),
    ...(rejected > 0 ? [`${rejected} rejected`] : []),
    ...(killed ? ['killed'] : []),
  ];
  return words.length === 0 ? '' : `   ${words.join(', ')}`;
}

const percent = (share: number): string => `${(share * 100).toFixed(1)} %`;
const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;

export function printReport(screen: Screen, report: DemoReport, nameOf: (peerId: string) => string): void {
  const { items, correct, accuracy, directAccuracy, sameAsDirect, shards, timings } = report;
  const good = sameAsDirect === items && shards.accepted === shards.total;
  screen.say('');
  screen.say(screen.paint('bold', 'Report'));
  screen.say(
    `  labels            ${correct} of ${items} right (${percent(accuracy)}); the model run directly: ${percent(directAccuracy)}`,
  );
  screen.say(
    `  same as direct    ${sameAsDirect} of ${items} ${screen.paint(good ? 'green' : 'red', good ? '✓' : '✗')}`,
  );
  screen.say(
    `  shards            ${shards.accepted} of ${shards.total} accepted, ${report.copiesAgreed} by ${report.copies} copies that agreed at once`,
  );
  screen.say(
    `  verdicts          ${Object.entries(report.verdicts)
      .map(([verdict, count]) => `${count} ${verdict}`)
      .join(', ')}`,
  );
  screen.say(`  channels          ${[...new Set(report.nodes.flatMap((node) => node.channels))].join(', ')}`);
  screen.say(
    `  credits           ${micro.sum(report.providers.map((provider) => provider.paidMicro))} micro-credits paid; books differ by ${report.ledger.differenceMicro}, ${report.ledger.reservedLeftMicro} still reserved`,
  );
  screen.say(
    `  time              online after ${seconds(timings.onlineMs)}, first result ${seconds(timings.firstResultMs)} after submitting, all in ${seconds(timings.totalMs)}: ${report.itemsPerSecond.toFixed(0)} items/s`,
  );
  screen.say(
    `  streams           ${report.streams} prompts answered token by token, ${report.streamsSameAsDirect} as the model run directly; first token after ${report.firstTokenMs.toFixed(0)} ms, then ${report.tokensPerSecond.toFixed(0)} tokens/s`,
  );
  if (report.tasks !== null) {
    const { items, sameAsDirect, reaudited } = report.tasks;
    const again = reaudited === 0 ? '' : `; ${reaudited} shards that rested on the cheater’s word were checked again`;
    screen.say(`  tasks             ${sameAsDirect} of ${items} as the model run directly${again}`);
  }
  screen.say(`  checking          ${report.audits} audits; extra work ${percent(report.extraWork)}`);
  screen.say('');
  screen.say('  provider     process   shards   paid (micro-credits)   reputation');
  for (const provider of report.providers) {
    const node = report.nodes.find(({ peerId }) => peerId === provider.peerId);
    const name = nameOf(provider.peerId).padEnd(12);
    const reputation = `${provider.reputationBefore.toFixed(2)} → ${provider.reputationAfter.toFixed(2)}`;
    screen.say(
      `  ${name} ${String(node?.pid ?? '').padEnd(9)} ${`${provider.accepted}/${provider.replicas}`.padEnd(8)} ${provider.paidMicro.padEnd(22)} ${reputation}${fate(provider)}`,
    );
  }
}
