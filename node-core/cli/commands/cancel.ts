import { argument, defineCommand, option } from '../command.ts';
import { answer } from '../context.ts';
import { findJob, jobRef } from '../job/find-job.ts';
import { countText, creditsText } from '../text/units.ts';
import { data, json, text } from '../values.ts';

export const cancel = defineCommand({
  name: 'cancel',
  summary: 'Cancel a job; what was accepted stays, and is paid.',
  shape: {
    job: argument('<job>', 'its id, the first letters of it, or last', jobRef()),
    reason: option('--reason <text>', 'for the log and for its providers', text(200).optional()),
    json: json(),
    data: data(),
  },
  examples: [{ line: 'cancel 3fa9 --reason "wrong file"', says: 'ends the job whose id begins so' }],
  async run(context, { job, reason, json: asJson }) {
    const node = await context.connect();
    const jobId = await findJob(node, job);
    const summary = await node.call('jobs.cancel', { jobId, ...(reason !== undefined && { reason }) });
    answer(context, asJson, summary, () => [
      `job ${jobId} is ${summary.state === 'cancelled' ? 'cancelled' : 'being cancelled'}; ${summary.shardsAccepted} of ${countText(summary.shardsTotal, 'shard')} accepted, ${creditsText(summary.spentMicro)} spent`,
    ]);
    return 'ok';
  },
});
