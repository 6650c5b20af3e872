/** One run inside of a runner process: gathers its outputs and holds them against what was asked. */
import { type Json, normaliseOutput } from '../../protocol/index.ts';
import type { LoadedTemplate } from '../templates/load-templates.ts';
import type { Failure } from './failure.ts';
import { failureFrom } from './failure.ts';
import type { RunnerMessage } from './messages.ts';

export interface RunWork {
  readonly id: string;
  readonly params: Readonly<Record<string, Json>>;
  readonly inputs: readonly Json[];
  onProgress(itemsDone: number): void;
}

export type RunResult =
  | { readonly ok: true; readonly outputs: readonly Json[]; readonly tokens: number; readonly busyMs: number }
  | ({ readonly ok: false } & Failure);

export class ProcessRun {
  readonly work: RunWork;
  /** Settles once, when the runner has nothing more to do with this run. */
  readonly result: Promise<RunResult>;
  readonly #template: LoadedTemplate;
  readonly #outputs: (Json | undefined)[];
  #gathered = 0;
  #itemsDone = 0;
  #outputBytes = 0;
  #settle: (result: RunResult) => void;

  constructor(template: LoadedTemplate, work: RunWork) {
    this.work = work;
    this.#template = template;
    this.#outputs = new Array<Json | undefined>(work.inputs.length).fill(undefined);
    const { promise, resolve } = Promise.withResolvers<RunResult>();
    this.result = promise;
    this.#settle = resolve;
  }

  fail(failure: Failure): void {
    this.#settle({ ok: false, ...failure });
  }

  /**
   * Takes a message about this run.
   * @returns a fault when the runner broke the contract: it is then not to be trusted with anything it still runs.
   */
  take(message: Exclude<RunnerMessage, { type: 'ready' }>, lineBytes: number): Failure | null {
    switch (message.type) {
      case 'progress':
        if (message.itemsDone <= this.#itemsDone || message.itemsDone > this.work.inputs.length) return null;
        this.#itemsDone = message.itemsDone;
        this.work.onProgress(message.itemsDone);
        return null;
      case 'output':
        return this.#takeOutput(message.index, message.output, lineBytes);
      case 'done':
        if (this.#gathered !== this.work.inputs.length) {
          return broken(`said done after ${this.#gathered} outputs for ${this.work.inputs.length} inputs`);
        }
        this.#settle({
          ok: true,
          outputs: this.#outputs.map((output) => output ?? null),
          tokens: message.tokens ?? 0,
          busyMs: message.busyMs ?? 0,
        });
        return null;
      case 'error':
        this.fail(failureFrom(message.code, message.message));
        return null;
    }
  }

  #takeOutput(index: number, output: Json, lineBytes: number): Failure | null {
    if (index >= this.#outputs.length) return broken(`wrote output ${index} of ${this.#outputs.length}`);
    if (this.#outputs[index] !== undefined) return broken(`wrote output ${index} twice`);
    const { outputBytesMax } = this.#template.template.resources;
    this.#outputBytes += lineBytes;
    if (this.#outputBytes > outputBytesMax) return broken(`wrote more than the ${outputBytesMax} bytes that it may`);
    const wrong = this.#template.checks.output(output);
    if (wrong !== null) return broken(`wrote output ${index} against the template's schema: ${wrong}`);
    this.#outputs[index] = normaliseOutput(this.#template.template.verifier, output);
    this.#gathered++;
    return null;
  }
}

function broken(what: string): Failure {
  return { code: 'container', message: `the runner ${what}` };
}
