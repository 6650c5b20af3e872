/**
 * The one way from a prompt to an answer. All templates use it: other ways through the library (its completion and chat
 * classes) give other text even at temperature 0, and then honest providers would disagree.
 */
import { Answer } from './answer.mjs';
import { agrees, candidatesAt, choose } from './sampler.mjs';
import { RunnerError } from './serve.mjs';

/**
 * @typedef {import('node-llama-cpp').Token} Token
 * @typedef {import('./model.mjs').OpenModel} OpenModel
 * @typedef {{role: 'system' | 'user' | 'assistant', content: string}} Message
 * @typedef {{seed: number, temperature: number, stop: readonly string[], maxTokens: number}} Sampling
 * @typedef {{answer: Answer, promptTokens: number}} Generated
 */

/** For benchmarks: what a slower model would do. */
const tokensPerSecondMax = Number(process.env['INFERNET_TOKENS_PER_SECOND_MAX'] ?? Number.POSITIVE_INFINITY);
/** Positions of one batch of a check: each wants memory for a row of probabilities, and a cancel waits for a batch. */
const checkBatchTokens = 64;

/**
 * Tokens of a conversation in the chat format of the model's own file. Only the format's markers become control tokens:
 * the same characters in a message stay text, so a prompt cannot end its own turn.
 *
 * @param {OpenModel} open
 * @param {readonly Message[]} messages
 * @returns {Token[]}
 */
function promptTokens({ chat, model }, messages) {
  /** @type {import('node-llama-cpp').ChatHistoryItem[]} */
  const chatHistory = messages.map(({ role, content }) =>
    role === 'assistant' ? { type: 'model', response: [content] } : { type: role, text: content },
  );
  chatHistory.push({ type: 'model', response: [] });
  return chat.generateContextState({ chatHistory }).contextText.tokenize(model.tokenizer);
}

/**
 * @param {OpenModel} open @param {readonly Message[]} messages
 * @returns {{prompt: Token[], room: number}} `room`: tokens that the context has for an answer
 */
function begin(open, messages) {
  const prompt = promptTokens(open, messages);
  // The library moves its window when the context is full; two places short of that we end instead.
  const room = open.contextTokens - 2 - prompt.length;
  if (room < 1) {
    throw new RunnerError(
      'bad-input',
      `the prompt has ${prompt.length} tokens, this model takes ${open.contextTokens - 3} with room for an answer`,
    );
  }
  return { prompt, room };
}

/**
 * @param {OpenModel} open
 * @param {readonly Message[]} messages
 * @param {Sampling} sampling temperature 0 is greedy; else the seed decides, alone: not the order or the company of items
 * @param {import('./serve.mjs').Item} item
 * @returns {Promise<Generated>}
 */
export async function generate(open, messages, { seed, temperature, stop, maxTokens }, item) {
  const { prompt, room } = begin(open, messages);
  const answer = new Answer(open.model, stop, Math.min(maxTokens, room));
  const prefix = tokensOf(open, item.prefix);
  if (prefix.length < item.prefix.length) throw new RunnerError('bad-input', 'the prefix has a token of another model');
  for (const token of prefix) {
    if (answer.finish !== null) throw new RunnerError('bad-input', 'the prefix goes on after the end of the answer');
    answer.push(token);
  }
  // The text of the prefix was shown by whoever began the answer.
  answer.takeText();

  if (item.isStopped() && answer.finish === null) answer.end('stopped');
  if (answer.finish === null) {
    await open.sequence.clearHistory();
    const position = prefix.length;
    const startedAt = performance.now();
    for await (const token of tokensAfter(open, [...prompt, ...prefix], { seed, temperature, position })) {
      if (item.signal.aborted) break;
      const index = answer.tokens;
      answer.push(token);
      if (answer.tokens > index) await item.token(index, token, answer.takeText());
      if (answer.finish !== null) break;
      if (item.isStopped()) {
        answer.end('stopped');
        break;
      }
      if (tokensPerSecondMax < Number.POSITIVE_INFINITY) {
        const dueAt = startedAt + ((answer.tokens - position) * 1000) / tokensPerSecondMax;
        await new Promise((resolve) => setTimeout(resolve, Math.max(0, dueAt - performance.now())));
      }
    }
  }
  return { answer, promptTokens: prompt.length };
}

