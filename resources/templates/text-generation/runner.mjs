/** Answers prompts by a chat model. Input, parameters and output: the schemas in template.json. */
import { generate } from '../lib/generate.mjs';
import { openModel } from '../lib/model.mjs';
import { serve } from '../lib/serve.mjs';

/**
 * @typedef {import('../lib/generate.mjs').Message} Message
 * @typedef {{seed?: number, temperature?: number, stop?: string[], maxTokens?: number, system?: string}} Params
 * @typedef {{prompt: string, messages?: Message[]}} Input
 */

serve({
  load: openModel,
  async runItem(open, params, input, signal) {
    // The host has checked both by the schemas of template.json.
    const { seed = 0, temperature = 0, stop = [], maxTokens = 256, system } = /** @type {Params} */ (params);
    const { prompt, messages = [] } = /** @type {Input} */ (input);
    /** @type {Message[]} */
    const conversation = [...messages, { role: 'user', content: prompt }];
    if (system !== undefined && system !== '') conversation.unshift({ role: 'system', content: system });
    const answer = await generate(open, conversation, { seed, temperature, stop, maxTokens }, signal);
    return {
      output: { text: answer.text, tokens: answer.tokens, finish: answer.finish },
      tokens: answer.promptTokens + answer.tokens,
    };
  },
});
