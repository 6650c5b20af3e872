/** One run inside of a runner process: gathers its outputs and holds them against what was asked. */
import type { StopSignal, TokenClaim, TokenPiece } from '../../ports/index.ts';
import { type Json, normaliseOutput } from '../../protocol/index.ts';
import type { LoadedTemplate } from '../templates/load-templates.ts';
import type { Failure } from './failure.ts';
import { failureFrom } from './failure.ts';
import { type RunnerMessage, TokenCheckOutput } from './messages.ts';
import { ShownTokens } from './shown-tokens.ts';

export interface RunWork {
  readonly id: string;
  readonly params: Readonly<Record<string, Json>>;
  readonly inputs: readonly Json[];
  /** Of a check: its outputs are then {@link TokenCheckOutput}s. */
  readonly claims?: readonly TokenClaim[];
  readonly prefixes?: readonly (readonly number[])[];
  readonly stop?: StopSignal;
  onProgress(itemsDone: number): void;
  onToken?(piece: TokenPiece): void;
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
  readonly #shown: ShownTokens;
  #gathered = 0;
  #itemsDone = 0;
  #outputBytes = 0;
  #tokenBytes = 0;
  #settle: (result: RunResult) => void;

  constructor(template: LoadedTemplate, work: RunWork) {
    this.work = work;
    this.#template = template;
    this.#outputs = new Array<Json | undefined>(work.inputs.length).fill(undefined);
    this.#shown = new ShownTokens(work.prefixes ?? []);
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
      case 'token':
        return this.#takeTokens(message, lineBytes);
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

  #takeTokens(
    { item, index, tokens: tokenIds, text }: Extract<RunnerMessage, { type: 'token' }>,
    lineBytes: number,
  ): Failure | null {
    const { onToken, inputs } = this.work;
    if (onToken === undefined) return broken('wrote tokens that nobody asked for');
    if (item >= inputs.length) return broken(`wrote tokens of item ${item} of ${inputs.length}`);
    if (this.#outputs[item] !== undefined) return broken(`wrote tokens of item ${item} after its output`);
    const { outputBytesMax } = this.#template.template.resources;
    this.#tokenBytes += lineBytes;
    if (this.#tokenBytes > outputBytesMax) return broken(`wrote more than ${outputBytesMax} bytes of tokens`);
    const piece = { item, index, tokenIds, text };
    const wrong = this.#shown.take(piece);
    if (wrong !== null) return broken(wrong);
    this.work.onToken?.(piece);
    return null;
  }

  #takeOutput(index: number, output: Json, lineBytes: number): Failure | null {
    if (index >= this.#outputs.length) return broken(`wrote output ${index} of ${this.#outputs.length}`);
    if (this.#outputs[index] !== undefined) return broken(`wrote output ${index} twice`);
    const { outputBytesMax } = this.#template.template.resources;
    this.#outputBytes += lineBytes;
    if (this.#outputBytes > outputBytesMax) return broken(`wrote more than the ${outputBytesMax} bytes that it may`);
    const { claims } = this.work;
    if (claims === undefined) {
      const wrong = this.#template.checks.output(output);
      if (wrong !== null) return broken(`wrote output ${index} against the template's schema: ${wrong}`);
      const unlike = this.#shown.judge(index, output);
      if (unlike !== null) return broken(unlike);
      this.#outputs[index] = normaliseOutput(this.#template.template.verifier, output);
    } else {
      const parsed = TokenCheckOutput.safeParse(output);
      if (!parsed.success) return broken(`wrote check ${index} that is none: ${parsed.error.issues[0]?.message}`);
      this.#outputs[index] = parsed.data;
    }
    this.#gathered++;
    return null;
  }
}

function broken(what: string): Failure {
  return { code: 'container', message: `the runner ${what}` };
}
