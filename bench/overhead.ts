/**
 * What the network costs a streamed answer: the same prompts through a client, a provider and their runner, and through a
 * runner alone. Once with a model of 100 tokens/s, as larger ones are, and once as fast as it can.
 */
import { fileURLToPath } from 'node:url';
import { createEmbeddedExecutor, type EmbeddedExecutor } from '../node-core/execution/index.ts';
import type { Cid, Id } from '../node-core/protocol/index.ts';
import { NodeGroup } from '../scripts/demo/nodes.ts';
import { type Config, JobWatch, startNetwork } from './lib/network.ts';
import { type BenchReport, figure, machine, versions } from './lib/report.ts';

const resources = fileURLToPath(new URL('../resources', import.meta.url));
const template = 'text-generation';
const model = 'infernet-tiny';
const params = { temperature: 0, maxTokens: 120 };
const cappedTokensPerSecond = 100;
const contextTokens = 512;
const runs = 3;
const prompts = ['fox', 'owl', 'bear', 'cat', 'dog', 'bird'].map((who) => `Tell a short story about a brave ${who}.`);
const config: Config = {
  provider: { templates: [template], models: [model] },
  execution: { measure: false, contextTokens },
  log: { level: 'warn' },
};

/** Times from when it was asked for. */
interface Answer {
  readonly tokens: number;
  readonly firstMs: number;
  readonly lastMs: number;
}

type Ask = (prompt: string) => Promise<Answer>;

export async function overhead(): Promise<BenchReport> {
  const on = machine();
  const capped = await measure({ INFERNET_TOKENS_PER_SECOND_MAX: String(cappedTokensPerSecond) });
  const uncapped = await measure({});
  const [first, alone] = [capped.ours, capped.direct].map((answers) => answers.map(({ firstMs }) => firstMs));
  return {
    name: 'overhead',
    machine: on,
    versions: versions('libp2p', 'node-llama-cpp', 'better-sqlite3'),
    figures: [
      figure('tokens/s capped', 'tokens/s', speeds(capped.ours), 'runner alone', speeds(capped.direct)),
      figure('tokens/s uncapped', 'tokens/s', speeds(uncapped.ours), 'runner alone', speeds(uncapped.direct)),
      figure('first token', 'ms', first ?? [], 'runner alone', alone ?? []),
    ],
  };
}

async function measure(env: Readonly<Record<string, string>>): Promise<{ ours: Answer[]; direct: Answer[] }> {
  const group = await NodeGroup.make('infernet-bench-overhead-');
  const runner = await Runner.start(env, group.folder);
  try {
    const client = await startNetwork(group, { template, providers: 1, config, env });
    const jobs = new JobWatch(client.api);
    const ours: Answer[] = [];
    const direct: Answer[] = [];
    for (let run = 0; run <= runs; run++) {
      for (const prompt of prompts) {
        const answers = [await throughNetwork(jobs, prompt), await runner.ask(prompt)] as const;
        // The first round warms runners and caches.
        if (run === 0) continue;
        ours.push(answers[0]);
        direct.push(answers[1]);
      }
    }
    jobs.close();
    return { ours, direct };
  } finally {
    await runner.stop();
    await group.stop();
  }
}

/** Until the last token is shown; the verdict comes behind it. */
const speeds = (answers: readonly Answer[]) => answers.map(({ tokens, lastMs }) => (tokens * 1000) / lastMs);

async function throughNetwork(jobs: JobWatch, prompt: string): Promise<Answer> {
  const shown = new Map<Id, TokenTimes>();
  const times = (jobId: Id) => {
    const known = shown.get(jobId) ?? new TokenTimes();
    shown.set(jobId, known);
    return known;
  };
  const startedAt = performance.now();
  const stop = jobs.listen((item) => {
    if (item.kind === 'token') times(item.jobId).add(item.tokens);
  });
  try {
    await jobs.run({
      template,
      model,
      params,
      stream: true,
      inputs: [{ prompt }],
      policy: { type: 'replicate', copies: 1, quorum: 1 },
      budgetMicro: '1000000',
      ownNode: 'never',
    });
    const [only] = shown.values();
    if (only === undefined || shown.size > 1) throw new Error('expected the tokens of one job');
    return only.since(startedAt);
  } finally {
    stop();
  }
}

class TokenTimes {
  #tokens = 0;
  #firstAt = Number.NaN;
  #lastAt = Number.NaN;

  add(tokens: number): void {
    this.#lastAt = performance.now();
    if (this.#tokens === 0) this.#firstAt = this.#lastAt;
    this.#tokens += tokens;
  }

  since(startedAt: number): Answer {
    return { tokens: this.#tokens, firstMs: this.#firstAt - startedAt, lastMs: this.#lastAt - startedAt };
  }
}

/** The same runner as a provider's, without a network, a log or a check. */
class Runner {
  readonly #executor: EmbeddedExecutor;
  readonly #template: Cid;
  readonly #model: Cid;

  private constructor(executor: EmbeddedExecutor, templateId: Cid, modelId: Cid) {
    this.#executor = executor;
    this.#template = templateId;
    this.#model = modelId;
  }

  static async start(env: Readonly<Record<string, string>>, cacheFolder: string): Promise<Runner> {
    const executor = createEmbeddedExecutor({
      templateFolders: [`${resources}/templates`],
      modelFolders: [`${resources}/models`],
      cacheFolder,
      contextTokens,
      env,
    });
    const { templates, models } = await executor.start();
    const found = templates.find((installed) => installed.template.name === template);
    const cid = models.find(({ name }) => name === model)?.cid;
    if (found === undefined || cid === undefined) throw new Error(`no ${template} with ${model}`);
    return new Runner(executor, found.template.id, cid);
  }

  ask: Ask = async (prompt) => {
    const times = new TokenTimes();
    const startedAt = performance.now();
    const outcome = await this.#executor.run(
      {
        runId: 'bench',
        template: this.#template,
        model: this.#model,
        params,
        inputs: [{ prompt }],
        timeoutMs: 60_000,
        onProgress: () => undefined,
        onToken: ({ tokenIds }) => times.add(tokenIds.length),
      },
      { cancelled: false, onCancel: () => undefined },
    );
    if (!outcome.ok) throw new Error(outcome.message);
    return times.since(startedAt);
  };

  stop(): Promise<void> {
    return this.#executor.stop();
  }
}