/**
 * The model's tokens after `tokens`, without end; the model's end marker is one of them.
 * @param {OpenModel} open @param {Token[]} tokens
 * @param {{seed: number, temperature: number, position: number}} sampling `position` of the first one in the answer
 */
async function* tokensAfter({ sequence }, tokens, { seed, temperature, position }) {
  if (temperature === 0) {
    // The same as below, and faster: the library keeps its sampler.
    yield* sequence.evaluate(tokens, { temperature: 0, yieldEogToken: true });
    return;
  }
  const wanted = candidatesAt(temperature);
  for (let feed = tokens; ; position++) {
    const last = feed.length - 1;
    /** @type {import('node-llama-cpp').ControlledEvaluateInputItem[]} */
    const items = feed.map((token, at) => (at === last ? [token, wanted] : token));
    const token = choose(candidatesOf(await sequence.controlledEvaluate(items), last), temperature, seed, position);
    yield token;
    feed = [token];
  }
}

/**
 * Forces claimed tokens through the model, many at a time, and compares at each position.
 *
 * @param {OpenModel} open
 * @param {readonly Message[]} messages
 * @param {Sampling} sampling
 * @param {import('./serve.mjs').Claim} claim
 * @param {AbortSignal} signal
 * @returns {Promise<{check: import('./serve.mjs').TokenCheck, tokens: number}>}
 */
export async function check(open, messages, { seed, temperature, stop, maxTokens }, { tokenIds, given }, signal) {
  const { prompt, room } = begin(open, messages);
  if (tokenIds.length > room) {
    throw new RunnerError(
      'requirements',
      `the claim has ${tokenIds.length} tokens, this computer has room for ${room}`,
    );
  }
  const answer = new Answer(open.model, stop, Math.min(maxTokens, room));
  // What is no token, or comes after the end, nobody would have chosen.
  for (const token of tokensOf(open, tokenIds)) {
    if (answer.finish !== null) break;
    answer.push(token);
  }
  if (answer.finish === null) answer.end('stopped');
  const finish = answer.finish === null || answer.finish === 'stopped' ? 'open' : answer.finish;

  const claimed = answer.tokenIds;
  const wanted = candidatesAt(temperature);
  let agreed = 0;
  /** @type {number | null} */
  let firstDisagreement = null;
  await open.sequence.clearHistory();
  for (let from = 0; from < claimed.length && !signal.aborted; from += checkBatchTokens) {
    const to = Math.min(claimed.length, from + checkBatchTokens);
    const before = from === 0 ? prompt.slice(0, -1) : [];
    // The token at a position follows from the one before it.
    const asked = [from === 0 ? prompt[prompt.length - 1] : claimed[from - 1], ...claimed.slice(from, to - 1)];
    /** @type {import('node-llama-cpp').ControlledEvaluateInputItem[]} */
    const items = [...before];
    for (const token of asked) if (token !== undefined) items.push([token, wanted]);
    const results = await open.sequence.controlledEvaluate(items);
    for (const [offset, token] of claimed.slice(from, to).entries()) {
      const at = from + offset;
      if (at < given) continue;
      const candidates = candidatesOf(results, before.length + offset);
      if (agrees(candidates, temperature, seed, at, token)) agreed++;
      else firstDisagreement ??= at;
    }
  }
  if (claimed.length < tokenIds.length) firstDisagreement ??= Math.max(given, claimed.length);
  return {
    check: { tokens: Math.max(0, tokenIds.length - given), agreed, firstDisagreement, text: answer.text, finish },
    tokens: prompt.length + claimed.length,
  };
}

/** @param {readonly (undefined | import('node-llama-cpp').ControlledEvaluateIndexOutput)[]} results @param {number} at */
function candidatesOf(results, at) {
  const found = results[at]?.next.probabilities;
  if (found === undefined) throw new Error('the model gave no probabilities');
  return found;
}

/** The numbers up to the first that is no token of the model: llama.cpp dies of such. @param {OpenModel} open @param {readonly number[]} ids */
function tokensOf({ vocabularyTokens }, ids) {
  const end = ids.findIndex((id) => !Number.isInteger(id) || id < 0 || id >= vocabularyTokens);
  return /** @type {Token[]} */ (end < 0 ? [...ids] : ids.slice(0, end));
}
