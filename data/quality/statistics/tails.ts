/** Tail probabilities of the chi-square and the normal distribution. */

// Lanczos, g = 7, n = 9: relative error below 1e-14 for x > 0.
const LANCZOS = [
  0.99999999999980993, 676.5203681218851, -1259.1392167224028, 771.32342877765313,
  -176.61502916214059, 12.507343278686905, -0.13857109526572012, 9.9843695780195716e-6,
  1.5056327351493116e-7,
];

function logGamma(x: number): number {
  if (x < 0.5) return Math.log(Math.PI / Math.sin(Math.PI * x)) - logGamma(1 - x);
  let sum = LANCZOS[0]!;
  for (let i = 1; i < LANCZOS.length; i++) sum += LANCZOS[i]! / (x - 1 + i);
  const t = x + 6.5;
  return 0.5 * Math.log(2 * Math.PI) + (x - 0.5) * Math.log(t) - t + Math.log(sum);
}

const EPSILON = 1e-15;
const STEPS = 10_000;

/** Upper regularised gamma Q(a, x): series below a + 1, Lentz's continued fraction above (DLMF 8.7, 8.9). */
function upperGamma(a: number, x: number): number {
  const scale = Math.exp(a * Math.log(x) - x - logGamma(a));
  if (x < a + 1) {
    let term = 1 / a;
    let sum = term;
    for (let n = 1; n < STEPS && term > sum * EPSILON; n++) {
      term *= x / (a + n);
      sum += term;
    }
    return 1 - sum * scale;
  }
  const tiny = Number.MIN_VALUE / EPSILON;
  let b = x + 1 - a;
  let c = 1 / tiny;
  let d = 1 / b;
  let fraction = d;
  for (let n = 1; n < STEPS; n++) {
    const an = -n * (n - a);
    b += 2;
    d = 1 / (an * d + b || tiny);
    c = b + an / c || tiny;
    fraction *= d * c;
    if (Math.abs(d * c - 1) < EPSILON) break;
  }
  return scale * fraction;
}

/** P(X ≥ x) of a chi-square variable with `df` degrees of freedom. */
export function chiSquareTail(x: number, df: number): number {
  if (!(x > 0) || df <= 0) return 1;
  return x === Number.POSITIVE_INFINITY ? 0 : upperGamma(df / 2, x / 2);
}

/** P(|Z| ≥ |z|) of a standard normal variable. */
export const normalTail = (z: number): number => chiSquareTail(z * z, 1);

/** The x with P(X ≥ x) = p, by bisection; relative error below 1e-10. */
export function chiSquareQuantile(p: number, df: number): number {
  let high = Math.max(1, df);
  while (chiSquareTail(high, df) > p) high *= 2;
  let low = 0;
  while (high - low > 1e-11 * high) {
    const middle = (low + high) / 2;
    if (chiSquareTail(middle, df) > p) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}
