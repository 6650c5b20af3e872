import { jobStates } from '../../protocol/index.ts';
import { defineCommand, option } from '../command.ts';
import { answer } from '../context.ts';
import { tableLines } from '../text/table.ts';
import { plain, type Style } from '../text/terminal.ts';
import { agoText, creditsText, jobIdText } from '../text/units.ts';
import { choice, data, json, text, wholeNumber } from '../values.ts';

export const stateStyles: Readonly<Record<(typeof jobStates)[number], Style>> = {
  planning: 'cyan',
  running: 'cyan',
  done: 'green',
  failed: 'red',
  cancelled: 'yellow',
};

export const jobs = defineCommand({
  name: 'jobs',
  summary: 'List the jobs of this node, newest first.',
  shape: {
    state: option('--state <state>', 'only those', choice(jobStates).optional(), jobStates),
    search: option('--search <text>', 'in label, template and id', text(200).optional()),
    limit: option('-n, --limit <n>', 'default: 20', wholeNumber(1, 1000).default(20)),
    before: option('--before <seq>', 'older than the job with this seq', wholeNumber(1, 1e15).optional()),
    json: json(),
    data: data(),
  },
  examples: [{ line: 'jobs --state running', says: 'those under way' }],
  async run(context, { state, search, limit, before, json: asJson }) {
    const node = await context.connect();
    const { jobs: found } = await node.call('jobs.list', {
      limit,
      ...(state !== undefined && { state }),
      ...(search !== undefined && { text: search }),
      ...(before !== undefined && { before }),
    });
    answer(context, asJson, { jobs: found }, () => {
      const isFiltered = state !== undefined || search !== undefined || before !== undefined;
      if (found.length === 0) {
        return [
          isFiltered
            ? 'no job matches'
            : `no jobs yet; the first: ${context.commandLine('submit --text "The soup was cold."')}`,
        ];
      }
      const now = context.now();
      const lines = tableLines(
        context.out,
        [
          { title: 'id' },
          { title: 'state' },
          { title: 'shards', align: 'right' },
          { title: 'items', align: 'right' },
          { title: 'spent', align: 'right' },
          { title: 'submitted' },
          { title: 'template' },
          { title: 'label or reason' },
        ],
        found.map((job) => [
          jobIdText(job.jobId),
          context.out.paint(stateStyles[job.state], job.state),
          `${job.shardsAccepted}/${job.shardsTotal}`,
          String(job.items),
          creditsText(job.spentMicro),
          agoText(job.createdAt, now),
          plain(job.templateName),
          plain(job.reason === '' ? job.label : `${job.label === '' ? '' : `${job.label}: `}${job.reason}`),
        ]),
      );
      const last = found.at(-1);
      if (found.length === limit && last !== undefined) {
        context.err.say(`older ones: ${context.commandLine(`jobs --before ${last.seq}`)}`);
      }
      return lines;
    });
    return 'ok';
  },
});
