import { defineCommand } from '../command.ts';
import { answer } from '../context.ts';
import { data, json } from '../values.ts';

export const pause = defineCommand({
  name: 'pause',
  summary: 'Stop all work for others where it stands, until `resume`.',
  detail:
    'What stands still keeps its place in memory. After the length of its lease (10 s as a rule) it is given up, and its client finds another provider. Own jobs go on.',
  shape: { json: json(), data: data() },
  examples: [{ line: 'pause', says: 'the computer is needed for something else' }],
  async run(context, { json: asJson }) {
    const node = await context.connect();
    const provider = await node.call('provider.pause', { paused: true });
    const standing = provider.work.filter(({ state }) => state === 'running' || state === 'queued').length;
    answer(context, asJson, provider, () => [
      standing === 0
        ? 'paused: no work is taken'
        : `paused: no work is taken, and what is here (${standing}) stands still`,
    ]);
    return 'ok';
  },
});

export const resume = defineCommand({
  name: 'resume',
  summary: 'Let work for others go on after `pause`.',
  shape: { json: json(), data: data() },
  examples: [{ line: 'resume', says: 'what was not given up yet goes on from where it stands' }],
  async run(context, { json: asJson }) {
    const node = await context.connect();
    const provider = await node.call('provider.pause', { paused: false });
    answer(context, asJson, provider, () =>
      provider.pauses.length === 0
        ? ['work is taken again']
        : provider.pauses.map(({ reason }) => `resumed, but no work is taken yet: ${reason}`),
    );
    return 'ok';
  },
});
