/** An example of an image that a job may name: gives each input back, its texts in capitals where `upper` is set. */
import { serve } from '../lib/serve.mjs';

/** @param {unknown} value @returns {unknown} */
function upper(value) {
  if (typeof value === 'string') return value.toUpperCase();
  if (Array.isArray(value)) return value.map(upper);
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, upper(inner)]));
}

serve({
  load: async () => ({}),
  runItem: async (_engine, params, input) => ({
    output: { echo: params['upper'] === true ? upper(input) : input },
    tokens: 0,
  }),
});
