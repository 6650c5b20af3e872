import { defineCommand } from '../command.ts';
import { answer } from '../context.ts';
import { planLines } from '../job/plan-text.ts';
import { jobShapeOf, planJob, wrongTogether } from '../job/spec.ts';
import { data, json } from '../values.ts';

export const plan = defineCommand({
  name: 'plan',
  summary: 'Say what a job would cost and who would run it, without starting it.',
  shape: { ...jobShapeOf(), json: json(), data: data() },
  examples: [
    { line: 'plan reviews.csv --field review --copies 3', says: 'costs and readers of three copies of each shard' },
  ],
  check: wrongTogether,
  async run(context, values) {
    const planned = await planJob(context, await context.connect(), values);
    answer(context, values.json, { budgetMicro: planned.spec.budgetMicro, ...planned.plan }, () => [
      ...planLines(context.out, values.template, planned),
    ]);
    return 'ok';
  },
});
