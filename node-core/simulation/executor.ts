/** Executors of simulated nodes: a template that answers by a rule, at a speed, with failures and honest disagreement. */
import type {
  CancelSignal,
  CheckOutcome,
  CheckRequest,
  Clock,
  Executor,
  ExecutorInventory,
  Measurement,
  RunOutcome,
  RunRequest,
} from '../ports/index.ts';
import { contentIdOf, type Json, type Template, utf8 } from '../protocol/index.ts';
import type { Chance } from './chance.ts';
import { afterHeld } from './held-timer.ts';
import { checkStories, StoryTeller, storiesTemplate, storyTruth } from './stories.ts';
import { runVectors, vectorsTemplate, vectorTruth } from './vectors.ts';

/** Labels a number by its remainder: cheap, and everybody can know the right answer. */
export const labels = ['red', 'green', 'blue', 'yellow', 'black'] as const;

export function rightLabel(n: number): string {
  return labels[n % labels.length] ?? 'red';
}

export const simulatedTemplate: Template = {
  id: contentIdOf(utf8.encode('infernet simulated template 1')),
  name: 'colours',
  version: '1.0.0',
  title: 'Colours of numbers',
  description: 'Gives each number its colour',
  verifier: 'label',
  honestDisagreementPpm: 10_000,
  streaming: false,
  stateless: true,
  runner: 'none',
  files: [],
  needsModel: false,
  resources: { memoryMiB: 1, timeoutMs: 600_000, outputBytesMax: 1_000_000 },
  params: { type: 'object' },
  input: { type: 'object', properties: { n: { type: 'integer' } }, required: ['n'] },
  output: { type: 'object', properties: { label: { type: 'string' } }, required: ['label'] },
};

export interface Manner {
  /** ms per item. */
  itemMs: number;
  /** Share of runs that fail. */
  failure: number;
  /** Share of items on which an honest executor differs from the rest. */
  disagreement: number;
  /** Answers wrongly on purpose: the share of items, what it says, and after how many items, in all, it begins to. */
  cheat: { share: number; label: string; afterItems?: number } | null;
  /** Has the template that streams, too. */
  stories: boolean;
  /** Has the template whose answers are numbers, too. */
  vectors: boolean;
  /** ms per token of a story. */
  tokenMs: number;
  /** Share of runs that show another story than they commit to. */
  twoFaced: number;
  /** Share of a story's tokens that are another model's. */
  otherTokens: number;
  /** As a checker of stories, calls every token wrong. */
  slanders: boolean;
  /** As a checker of stories, calls every token right, unread. */
  nods: boolean;
  /** Takes work and never answers. */
  silent: boolean;
  /** Counts what was run, over all lives. */
  itemsRun: number;
}

export const honest: Manner = {
  itemMs: 20,
  failure: 0,
  disagreement: 0,
  cheat: null,
  stories: false,
  vectors: false,
  tokenMs: 10,
  twoFaced: 0,
  otherTokens: 0,
  slanders: false,
  nods: false,
  silent: false,
  itemsRun: 0,
};

export class SimulatedExecutor implements Executor {
  readonly manner: Manner;
  readonly #clock: Clock;
  readonly #chance: Chance;

  constructor(clock: Clock, chance: Chance, manner: Manner) {
    this.#clock = clock;
    this.#chance = chance;
    this.manner = manner;
  }

  async start(): Promise<ExecutorInventory> {
    return {
      hardware: { os: 'simulated', cpu: { model: 'simulated', cores: 1 }, memoryBytes: 2 ** 30, gpus: [], tier: 'cpu' },
      templates: [
        simulatedTemplate,
        ...(this.manner.stories ? [storiesTemplate] : []),
        ...(this.manner.vectors ? [vectorsTemplate] : []),
      ].map((template) => ({
        template,
        models: [],
        runnable: { ok: true },
        tokensPerSecondMilli: {},
      })),
      models: [],
      faults: [],
    };
  }

  run(request: RunRequest, signal: CancelSignal): Promise<RunOutcome> {
    if (request.template === storiesTemplate.id && !this.manner.silent)
      return new StoryTeller(this.#clock, this.#chance, this.manner).run(request, signal);
    return new Promise((resolve) => {
      const ms = request.inputs.length * this.manner.itemMs * (0.8 + 0.4 * this.#chance.fraction());
      const isLate = this.manner.silent || ms > request.timeoutMs;
      const cancel = isLate
        ? afterHeld(this.#clock, request.hold, request.timeoutMs, () =>
            resolve({ ok: false, code: 'timeout', message: 'it took too long' }),
          )
        : afterHeld(this.#clock, request.hold, ms, () => {
            this.manner.itemsRun += request.inputs.length;
            resolve(this.#outcome(request));
          });
      signal.onCancel(() => {
        cancel();
        resolve({ ok: false, code: 'cancelled', message: 'cancelled' });
      });
    });
  }

  /** At a tenth of the time of a run. */
  check(request: CheckRequest, signal: CancelSignal): Promise<CheckOutcome> {
    return new Promise((resolve) => {
      if (request.template !== storiesTemplate.id) {
        resolve({ ok: false, code: 'bad-input', message: 'the simulated template has no tokens' });
        return;
      }
      const checks = checkStories(request, this.manner);
      const ms = (this.manner.tokenMs * checks.reduce((sum, { tokens }) => sum + tokens, 0)) / 10;
      afterHeld(this.#clock, request.hold, ms, () => resolve({ ok: true, checks }));
      signal.onCancel(() => resolve({ ok: false, code: 'cancelled', message: 'cancelled' }));
    });
  }

  async measure(): Promise<Measurement> {
    return { ok: true, tokensPerSecondMilli: 0 };
  }

  async stop(): Promise<void> {}

  #outcome(request: RunRequest): RunOutcome {
    if (this.#chance.happens(this.manner.failure))
      return { ok: false, code: 'container', message: 'the simulated run failed' };
    if (request.template === vectorsTemplate.id)
      return { ok: true, outputs: runVectors(request, this.#chance, this.manner) };
    return { ok: true, outputs: request.inputs.map((input) => ({ label: this.#answer(input) })) };
  }

  #answer(input: Json): string {
    const n =
      typeof input === 'object' && input !== null && 'n' in input && typeof input['n'] === 'number' ? input['n'] : 0;
    const { cheat, disagreement } = this.manner;
    const isAwake = cheat !== null && this.manner.itemsRun > (cheat.afterItems ?? 0);
    if (isAwake && this.#chance.happens(cheat.share)) return cheat.label;
    if (this.#chance.happens(disagreement)) return rightLabel(n + 1 + this.#chance.below(labels.length - 1));
    return rightLabel(n);
  }
}

/** Null when it is the right output for the input. */
export function truth(input: unknown, output: unknown): string | null {
  if (typeof output === 'object' && output !== null && 'finish' in output) return storyTruth(input, output);
  if (typeof output === 'object' && output !== null && 'vector' in output) return vectorTruth(input, output);
  const n = typeof input === 'object' && input !== null && 'n' in input ? Number(input.n) : 0;
  const label = typeof output === 'object' && output !== null && 'label' in output ? output.label : undefined;
  return label === rightLabel(n) ? null : `${n} is ${rightLabel(n)}, not ${String(label)}`;
}
