/**
 * The runner's side of the runner contract (../README.md): NDJSON on stdin and stdout, one loaded model for many runs.
 *
 * Runs take turns item by item, so that a short one need not wait for a long one, and an item is computed alone: runs
 * side by side in one llama.cpp batch change the last digits of probabilities, and with them what a verifier sees.
 */
import { createInterface } from 'node:readline';
import { TokenStream } from './token-stream.mjs';

/**
 * @typedef {{model: string | null, threads: number, contextTokens: number, gpu?: 'metal' | 'cuda' | 'vulkan'}} LoadRequest
 * @typedef {{output: unknown, tokens: number}} ItemResult `tokens` went through the model: prompt and answer.
 * @typedef {{[key: string]: unknown}} Params
 *
 * @typedef {object} Item what a template is told about the item that it computes
 * @property {AbortSignal} signal give up: whatever comes of it is thrown away
 * @property {() => boolean} isStopped end here, with what there is
 * @property {readonly number[]} prefix tokens that the answer must begin with
 * @property {(index: number, token: number, text: string) => Promise<void>} token shows a token as it comes; `index` counts
 *   the tokens of the answer before it, the prefix among them. Wait for it before making the next one.
 *
 * @typedef {{tokenIds: number[], given: number}} Claim tokens to check; the first `given` are another's and not judged
 * @typedef {{
 *   tokens: number, agreed: number, firstDisagreement: number | null, text: string, finish: 'stop' | 'length' | 'open',
 * }} TokenCheck
 */

/**
 * @template Engine
 * @typedef {object} Template
 * @property {(request: LoadRequest) => Promise<Engine>} load
 * @property {(engine: Engine, params: Params, input: unknown, item: Item) => Promise<ItemResult>} runItem
 * @property {(engine: Engine, params: Params, input: unknown, claim: Claim, signal: AbortSignal) => Promise<{check: TokenCheck, tokens: number}>} [checkItem]
 */

/**
 * @typedef {object} Run
 * @property {string} id
 * @property {Params} params
 * @property {unknown[]} inputs
 * @property {number[][]} prefixes
 * @property {Claim[] | null} claims of a check; null for a run
 * @property {boolean} stream
 * @property {number} next
 * @property {number} tokens
 * @property {number} busyMs
 * @property {AbortController} cancel
 * @property {Set<number>} stopped items
 * @property {boolean} allStopped
 */

/** A fault with a code of the job protocol, e.g. `bad-input`. Others become `container`. */
export class RunnerError extends Error {
  /** @param {string} code @param {string} message */
  constructor(code, message) {
    super(message);
    this.code = code;
  }
}

/** @param {{[key: string]: unknown}} message */
async function send(message) {
  if (process.stdout.write(`${JSON.stringify(message)}\n`)) return;
  await new Promise((resolve) => process.stdout.once('drain', () => resolve(undefined)));
}

/** @param {unknown} error @param {string} otherwise the code of a fault that names none */
function faultOf(error, otherwise) {
  const message = error instanceof Error ? error.message : String(error);
  if (error instanceof RunnerError) return { code: error.code, message };
  const memory = error instanceof Error && (error.name === 'InsufficientMemoryError' || /alloc|memory/i.test(message));
  return { code: memory ? 'out-of-memory' : otherwise, message };
}

/**
 * Serves until stdin ends, which it does when the parent dies, however it dies.
 *
 * @template Engine
 * @param {Template<Engine>} template
 */
