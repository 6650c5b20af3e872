/** No model: the hash of the input, and tokens at a stated speed, so that all around a model can be measured alone. */
import { createHash } from 'node:crypto';
import { serve } from '../lib/serve.mjs';

/** Stops and cancels come in between, also where tokens are to come as fast as they can. */
const breathEveryTokens = 32;

/** @param {number} id */
const wordOf = (id) => `${id} `;

serve({
  load: async () => ({}),
  async runItem(_engine, params, input, item) {
    // The host has checked them by the schema of template.json.
    const { tokens = 0, tokensPerSecond = 0 } = /** @type {{tokens?: number, tokensPerSecond?: number}} */ (params);
    const sha256 = createHash('sha256').update(JSON.stringify(input)).digest('hex');
    const tokenIds = [...item.prefix].slice(0, tokens);
    const startedAt = performance.now();
    for (let at = tokenIds.length; at < tokens && !item.signal.aborted && !item.isStopped(); at++) {
      // A prefix of another's tokens is kept; what follows depends on the position alone.
      tokenIds.push(at);
      await item.token(at, at, wordOf(at));
      const dueMs = tokensPerSecond === 0 ? 0 : ((at - item.prefix.length + 1) * 1000) / tokensPerSecond;
      const waitMs = startedAt + dueMs - performance.now();
      if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
      else if (at % breathEveryTokens === 0) await new Promise((resolve) => setImmediate(() => resolve(undefined)));
    }
    const finish = tokenIds.length < tokens ? 'stopped' : 'length';
    return { output: { sha256, text: tokenIds.map(wordOf).join(''), tokenIds, finish }, tokens: tokenIds.length };
  },
});
