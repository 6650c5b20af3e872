import type { ControlClient } from '../../control/index.ts';
import { type JobSpecInput, type Json, type MethodResult, z } from '../../protocol/index.ts';
import { argument, defineCommand, option, toggle } from '../command.ts';
import { type Context, outputText } from '../context.ts';
import { CliError, type ExitKind } from '../exit-codes.ts';
import { AnswerStream } from '../job/answer-stream.ts';
import { planLines } from '../job/plan-text.ts';
import { ShownText } from '../job/shown-text.ts';
import { paramsOf } from '../job/spec.ts';
import { plain } from '../text/terminal.ts';
import { creditsText, durationText } from '../text/units.ts';
import { choice, credits, data, priority, text, toggleJson, wholeNumber } from '../values.ts';

const promptBytesMax = 256 * 1024;
/** For a plan before there is a budget. */
const anyBudget = '9'.repeat(24);
const blindBudgetMicro = '1000000';

type Results = MethodResult<'jobs.results'>['outputs'][number];
type Message = { role: 'user' | 'assistant'; content: string };

interface Values {
  readonly template: string;
  readonly model?: string | undefined;
  readonly system?: string | undefined;
  readonly param?: string[] | undefined;
  readonly copies?: number | undefined;
  readonly budget?: string | undefined;
  readonly ownNode?: 'never' | 'if-alone' | 'only' | undefined;
  readonly priority?: number | undefined;
  readonly yes: boolean;
  readonly json: boolean;
}

export const chat = defineCommand({
  name: 'chat',
  summary: 'Talk to a language model: answers are shown while they are made.',
  detail:
    'With a prompt it answers once; on a terminal without one it goes on until an empty line. Ctrl-C stops the answer: what there is of it is kept and paid; a second one ends the program. Without --copies an answer comes from one provider, and others check some of them.',
  shape: {
    prompt: argument(
      '[prompt]',
      'what to say; without it the terminal or the input is read',
      text(promptBytesMax).optional(),
    ),
    template: option(
      '-t, --template <name>',
      'what answers (default: text-generation)',
      text(128).default('text-generation'),
    ),
    model: option('-m, --model <name>', 'name or content id (default: the template’s first)', text(128).optional()),
    system: option('--system <text>', 'how the model is to behave', text(16_384).optional()),
    param: option(
      '-p, --param <name=value...>',
      'parameter of the template; JSON, or else a text',
      z.array(text().regex(/^[^=]+=/, 'expected name=value')).optional(),
    ),
    copies: option('--copies <n>', 'providers that answer each, and must agree', wholeNumber(1, 7).optional()),
    budget: option(
      '--budget <credits>',
      'the most to spend on an answer, as 0.25 (default: as planned)',
      credits().optional(),
    ),
    ownNode: option(
      '--own-node <when>',
      'may this node answer: never, if-alone (default) or only',
      choice(['never', 'if-alone', 'only']).optional(),
      ['never', 'if-alone', 'only'],
    ),
    priority: priority(),
    yes: toggle('-y, --yes', 'do not ask'),
    json: toggleJson('one JSON value per line: tokens as they come, then the answer'),
    data: data(),
  },
  examples: [
    { line: 'chat', says: 'a conversation' },
    { line: 'chat "Tell a short story about a fox." --yes', says: 'one answer, for a pipe' },
    { line: 'chat "What is 47 + 38?" --own-node only --json', says: 'on this computer alone, for a program' },
  ],
  async run(context, values) {
    const { input } = context;
    const isTalk = values.prompt === undefined && input.isTerminal && !values.json;
    const prompt = values.prompt ?? (isTalk ? null : (await input.readAll(promptBytesMax)).trim());
    if (prompt === '')
      throw new CliError('usage', 'nothing to answer: give a prompt, or pipe one into the standard input');
    const first = prompt ?? (await ask(context));
    if (first === null) return 'ok';
    const talk = new Talk(context, await context.connect(), values);
    if (!(await talk.mayBegin(first))) return 'declined';
    let exit = await talk.say(first);
    if (!isTalk) return exit;
    for (let next = await ask(context); next !== null; next = await ask(context)) exit = await talk.say(next);
    return exit;
  },
});

/** @returns null for an empty line, or the end of the input. */
async function ask({ input, err }: Context): Promise<string | null> {
  const said = (await input.ask(err.paint('cyan', '> ')))?.trim() ?? '';
  return said === '' ? null : said;
}

class Talk {
  readonly #context: Context;
  readonly #node: ControlClient;
  readonly #values: Values;
  readonly #messages: Message[] = [];
  #template: string | null = null;

  constructor(context: Context, node: ControlClient, values: Values) {
    this.#context = context;
    this.#node = node;
    this.#values = values;
  }

