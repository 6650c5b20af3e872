/** Sorts texts into labels by a chat model. Input, parameters and output: the schemas in template.json. */
import { generate } from '../lib/generate.mjs';
import { openModel } from '../lib/model.mjs';
import { serve } from '../lib/serve.mjs';

/**
 * @typedef {{instruction?: string, labels?: string[]}} Params
 * @typedef {{text?: string, prompt?: string}} Input
 */

const sentiment = ['positive', 'negative', 'neutral'];
/** Of an answer that is none of the labels. */
const invalid = 'invalid';

/** The same form as the protocol's normaliseOutput. @param {string} text */
const normalise = (text) => text.normalize('NFKC').trim().toLowerCase();

/** @param {Params} params */
function instructionOf({ instruction, labels }) {
  if (instruction !== undefined) return instruction;
  if (labels === undefined) return 'Is this review positive, negative or neutral?';
  return `Which of these labels fits the text: ${labels.join(', ')}? Answer with the label only.`;
}

/**
 * A label may come in quotes or with a full stop; anything more is not a label.
 * @param {string} answer @param {readonly string[]} labels
 */
function labelOf(answer, labels) {
  const plain = normalise(answer);
  const bare = plain.replace(/^["'`“‘]+|["'`”’.!]+$/gu, '').trim();
  return labels.find((label) => label === plain) ?? labels.find((label) => label === bare) ?? invalid;
}

serve({
  load: openModel,
  async runItem(open, given, input, item) {
    // The host has checked both by the schemas of template.json.
    const params = /** @type {Params} */ (given);
    const { text, prompt } = /** @type {Input} */ (input);
    const labels = (params.labels ?? sentiment).map(normalise);
    const content = prompt ?? `${instructionOf(params)} ${text ?? ''}`;
    // An answer that has not ended a few tokens after the longest label is none; this bounds rambling.
    const maxTokens = 8 + Math.max(...labels.map((label) => open.model.tokenize(label).length));
    const sampling = { seed: 0, temperature: 0, stop: [], maxTokens };
    // A label is all or nothing: no prefix, and nothing to show or keep of an unfinished one.
    const whole = { ...item, prefix: [], isStopped: () => false, token: async () => undefined };
    const { answer, promptTokens } = await generate(open, [{ role: 'user', content }], sampling, whole);
    return {
      output: { label: answer.finish === 'stop' ? labelOf(answer.text, labels) : invalid },
      tokens: promptTokens + answer.tokens,
    };
  },
});
