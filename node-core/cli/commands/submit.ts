import { access, constants } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import type { ControlClient } from '../../control/index.ts';
import { jobMachine, type MethodResult, type NodeApi, z } from '../../protocol/index.ts';
import { defineCommand, option, toggle } from '../command.ts';
import { answer, type Context } from '../context.ts';
import { CliError, type ExitKind } from '../exit-codes.ts';
import { AnswerStream } from '../job/answer-stream.ts';
import { followJob, type JobDetail } from '../job/follow.ts';
import { resultLines, resultText, tellMissing, writeResults } from '../job/outputs.ts';
import { planLines } from '../job/plan-text.ts';
import { ShownText } from '../job/shown-text.ts';
import { jobShapeOf, type PlannedSubmission, planJob, wrongTogether } from '../job/spec.ts';
import { plain } from '../text/terminal.ts';
import { countText, creditsText, durationText, jobIdText } from '../text/units.ts';
import { data, json, text } from '../values.ts';

/** Answers that are shown at once. */
const shownMax = 10;

export const submit = defineCommand({
  name: 'submit',
  summary: 'Submit a job: shows the plan, asks, and follows it to its end.',
  detail:
    'On a terminal it waits for the end; elsewhere it says the job’s id at once unless --wait is given. Ctrl-C stops the waiting, not the job.',
  shape: {
    ...jobShapeOf(),
    wait: option('--wait', 'follow the job to its end (default on a terminal)', z.boolean().optional()),
    stream: toggle('--stream', 'show answers while they are made, of templates that stream; waits'),
    noWait: option('--no-wait', 'say the id and end', z.boolean().optional()),
    out: option(
      '-o, --out <file>',
      'write the answers there at the end: .jsonl, .csv or .json; waits',
      text().optional(),
      'file',
    ),
    yes: toggle('-y, --yes', 'do not ask'),
    json: json(),
    data: data(),
  },
  examples: [
    {
      line: 'submit questions.txt --template text-generation --stream --yes',
      says: 'shows the answers while they are made',
    },
    { line: 'submit --text "The soup was cold." --own-node only', says: 'runs on this computer alone' },
    {
      line: 'submit reviews.csv --field review --copies 3 --out labels.jsonl --yes',
      says: 'a batch over three providers each',
    },
    {
      line: 'submit --template text-generation -p maxTokens=64 --text "Say hello."',
      says: 'with a parameter of the template',
    },
  ],
  check: (values) =>
    wrongTogether(values) ??
    (values.out !== undefined && values.wait === false ? '--out is written at the end: leave out --no-wait' : null) ??
    (values.stream && values.wait === false ? '--stream waits for the answers: leave out --no-wait' : null),
  async run(context, values) {
    const waits =
      values.stream || values.out !== undefined || (values.wait ?? (context.out.isTerminal && !values.json));
    if (values.out !== undefined) await mustBeWritable(values.out);
    const node = await context.connect();
    const planned = await planJob(context, node, values);
    if (!(await agreed(context, values.template, planned, values.yes))) {
      context.err.say('nothing was submitted');
      return 'declined';
    }
    if (values.stream) return streamed(context, node, planned, values);
    const { jobId } = await node.call('jobs.submit', planned.spec);
    if (!waits) {
      answer(context, values.json, { jobId, budgetMicro: planned.spec.budgetMicro, plan: planned.plan }, () => [
        `submitted job ${jobId}`,
      ]);
      if (!values.json) context.err.say(`follow it by: ${context.commandLine(`job ${jobIdText(jobId)} --wait`)}`);
      return 'ok';
    }
    context.err.say(`submitted job ${jobId}; Ctrl-C stops the waiting, not the job`);
    const signal = context.interruption();
    const job = await followJob(context, node, { job: await node.call('jobs.get', { jobId }), signal });
    if (job === null) return detached(context, jobId);
    return finish(context, job, { planned, asJson: values.json, ...(values.out !== undefined && { out: values.out }) });
  },
});

