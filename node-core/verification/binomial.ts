/**
 * How likely honest providers differ this much: the upper tail of the binomial distribution, P(X ≥ k) for n items that
 * differ with probability p each.
 *
 * Exact, in integers: a verdict costs somebody money and standing, so it must not hang on how a processor rounds, and two
 * nodes that repeat the calculation must come to the same answer. For the 1,000 items that a shard may have this takes
 * about a millisecond.
 */
const MILLION = 1_000_000n;

/**
 * Is P(X ≥ k) < bound, for X ~ Binomial(n, ppm / 10⁶)?
 *
 * With q = 10⁶ − ppm every term C(n,i)·ppmⁱ·qⁿ⁻ⁱ is an integer over the common denominator 10⁶ⁿ, and each follows from the
 * one before by (n−i)/(i+1)·ppm/q.
 *
 * @param k differing items, 0…n.
 * @param ppm probability that an honest item differs, per million, 0…999,999.
 * @param boundPpm per million.
 * @throws RangeError when an argument is out of its range.
 */
export function tailIsBelow(n: number, k: number, ppm: number, boundPpm: number): boolean {
  if (!(n >= 0 && k >= 0 && k <= n)) throw new RangeError(`${k} of ${n} items cannot differ`);
  if (!(ppm >= 0 && ppm < 1_000_000)) throw new RangeError(`${ppm} per million is not a probability below 1`);
  const p = BigInt(ppm);
  const q = MILLION - p;
  const whole = MILLION ** BigInt(n);
  // The sum of the terms below k, then its complement: k is small whenever the answer is in doubt.
  let term = q ** BigInt(n);
  let below = 0n;
  for (let i = 0; i < k; i++) {
    below += term;
    term = (term * BigInt(n - i) * p) / (BigInt(i + 1) * q);
  }
  return (whole - below) * MILLION < BigInt(boundPpm) * whole;
}
