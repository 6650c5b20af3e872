/**
 * The one way from a prompt to an answer. All templates use it: other ways through the library (its completion and chat
 * classes) give other text even at temperature 0, and then honest providers would disagree.
 */
import { RunnerError } from './serve.mjs';

/**
 * @typedef {{role: 'system' | 'user' | 'assistant', content: string}} Message
 * @typedef {{seed: number, temperature: number, stop: readonly string[], maxTokens: number}} Sampling
 * @typedef {{text: string, tokens: number, promptTokens: number, finish: 'stop' | 'length'}} Answer
 */

/**
 * Tokens of a conversation in the chat format of the model's own file. Only the format's markers become control tokens:
 * the same characters in a message stay text, so a prompt cannot end its own turn.
 *
 * @param {import('./model.mjs').OpenModel} open
 * @param {readonly Message[]} messages
 * @returns {import('node-llama-cpp').Token[]}
 */
export function promptTokens({ chat, model }, messages) {
  /** @type {import('node-llama-cpp').ChatHistoryItem[]} */
  const chatHistory = messages.map(({ role, content }) =>
    role === 'assistant' ? { type: 'model', response: [content] } : { type: role, text: content },
  );
  chatHistory.push({ type: 'model', response: [] });
  return chat.generateContextState({ chatHistory }).contextText.tokenize(model.tokenizer);
}

/**
 * @param {import('./model.mjs').OpenModel} open
 * @param {readonly Message[]} messages
 * @param {Sampling} sampling temperature 0 is greedy; else the seed decides, alone: not the order or the company of items
 * @param {AbortSignal} signal
 * @returns {Promise<Answer>}
 */
export async function generate(open, messages, { seed, temperature, stop, maxTokens }, signal) {
  const { model, sequence, contextTokens } = open;
  const prompt = promptTokens(open, messages);
  // The library moves its window when the context is full; two places short of that we end instead.
  const room = contextTokens - 2 - prompt.length;
  if (room < 1) {
    throw new RunnerError(
      'bad-input',
      `the prompt has ${prompt.length} tokens, this model takes ${contextTokens - 3} with room for an answer`,
    );
  }
  const tokensMax = Math.min(maxTokens, room);
  // Every token has at least one byte, so a stop text lies within this many of the last tokens.
  const windowTokens = Math.max(0, ...stop.map((text) => Buffer.byteLength(text))) + 4;

  /** @type {import('node-llama-cpp').Token[]} */
  const tokens = [];
  /** The library ends the loop itself at the model's end marker. @type {'stop' | 'length'} */
  let finish = 'stop';
  await sequence.clearHistory();
  for await (const token of sequence.evaluate(prompt, { temperature, seed })) {
    if (signal.aborted) break;
    tokens.push(token);
    const tail = stop.length === 0 ? '' : model.detokenize(tokens.slice(-windowTokens));
    if (stop.some((text) => tail.includes(text))) break;
    if (tokens.length >= tokensMax) {
      finish = 'length';
      break;
    }
  }
  return {
    text: cutAtStop(model.detokenize(tokens), stop),
    tokens: tokens.length,
    promptTokens: prompt.length,
    finish,
  };
}

/** @param {string} text @param {readonly string[]} stop */
function cutAtStop(text, stop) {
  const ends = stop.map((end) => text.indexOf(end)).filter((at) => at >= 0);
  return ends.length === 0 ? text : text.slice(0, Math.min(...ends));
}