  /** Says once who will read what is said, and asks. */
  async mayBegin(prompt: string): Promise<boolean> {
    const { err, input } = this.#context;
    const { spec, plan } = await this.#planned(prompt);
    const { yes, template, json: asJson } = this.#values;
    if (!asJson || plan.missing.length > 0) {
      const budgetBy = this.#values.budget === undefined ? ('plan' as const) : ('owner' as const);
      for (const line of planLines(err, template, { spec, plan, budgetBy })) err.say(line);
    }
    if (yes || plan.readers === 0) return true;
    if (!input.isTerminal || !err.isTerminal) {
      throw new CliError(
        'usage',
        'nobody is there to be asked: say --yes to let providers read the prompt, or --own-node only to keep it here',
      );
    }
    return /^\s*y(es)?\s*$/i.test((await input.ask('Let them read what you say? [y/N] ')) ?? '');
  }

  async say(prompt: string): Promise<ExitKind> {
    const { out, err, now } = this.#context;
    const asJson = this.#values.json;
    const { spec } = await this.#planned(prompt);
    const stream = new AnswerStream(this.#node);
    const startedAt = now();
    let jobId: string;
    try {
      ({ jobId } = await this.#node.call('jobs.submit', spec));
    } catch (error) {
      stream.close();
      throw error;
    }
    const shown = new ShownText(out, 1);
    let firstTokenMs: number | null = null;
    let tokens = 0;
    const release = this.#context.onInterrupt(() => {
      this.#node.call('jobs.stop', { jobId }).catch((error: unknown) => err.say(plain(String(error))));
    });
    try {
      await stream.follow(jobId, (item) => {
        firstTokenMs ??= now() - startedAt;
        if (item.kind === 'token') tokens = item.index + item.tokens;
        if (asJson) out.say(JSON.stringify(item));
        else shown.take(item);
      });
    } finally {
      release();
      if (!asJson) shown.end();
    }
    const [job, results] = await Promise.all([
      this.#node.call('jobs.get', { jobId }),
      this.#node.call('jobs.results', { jobId }),
    ]);
    const [answer] = results.outputs;
    const took = now() - startedAt;
    if (asJson)
      out.say(JSON.stringify({ kind: 'answer', jobId, state: job.state, ...answer, firstTokenMs, tookMs: took }));
    else if (answer !== undefined && answer.how !== 'missing') {
      const paid = job.spentMicro === '0' ? 'nothing to pay' : creditsText(job.spentMicro);
      const begun = firstTokenMs === null ? '' : `first token after ${durationText(firstTokenMs)}, `;
      err.say(err.paint('dim', `${howText(answer)}; ${begun}${tokens} tokens in ${durationText(took)}; ${paid}`));
    }
    if (answer === undefined || answer.how === 'missing') {
      err.say(`no answer: the job is ${job.state}${job.reason === '' ? '' : `: ${plain(job.reason)}`}`);
      return 'failed';
    }
    this.#messages.push({ role: 'user', content: prompt }, { role: 'assistant', content: outputText(answer.output) });
    return 'ok';
  }

  async #planned(prompt: string): Promise<{ spec: JobSpecInput; plan: MethodResult<'jobs.plan'> }> {
    const { model, param, system, copies, budget, ownNode, priority } = this.#values;
    const messages =
      this.#messages.length === 0 ? {} : { messages: this.#messages.map((message): Json => ({ ...message })) };
    const spec = {
      template: await this.#templateId(),
      model: model ?? null,
      params: { ...paramsOf(param ?? []), ...(system === undefined ? {} : { system }) },
      inputs: [{ prompt, ...messages }],
      stream: true,
      itemsPerShard: 1,
      ...(ownNode === undefined ? {} : { ownNode }),
      ...(priority === undefined ? {} : { priority }),
    };
    const single = { type: 'replicate' as const, copies: 1, quorum: 1, tieBreakers: 0 };
    const asked = await this.#node.call('jobs.plan', { ...spec, policy: single, budgetMicro: anyBudget });
    const policy: JobSpecInput['policy'] =
      copies !== undefined
        ? { type: 'replicate', copies, quorum: Math.floor(copies / 2) + 1, ...(copies === 1 && { tieBreakers: 0 }) }
        : // Somebody else must be there to check.
          asked.candidates.length > 1 && ownNode !== 'only'
          ? { type: 'adaptive' }
          : single;
    const plan = await this.#node.call('jobs.plan', { ...spec, policy, budgetMicro: budget ?? anyBudget });
    const planned = plan.reserveMicro !== '0' || ownNode === 'only' ? plan.reserveMicro : blindBudgetMicro;
    return { spec: { ...spec, policy, budgetMicro: budget ?? planned }, plan };
  }

  async #templateId(): Promise<string> {
    if (this.#template !== null) return this.#template;
    const { templates } = await this.#node.call('jobs.templates', {});
    const found = templates.find(({ id, name }) => name === this.#values.template || id === this.#values.template);
    if (found === undefined) {
      const names = [...new Set(templates.map(({ name }) => name))].sort();
      throw new CliError(
        'usage',
        `no template is called ${JSON.stringify(this.#values.template)}; this node knows ${names.join(', ') || 'none'}`,
      );
    }
    this.#template = found.id;
    return found.id;
  }
}

function howText({ how, given }: Results): string {
  const rests = given === undefined ? '' : `; its first ${given} tokens rest on the word of a provider that was lost`;
  switch (how) {
    case 'checked':
      return `checked by others${rests}`;
    case 'own-node':
      return 'made by this node';
    default:
      return `unchecked${rests}`;
  }
}