/** Answers go to the output as they come; Ctrl-C stops them, and what there is of them is kept and paid. */
async function streamed(
  context: Context,
  node: ControlClient,
  planned: PlannedSubmission,
  { json: asJson, out }: { json: boolean; out?: string | undefined },
): Promise<ExitKind> {
  const stream = new AnswerStream(node);
  const { spec } = planned;
  const { jobId } = await node.call('jobs.submit', { ...spec, stream: true }).catch((error: unknown) => {
    stream.close();
    throw error;
  });
  context.err.say(`submitted job ${jobId}; Ctrl-C stops its answers`);
  const shown = new ShownText(context.out, spec.inputs.length);
  const release = context.onInterrupt(() => {
    node.call('jobs.stop', { jobId }).catch((error: unknown) => context.err.say(plain(String(error))));
  });
  try {
    await stream.follow(jobId, (item) => {
      if (asJson) context.out.say(JSON.stringify(item));
      else shown.take(item);
    });
  } finally {
    release();
    if (!asJson) shown.end();
  }
  const job = await node.call('jobs.get', { jobId });
  context.err.say(endLine(context, job));
  const results = await resultsOf(node, jobId);
  if (out !== undefined) await writeResults(context, out, results);
  if (asJson) for (const output of results.outputs) context.out.say(JSON.stringify({ kind: 'answer', ...output }));
  else tellMissing(context, results);
  return exitOf(job);
}

export function detached(context: Context, jobId: string): ExitKind {
  context.err.keep();
  const id = jobIdText(jobId);
  context.err.say(`\ndetached; job ${jobId} goes on
follow it by:  ${context.commandLine(`job ${id} --wait`)}
its answers:   ${context.commandLine(`results ${id}`)}`);
  return 'interrupted';
}

/** What a job that ended is worth saying, by how it ended. */
export function endLine({ err }: Context, job: JobDetail): string {
  const took = job.endedAt === null ? '' : ` in ${durationText(job.endedAt - job.createdAt)}`;
  const shards = `${job.shardsAccepted} of ${countText(job.shardsTotal, 'shard')} accepted`;
  const paid = job.spentMicro === '0' ? 'nothing to pay' : `${creditsText(job.spentMicro)} spent`;
  const why = job.reason === '' ? '' : `: ${plain(job.reason)}${job.code === null ? '' : ` (${job.code})`}`;
  const colour = job.state === 'done' ? 'green' : 'red';
  return `${err.paint(colour, job.state)}${took}, ${shards}, ${paid}${why}`;
}

export const exitOf = (job: JobDetail): ExitKind =>
  job.state === 'done' || !jobMachine.isFinal(job.state) ? 'ok' : 'failed';

async function finish(
  context: Context,
  job: JobDetail,
  { planned, asJson, out }: { planned: PlannedSubmission; asJson: boolean; out?: string },
): Promise<ExitKind> {
  const { jobId } = job;
  context.err.say(endLine(context, job));
  const results = await resultsOf(await context.connect(), jobId);
  if (out !== undefined) await writeResults(context, out, results);
  const { budgetMicro } = planned.spec;
  const { shards: _, ...summary } = job;
  const document = {
    jobId,
    budgetMicro,
    plan: planned.plan,
    job: summary,
    ...(out === undefined && { outputs: results.outputs }),
  };
  if (asJson) answer(context, true, document, () => []);
  else if (out === undefined) show(context, results);
  return exitOf(job);
}

function show(context: Context, results: MethodResult<'jobs.results'>): void {
  if (!context.out.isTerminal) {
    context.out.write(resultText(results, 'jsonl'));
  } else {
    for (const line of resultLines(context.out, results, shownMax)) context.out.say(line);
    const more = results.outputs.length - shownMax;
    if (more > 0) context.err.say(`and ${more} more: ${context.commandLine(`results ${jobIdText(results.jobId)}`)}`);
  }
  tellMissing(context, results);
}

function resultsOf(node: NodeApi, jobId: string): Promise<MethodResult<'jobs.results'>> {
  return node.call('jobs.results', { jobId });
}

/** Asks where others will read the inputs or be paid; the plan is shown in any case. */
async function agreed(
  context: Context,
  templateName: string,
  planned: PlannedSubmission,
  yes: boolean,
): Promise<boolean> {
  const { err, input } = context;
  for (const line of planLines(err, templateName, planned)) err.say(line);
  const othersRead = planned.plan.readers > 0;
  if (yes || (!othersRead && planned.plan.missing.length === 0)) return true;
  if (!input.isTerminal || !err.isTerminal) {
    throw new CliError(
      'usage',
      'nobody is there to be asked: say --yes to submit this plan, or --own-node only to keep the inputs here',
    );
  }
  const said = await input.ask('Submit it? [y/N] ');
  return /^\s*y(es)?\s*$/i.test(said ?? '');
}

async function mustBeWritable(path: string): Promise<void> {
  const folder = dirname(resolve(path));
  try {
    await access(folder, constants.W_OK);
  } catch (error) {
    throw new CliError(
      'not-allowed',
      `--out: nothing can be written into ${folder}; make the folder, or choose another`,
      { cause: error },
    );
  }
}
