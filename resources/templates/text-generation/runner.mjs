/** Answers prompts by a chat model. Input, parameters and output: the schemas in template.json. */
import { check, generate } from '../lib/generate.mjs';
import { openModel } from '../lib/model.mjs';
import { serve } from '../lib/serve.mjs';

/**
 * @typedef {import('../lib/generate.mjs').Message} Message
 * @typedef {{seed?: number, temperature?: number, stop?: string[], maxTokens?: number, system?: string}} Params
 * @typedef {{prompt: string, messages?: Message[]}} Input
 */

/** @param {{[key: string]: unknown}} params */
function samplingOf(params) {
  // The host has checked it by the schemas of template.json.
  const { seed = 0, temperature = 0, stop = [], maxTokens = 256 } = /** @type {Params} */ (params);
  return { seed, temperature, stop, maxTokens };
}

/** @param {{[key: string]: unknown}} params @param {unknown} input */
function conversationOf(params, input) {
  const { system } = /** @type {Params} */ (params);
  const { prompt, messages = [] } = /** @type {Input} */ (input);
  /** @type {Message[]} */
  const conversation = [...messages, { role: 'user', content: prompt }];
  if (system !== undefined && system !== '') conversation.unshift({ role: 'system', content: system });
  return conversation;
}

serve({
  load: openModel,
  async runItem(open, params, input, item) {
    const conversation = conversationOf(params, input);
    const { answer, promptTokens } = await generate(open, conversation, samplingOf(params), item);
    const { text, tokens, tokenIds, finish } = answer;
    return { output: { text, tokens, tokenIds, finish }, tokens: promptTokens + tokens };
  },
  async checkItem(open, params, input, claim, signal) {
    return await check(open, conversationOf(params, input), samplingOf(params), claim, signal);
  },
});
