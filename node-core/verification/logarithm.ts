/**
 * Natural logarithms in integers. Weights of a sequential test come from these, so that two nodes come to the same verdict
 * whatever their processors and engines make of `Math.log`.
 */
const one = 1n << 96n;

/** ln(numerator / denominator) in millionths, rounded down; off by less than 10⁻²⁰ before that. Both above 0. */
export function lnMicroFloor(numerator: number, denominator: number): number {
  const scaled = (lnScaled(numerator) - lnScaled(denominator)) * 1_000_000n;
  const quotient = scaled / one;
  return Number(scaled < 0n && quotient * one !== scaled ? quotient - 1n : quotient);
}

/** The same, rounded up. */
export function lnMicroCeil(numerator: number, denominator: number): number {
  // Not a negation: that of 0 is −0, which is another value to whoever compares.
  return 0 - lnMicroFloor(denominator, numerator);
}

/** Rates come again and again, counts nearly so. */
const known = new Map<number, bigint>();
const knownMax = 1_000;

function lnScaled(n: number): bigint {
  let value = known.get(n);
  if (value === undefined) {
    value = computeLnScaled(n);
    if (known.size < knownMax) known.set(n, value);
  }
  return value;
}

/** ln(n)·2⁹⁶: n = 2ᵏ·x with x in [1, 2), and ln x = 2·artanh((x−1)/(x+1)) by its series, whose argument is at most 1/3. */
function computeLnScaled(n: number): bigint {
  if (!Number.isSafeInteger(n) || n < 1) throw new RangeError(`${n} has no logarithm here`);
  let k = 0n;
  while (BigInt(n) >> (k + 1n) > 0n) k++;
  const x = (BigInt(n) * one) >> k;
  return artanhScaled(((x - one) * one) / (x + one)) * 2n + k * ln2Scaled;
}

function artanhScaled(y: bigint): bigint {
  let sum = 0n;
  for (let power = y, i = 1n; power > 0n; power = (power * y * y) / one / one, i += 2n) sum += power / i;
  return sum;
}

const ln2Scaled = artanhScaled(one / 3n) * 2n;
