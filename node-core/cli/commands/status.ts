import type { MethodResult } from '../../protocol/index.ts';
import { defineCommand, toggle } from '../command.ts';
import { answer, type Context } from '../context.ts';
import { providerWhyLines } from '../job/why-text.ts';
import { pairLines } from '../text/table.ts';
import { plain, type Style } from '../text/terminal.ts';
import { bytesText, countText, creditsText, durationText, speedText } from '../text/units.ts';
import { data, json } from '../values.ts';

type Status = MethodResult<'node.status'>;
type Provider = MethodResult<'provider.status'>;
type Wallet = MethodResult<'wallet.summary'>;

const states: Readonly<Record<Status['state'], readonly [Style, string]>> = {
  starting: ['yellow', 'starting'],
  online: ['green', 'online'],
  alone: ['yellow', 'alone: not connected to any other node'],
  draining: ['yellow', 'draining: running work finishes, then it stops'],
  stopped: ['red', 'stopped'],
};

export const status = defineCommand({
  name: 'status',
  summary: 'State of the node: peers, provider, jobs, credits, and what is wrong.',
  shape: { why: toggle('--why', 'why it gets no jobs, or few, and what to do'), json: json(), data: data() },
  examples: [
    { line: 'status --data ./my-node', says: 'of the node in that folder' },
    { line: 'status --why', says: 'what keeps jobs away from it' },
  ],
  async run(context, { why, json: asJson }) {
    const node = await context.connect();
    if (why) {
      const reasons = await node.call('provider.why', {});
      answer(context, asJson, reasons, () => providerWhyLines(context.out, reasons));
      return 'ok';
    }
    const [own, provider, wallet] = await Promise.all([
      node.call('node.status', {}),
      node.call('provider.status', {}),
      node.call('wallet.summary', {}),
    ]);
    answer(context, asJson, { node: own, provider, wallet }, () => lines(context, own, provider, wallet));
    return 'ok';
  },
});

function lines(context: Context, own: Status, provider: Provider, wallet: Wallet): string[] {
  const { out } = context;
  const [style, state] = states[own.state];
  const warn = (text: string) => out.paint('yellow', plain(text));
  const gpus = provider.hardware.gpus.map(({ model, memoryBytes }) => `${plain(model)} (${bytesText(memoryBytes)})`);
  return pairLines(out, [
    ['state', `${out.paint(style, state)}, up ${durationText(context.now() - own.startedAt)}, version ${own.version}`],
    ['peer id', own.peerId],
    ['addresses', own.addresses.length === 0 ? 'none' : own.addresses],
    ['peers', `${own.connectedPeers} connected, ${countText(own.knownProviders, 'other provider')} known`],
    ['jobs', own.jobsActive === 0 ? 'none under way' : `${own.jobsActive} under way`],
    [
      'credits',
      `${creditsText(wallet.paidMicro)} paid, ${creditsText(wallet.receivedMicro)} received, ${creditsText(wallet.reservedMicro)} reserved, ${creditsText(wallet.owedToUsMicro)} owed to us`,
    ],
    [
      'provider',
      provider.on
        ? `on: ${own.provider.running} running, ${own.provider.queued} of at most ${own.provider.queueMax} queued`
        : 'off: runs no jobs of others; start the node with --provider',
    ],
    ...provider.pauses.map(({ reason }) => ['paused', warn(reason)] as const),
    // What nobody can help is in `doctor`.
    ...(provider.on && provider.fullScreenUnseen !== null && provider.fullScreenUnseen.fix !== ''
      ? [
          [
            'full screen',
            warn(`not noticed: ${provider.fullScreenUnseen.reason} → ${provider.fullScreenUnseen.fix}`),
          ] as const,
        ]
      : []),
    ...(provider.on && provider.offers.length > 0
      ? [
          [
            'offers',
            provider.offers.map(({ template, templateName, model, modelName, tokensPerSecondMilli, gpu }) => {
              const isWarm = provider.warm.some((each) => each.template === template && each.model === model);
              const what = `${templateName}${modelName === null ? '' : ` with ${modelName}`}`;
              const card = gpu === undefined ? '' : `, on ${gpu}`;
              return plain(`${what} (${speedText(tokensPerSecondMilli)}${isWarm ? ', in memory' : ''}${card})`);
            }),
          ] as const,
        ]
      : []),
    ...(provider.on
      ? provider.notOffered.map(
          ({ template, reason }) => ['not offered', `${plain(template)}: ${plain(reason)}`] as const,
        )
      : []),
    [
      'hardware',
      [
        plain(provider.hardware.cpu.model),
        countText(provider.hardware.cpu.cores, 'core'),
        `${bytesText(provider.hardware.memoryBytes)} memory`,
        ...gpus,
      ].join(', '),
    ],
    ...(own.engine === null ? [] : [['containers', engineLines(own.engine, warn)] as const]),
    ...own.unreachableBootstrap.map(({ address, reason }) => ['unreachable', warn(`${address}: ${reason}`)] as const),
    ...own.faults.map((fault) => ['fault', warn(fault)] as const),
  ]);
}

function engineLines({ state, name, problems, gpus }: NonNullable<Status['engine']>, warn: (text: string) => string) {
  const found = { found: plain(name ?? ''), missing: 'no engine', refused: `${plain(name ?? '')}: refused` }[state];
  return [
    state === 'refused' ? warn(found) : found,
    ...problems.map(({ code, text, fix }) => {
      const line = plain(fix === '' ? text : `${text} → ${fix}`);
      return code === 'not-installed' ? line : warn(line);
    }),
    ...(gpus?.usable === true
      ? [`GPUs: ${gpus.devices.map(({ model }) => plain(model)).join(', ')} (unverified on hardware)`]
      : []),
  ];
}
