/**
 * The runner's side of the runner contract (../README.md): NDJSON on stdin and stdout, one loaded model for many runs.
 *
 * Runs take turns item by item, so that a short one need not wait for a long one, and an item is computed alone: runs
 * side by side in one llama.cpp batch change the last digits of probabilities, and with them what a verifier sees.
 */
import { createInterface } from 'node:readline';

/**
 * @typedef {{model: string | null, threads: number, contextTokens: number}} LoadRequest
 * @typedef {{output: unknown, tokens: number}} ItemResult `tokens` went through the model: prompt and answer.
 */

/**
 * @template Engine
 * @typedef {{
 *   load(request: LoadRequest): Promise<Engine>,
 *   runItem(engine: Engine, params: {[key: string]: unknown}, input: unknown, signal: AbortSignal): Promise<ItemResult>,
 * }} Template
 */

/**
 * @typedef {{
 *   id: string, params: {[key: string]: unknown}, inputs: unknown[], next: number, tokens: number, busyMs: number,
 *   stop: AbortController,
 * }} Run
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
      if (run.next < run.inputs.length && !run.stop.signal.aborted) {
        const startedAt = performance.now();
        current = run;
        const { output, tokens } = await template.runItem(
          engine,
          run.params,
          run.inputs[run.next] ?? null,
          run.stop.signal,
        );
        run.busyMs += performance.now() - startedAt;
        run.tokens += tokens;
        if (!run.stop.signal.aborted) {
          await send({ type: 'output', id: run.id, index: run.next, output });
          run.next++;
          await send({ type: 'progress', id: run.id, itemsDone: run.next });
        }
      }
      if (run.stop.signal.aborted) throw new RunnerError('cancelled', 'cancelled');
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
  /** @type {Run | undefined} */
  let current;

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
        runs.push({
          id: message.id,
          params: message.params,
          inputs: message.inputs,
          next: 0,
          tokens: 0,
          busyMs: 0,
          stop: new AbortController(),
        });
        await work();
        return;
      case 'cancel':
        for (const run of current === undefined ? runs : [current, ...runs]) if (run.id === id) run.stop.abort();
        return;
      default: // `check` comes with token verification, `token` with streaming.
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
