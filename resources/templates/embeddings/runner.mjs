/** Turns texts into vectors. Input and output: the schemas in template.json. */
import { openEmbedder } from '../lib/model.mjs';
import { RunnerError, serve } from '../lib/serve.mjs';

/** Six decimals: what rounding of the arithmetic changes lies below, and the text of a vector is half as long. */
const roundTo = 1_000_000;

/** Of length 1, in the stated rounding. @param {readonly number[]} vector */
function normalise(vector) {
  let squares = 0;
  for (const x of vector) squares += x * x;
  const length = Math.sqrt(squares);
  if (!(length > 0 && length < Number.POSITIVE_INFINITY))
    throw new RunnerError('container', 'the model gave no vector');
  return vector.map((x) => Math.round((x / length) * roundTo) / roundTo);
}

serve({
  load: openEmbedder,
  async runItem({ model, context, contextTokens }, _params, input) {
    // The host has checked it by the schema of template.json.
    const { text } = /** @type {{text: string}} */ (input);
    // As text: a control token's name in it is no control token.
    const tokens = model.tokenize(text);
    const count = context.calculateInputLength([...tokens]);
    if (count >= contextTokens) {
      throw new RunnerError('bad-input', `the text has ${count} tokens, this model takes ${contextTokens - 1}`);
    }
    const { vector } = await context.getEmbeddingFor([...tokens]);
    const normal = normalise(vector);
    return { output: { vector: normal, dimensions: normal.length }, tokens: count };
  },
});