export function serve(template) {
  // stdout belongs to the protocol; whatever a library has to say goes to stderr.
  console.log = console.info = console.debug = console.error;

  /** @type {Engine | undefined} */
  let engine;
  /** @type {Run[]} in the order of their turns */
  const runs = [];
  let working = false;

  async function work() {
    if (working) return;
    working = true;
    for (let run = runs.shift(); run !== undefined; run = runs.shift()) {
      if (await step(run)) runs.push(run);
    }
    working = false;
  }

  /**
   * Computes one item of a run. Answers whether more is to do.
   * @param {Run} run
   */
  async function step(run) {
    try {
      if (engine === undefined) throw new RunnerError('container', 'run before load');
      if (run.next < run.inputs.length && !run.cancel.signal.aborted) {
        const startedAt = performance.now();
        current = run;
        const { output, tokens } = await compute(engine, run, run.next);
        run.busyMs += performance.now() - startedAt;
        run.tokens += tokens;
        if (!run.cancel.signal.aborted) {
          await send({ type: 'output', id: run.id, index: run.next, output });
          run.next++;
          await send({ type: 'progress', id: run.id, itemsDone: run.next });
        }
      }
      if (run.cancel.signal.aborted) throw new RunnerError('cancelled', 'cancelled');
      if (run.next < run.inputs.length) return true;
      await send({ type: 'done', id: run.id, tokens: run.tokens, busyMs: Math.round(run.busyMs) });
    } catch (error) {
      const { code, message } = faultOf(error, 'container');
      const where = run.inputs.length > 1 && code === 'bad-input' ? `item ${run.next}: ` : '';
      await send({ type: 'error', id: run.id, code, message: where + message });
    } finally {
      current = undefined;
    }
    return false;
  }

  /**
   * @param {Engine} loaded @param {Run} run @param {number} index
   * @returns {Promise<ItemResult>}
   */
  async function compute(loaded, run, index) {
    const { id, params, claims, stream } = run;
    const { signal } = run.cancel;
    const input = run.inputs[index] ?? null;
    if (claims !== null) {
      if (template.checkItem === undefined) throw new RunnerError('bad-input', 'this template has no tokens to check');
      const { check, tokens } = await template.checkItem(
        loaded,
        params,
        input,
        claims[index] ?? { tokenIds: [], given: 0 },
        signal,
      );
      return { output: check, tokens };
    }
    const shown = new TokenStream((piece) => send({ type: 'token', id, item: index, ...piece }));
    const result = await template.runItem(loaded, params, input, {
      signal,
      isStopped: () => run.allStopped || run.stopped.has(index),
      prefix: run.prefixes[index] ?? [],
      token: async (at, token, text) => {
        if (stream) await shown.push(at, token, text);
      },
    });
    await shown.flush();
    return result;
  }

  /** @type {Run | undefined} */
  let current;

  /** @param {string | undefined} id */
  function find(id) {
    return current?.id === id ? current : runs.find((run) => run.id === id);
  }

  /** @param {{[key: string]: any}} message parsed by the host's own code; checked only as far as a slip would mislead */
  async function receive(message) {
    const id = typeof message.id === 'string' ? message.id : undefined;
    switch (message.type) {
      case 'load':
        try {
          engine = await template.load({
            model: message.model ?? null,
            threads: message.threads,
            contextTokens: message.contextTokens,
          });
          await send({ type: 'ready' });
        } catch (error) {
          const { code, message: text } = faultOf(error, 'model-missing');
          await send({ type: 'error', code, message: `the model ${message.model ?? ''} could not be loaded: ${text}` });
        }
        return;
      case 'run':
      case 'check':
        runs.push({
          id: message.id,
          params: message.params,
          inputs: message.inputs,
          prefixes: message.prefixes ?? [],
          claims: message.type === 'check' ? (message.claims ?? []) : null,
          stream: message.stream === true,
          next: 0,
          tokens: 0,
          busyMs: 0,
          cancel: new AbortController(),
          stopped: new Set(),
          allStopped: false,
        });
        await work();
        return;
      case 'stop': {
        const run = find(id);
        if (typeof message.item === 'number') run?.stopped.add(message.item);
        else if (run !== undefined) run.allStopped = true;
        return;
      }
      case 'cancel':
        find(id)?.cancel.abort();
        return;
      default:
        await send({ type: 'error', id, code: 'unsupported', message: `this runner knows no ${String(message.type)}` });
    }
  }

  const lines = createInterface({ input: process.stdin, crlfDelay: Number.POSITIVE_INFINITY });
  lines.on('line', (line) => {
    /** @type {{[key: string]: any}} */
    let message;
    try {
      message = JSON.parse(line);
    } catch {
      void send({ type: 'error', code: 'container', message: 'a line on stdin is not JSON' });
      return;
    }
    void receive(message);
  });
  // Without a parent there is nobody to work for.
  lines.on('close', () => process.exit(0));
  process.stdout.on('error', () => process.exit(0));
}
