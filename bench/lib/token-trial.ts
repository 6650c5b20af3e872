/** Answers of a model, checked by a model, through real runners: what `token-divergence` is measured with. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createEmbeddedExecutor, type EmbeddedExecutor } from '../../node-core/execution/index.ts';
import type { CancelSignal, InstalledTemplate, TokenCheck } from '../../node-core/ports/index.ts';
import { type Cid, type TokenDivergence, z } from '../../node-core/protocol/index.ts';
import {
  type ClaimedAnswer,
  type Gathered,
  judgeTokens,
  nothingGathered,
  type TokenJudgement,
} from '../../node-core/verification/index.ts';

const resources = fileURLToPath(new URL('../../resources', import.meta.url));
const Row = z.object({ prompt: z.string() });
const Output = z.object({
  text: z.string(),
  tokenIds: z.array(z.int()),
  finish: z.enum(['stop', 'length', 'stopped']),
});
const never: CancelSignal = { cancelled: false, onCancel: () => undefined };
/** Items of one run share a seed, and with it the draws; so a trial is made of many runs. */
const itemsPerRun = 50;

export interface CheckedAnswer {
  readonly claim: ClaimedAnswer;
  readonly check: TokenCheck;
}

export interface Checked {
  readonly answers: readonly CheckedAnswer[];
  readonly generateMs: number;
  readonly checkMs: number;
}

export async function promptsFrom(file: string): Promise<string[]> {
  const text = await readFile(join(resources, 'models/data', file), 'utf8');
  return text
    .trim()
    .split('\n')
    .map((line) => Row.parse(JSON.parse(line)).prompt);
}

export class TokenTrial {
  readonly #executor: EmbeddedExecutor;
  readonly #template: InstalledTemplate['template'];
  readonly #models: ReadonlyMap<string, Cid>;

  private constructor(executor: EmbeddedExecutor, template: InstalledTemplate['template'], models: Map<string, Cid>) {
    this.#executor = executor;
    this.#template = template;
    this.#models = models;
  }

  static async start(cacheFolder: string): Promise<TokenTrial> {
    const executor = createEmbeddedExecutor({
      templateFolders: [join(resources, 'templates')],
      modelFolders: [join(resources, 'models')],
      cacheFolder,
    });
    const { templates, models } = await executor.start();
    const template = templates.find((installed) => installed.template.name === 'text-generation')?.template;
    if (template === undefined) throw new Error('no text-generation');
    return new TokenTrial(executor, template, new Map(models.map(({ name, cid }) => [name, cid])));
  }

  stop(): Promise<void> {
    return this.#executor.stop();
  }

  get expected(): TokenDivergence {
    if (this.#template.tokenDivergence === undefined) throw new Error('text-generation checks no tokens');
    return this.#template.tokenDivergence;
  }

  /** Answers by one model, checked by infernet-tiny. */
  async check(by: string, prompts: readonly string[], temperature: number): Promise<Checked> {
    const answers: CheckedAnswer[] = [];
    let generateMs = 0;
    let checkMs = 0;
    for (let from = 0; from < prompts.length; from += itemsPerRun) {
      const inputs = prompts.slice(from, from + itemsPerRun).map((prompt) => ({ prompt }));
      const params = { temperature, seed: from + 1 };
      const startedAt = performance.now();
      const run = await this.#executor.run(this.#request(by, params, inputs), never);
      if (!run.ok) throw new Error(run.message);
      const claims = z
        .array(Output)
        .parse(run.outputs)
        .map((output): ClaimedAnswer => ({ ...output, given: 0, wasStopped: false }));
      const ranAt = performance.now();
      const checked = await this.#executor.check({ ...this.#request('infernet-tiny', params, inputs), claims }, never);
      if (!checked.ok) throw new Error(checked.message);
      generateMs += ranAt - startedAt;
      checkMs += performance.now() - ranAt;
      for (const [i, check] of checked.checks.entries()) {
        const claim = claims[i];
        if (claim !== undefined) answers.push({ claim, check });
      }
    }
    return { answers, generateMs, checkMs };
  }

  #request(model: string, params: { temperature: number; seed: number }, inputs: { prompt: string }[]) {
    const cid = this.#models.get(model);
    if (cid === undefined) throw new Error(`no model ${model}`);
    const common = { runId: 'trial', template: this.#template.id, model: cid, timeoutMs: 300_000 };
    return { ...common, params, inputs, onProgress: () => undefined };
  }
}

/** Judges answers one after the other, as single checks of one provider. */
export function judgeInOrder(
  answers: readonly CheckedAnswer[],
  expected: TokenDivergence,
  falseAlarmPpm: number,
): { verdicts: TokenJudgement['verdict'][]; tokensUntilBad: number | null } {
  let gathered: Gathered = nothingGathered;
  let tokens = 0;
  let tokensUntilBad: number | null = null;
  const verdicts = answers.map(({ claim, check }) => {
    const judgement = judgeTokens({ claims: [claim], checks: [check], expected, gathered, falseAlarmPpm });
    gathered = judgement.gathered;
    tokens += judgement.tokens;
    if (judgement.verdict === 'bad') tokensUntilBad ??= tokens;
    return judgement.verdict;
  });
  return { verdicts, tokensUntilBad };
}
