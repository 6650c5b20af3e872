/**
 * Which token comes next. The draw at a position depends on the seed and the position alone, not on the draws before it:
 * so an answer can be taken up in the middle, and a checker who disagrees on one token is not out of step after it. The
 * library's own sampler has neither property, since it draws from one stream and skips a draw where only one token is left.
 *
 * Token-DiFR (arXiv 2511.20621) does the same with Gumbel noise by position; we invert the distribution function instead,
 * because the library gives probabilities after top-k and top-p, and not logits.
 */

/** @typedef {import('node-llama-cpp').Token} Token */
/** @typedef {Map<Token, number>} Candidates token → probability, the likeliest first */

/**
 * Near-ties, which honest computers may break differently since they round differently. Greedy: the second token has at
 * least this share of the first one's probability. Drawn: the draw lies within this distance of the token's interval.
 * Measured with the demonstration models: no token of tiny with weights rounded to 8 bits fell outside of it in 10,000,
 * and few of the smaller model's deviations inside: none at temperature 0, 1 in 50 above (README of text-generation).
 */
const nearGreedyShare = 0.98;
const nearDraw = 0.02;

/**
 * What to ask the library for at a position. At temperature 0 the two likeliest are enough; they are asked for with a
 * temperature of 1, since with 0 the library gives all of the vocabulary.
 * @param {number} temperature
 */
export function candidatesAt(temperature) {
  const options = temperature === 0 ? { temperature: 1, topK: 2, topP: 1 } : { temperature, topK: 40, topP: 0.95 };
  return { generateNext: { probabilities: true, options: { ...options, seed: 0 } } };
}

/**
 * @param {Candidates} candidates @param {number} temperature @param {number} seed
 * @param {number} position in the answer, from 0
 * @returns {Token}
 */
export function choose(candidates, temperature, seed, position) {
  const u = temperature === 0 ? 0 : draw(seed, position);
  let sum = 0;
  /** @type {Token | undefined} */
  let last;
  for (const [token, probability] of candidates) {
    sum += probability;
    last = token;
    if (u < sum) break;
  }
  if (last === undefined) throw new Error('the model gave no token');
  return last;
}

/**
 * Would this computer have chosen the token too, or one that nearly ties with it?
 * @param {Candidates} candidates @param {number} temperature @param {number} seed @param {number} position
 * @param {Token} token
 */
export function agrees(candidates, temperature, seed, position, token) {
  const probability = candidates.get(token);
  if (probability === undefined) return false;
  const [likeliest = 0] = candidates.values();
  if (temperature === 0) return probability >= nearGreedyShare * likeliest;
  const u = draw(seed, position);
  let below = 0;
  for (const [other, share] of candidates) {
    if (other === token) break;
    below += share;
  }
  return u >= below - nearDraw && u < below + probability + nearDraw;
}

/** In [0, 1), by MurmurHash3's finaliser, which takes neighbouring positions far apart. @param {number} seed @param {number} position */
function draw(seed, position) {
  let h = (Math.imul(seed ^ (seed >>> 16), 0x7feb352d) + Math.imul(position, 0x9e3779b9)) >>> 0;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return ((h ^ (h >>> 16)) >>> 0) / 2 ** 32;
}
