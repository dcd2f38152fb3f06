/** Small arithmetic on latent vectors, kept in flat arrays of `SIZE` numbers each. */
import type { Random } from '../lib/random.ts';

/** Length of every latent vector: tastes, intents and items. */
export const SIZE = 8;

export const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));

export const clamp = (x: number, low: number, high: number): number =>
  Math.min(high, Math.max(low, x));

/** Inner product of vector `i` of `a` and vector `j` of `b`. */
export function dot(a: Float64Array, i: number, b: Float64Array, j: number): number {
  const from = i * SIZE;
  const to = j * SIZE;
  // Written out, in the order of a loop: this is the innermost step of all.
  return (
    0 +
    a[from]! * b[to]! +
    a[from + 1]! * b[to + 1]! +
    a[from + 2]! * b[to + 2]! +
    a[from + 3]! * b[to + 3]! +
    a[from + 4]! * b[to + 4]! +
    a[from + 5]! * b[to + 5]! +
    a[from + 6]! * b[to + 6]! +
    a[from + 7]! * b[to + 7]!
  );
}

/** Scales vector `i` to the given length, in place. */
export function normalise(a: Float64Array, i: number, length = 1): void {
  const norm = Math.sqrt(dot(a, i, a, i)) || 1;
  for (let d = i * SIZE; d < (i + 1) * SIZE; d++) a[d] = (a[d]! * length) / norm;
}

/** Fills vector `i` with a random direction of length 1. */
export function randomUnit(random: Random, a: Float64Array, i: number): void {
  for (let d = i * SIZE; d < (i + 1) * SIZE; d++) a[d] = random.normal();
  normalise(a, i);
}

/** Number of events of a Poisson law; by products below 30, by the normal law above. */
export function poisson(random: Random, mean: number): number {
  if (mean > 30) return Math.max(0, Math.round(random.normal(mean, Math.sqrt(mean))));
  const limit = Math.exp(-mean);
  let count = -1;
  let product = 1;
  do {
    count++;
    product *= random.uniform();
  } while (product > limit);
  return count;
}

/** Index drawn with the given weights, which need not sum to 1. */
export function pick(random: Random, weights: ArrayLike<number>): number {
  let total = 0;
  for (let i = 0; i < weights.length; i++) total += weights[i]!;
  let left = random.uniform() * total;
  for (let i = 0; i < weights.length - 1; i++) {
    left -= weights[i]!;
    if (left < 0) return i;
  }
  return weights.length - 1;
}

/** Powers of ten that are exact, so that a whole number over one is the double nearest to the decimal. */
const TENS = [1e3, 1e4, 1e5, 1e6] as const;

/** `Number(x.toPrecision(4))`, without the text in between where the rounding is beyond doubt. */
export function fourDigits(x: number): number {
  const size = Math.abs(x);
  if (size >= 0.001 && size < 10) {
    const tens = size >= 1 ? TENS[0] : size >= 0.1 ? TENS[1] : size >= 0.01 ? TENS[2] : TENS[3];
    const scaled = x * tens;
    const whole = Math.round(scaled);
    // The product is off by far less than that; nearer to the middle, the text decides.
    if (Math.abs(Math.abs(scaled - whole) - 0.5) > 1e-6) return whole / tens;
  }
  return Number(x.toPrecision(4));
}
