/**
 * ln x and ln(1 + x) with the same bits on every machine: the algorithms of fdlibm (e_log.c,
 * s_log1p.c), in additions, multiplications and divisions of float64
 * only. Java and Kotlin have them as
 * StrictMath.log and StrictMath.log1p; the libraries of C and Swift may differ in the last bit.
 *
 * With x = 2ᵏ (1 + f), √½ < 1 + f < √2, and s = f / (2 + f):
 *   ln(1 + f) = f − (f²/2 − s (f²/2 + R(s²))),  R a polynomial;  ln x = k ln 2 + ln(1 + f)
 *
 * fdlibm: Copyright (C) 1993 by Sun Microsystems, Inc. All rights reserved. Developed at SunSoft, a
 * Sun Microsystems, Inc. business. Permission to use, copy, modify, and distribute this software is
 * freely granted, provided that this notice is preserved.
 */

export const LOGARITHM = {
  /** ln 2 in two parts, the first of which times k is exact. */
  high: 0.6931471803691238,
  low: 1.9082149292705877e-10,
  /** Coefficients of R: of s² to the power 1 … 7. */
  r: [
    0.6666666666666735, 0.3999999999940942, 0.2857142874366239, 0.22222198432149784,
    0.1818357216161805, 0.15313837699209373, 0.14798198605116586,
  ],
  third: 0.3333333333333333,
  twoThirds: 0.6666666666666666,
  /** fdlibm compares the upper 20 bits of the mantissa. */
  mantissa: 2 ** 20,
  /** As numbers in [1, 2): from here on, m is halved. */
  lnHalved: 1 + 0x6a09c / 2 ** 20,
  log1pHalved: 1 + 0x6a09e / 2 ** 20,
  /** Below it, log1p needs no power of 2. */
  log1pDirect: 0.4142136573791504,
} as const;

const { high: HIGH, low: LOW, third, twoThirds, mantissa: MANTISSA } = LOGARITHM;
const [R1, R2, R3, R4, R5, R6, R7] = LOGARITHM.r;

const bits = new DataView(new ArrayBuffer(8));

/** The upper half of a positive normal number x = m 2ᵏ, 1 ≤ m < 2; `bits` holds m then. */
function takeApart(x: number): number {
  bits.setFloat64(0, x);
  const upper = bits.getUint32(0);
  bits.setUint32(0, (upper & 0xfffff) | 0x3ff00000);
  return upper;
}

const exponentOf = (upper: number): number => (upper >>> 20) - 1023;

/** ln x of a positive normal number. */
export function ln(x: number): number {
  const word = takeApart(x);
  const exponent = exponentOf(word);
  const m = bits.getFloat64(0);
  const upper = word & 0xfffff;
  const halved = m >= LOGARITHM.lnHalved;
  const f = (halved ? m / 2 : m) - 1;
  const k = halved ? exponent + 1 : exponent;
  if (upper < 1 || upper >= 0xffffe) {
    if (f === 0) return k * HIGH + k * LOW;
    const r = f * f * (0.5 - third * f);
    return k === 0 ? f - r : k * HIGH - (r - k * LOW - f);
  }
  const s = f / (2 + f);
  const z = s * s;
  const w = z * z;
  const r = z * (R1 + w * (R3 + w * (R5 + w * R7))) + w * (R2 + w * (R4 + w * R6));
  if (upper >= 0x6147a && upper <= 0x6b851) {
    const half = 0.5 * f * f;
    return k === 0
      ? f - (half - s * (half + r))
      : k * HIGH - (half - (s * (half + r) + k * LOW) - f);
  }
  return k === 0 ? f - s * (f - r) : k * HIGH - (s * (f - r) - k * LOW - f);
}

/** ln(1 + x) of a finite x ≥ 0. */
export function log1p(x: number): number {
  if (x < 2 ** -29) return x < 2 ** -54 ? x : x - x * x * 0.5;
  if (x < LOGARITHM.log1pDirect) return summed(x, 0, 0, false);
  const u = x < 2 ** 53 ? 1 + x : x;
  const exponent = exponentOf(takeApart(u));
  const m = bits.getFloat64(0);
  // What was lost when 1 was added.
  const lost = x < 2 ** 53 ? (exponent > 0 ? 1 - (u - x) : x - (u - 1)) / u : 0;
  return m < LOGARITHM.log1pHalved
    ? summed(m - 1, exponent, lost, m < 1 + 1 / MANTISSA)
    : summed(m / 2 - 1, exponent + 1, lost, m >= 1 + 0xffffd / MANTISSA);
}

/** k ln 2 + ln(1 + f) + lost. */
function summed(f: number, k: number, lost: number, tiny: boolean): number {
  const half = 0.5 * f * f;
  if (tiny) {
    if (f === 0) return k * HIGH + (lost + k * LOW);
    const r = half * (1 - twoThirds * f);
    return k === 0 ? f - r : k * HIGH - (r - (k * LOW + lost) - f);
  }
  const s = f / (2 + f);
  const z = s * s;
  const r = z * (R1 + z * (R2 + z * (R3 + z * (R4 + z * (R5 + z * (R6 + z * R7))))));
  return k === 0
    ? f - (half - s * (half + r))
    : k * HIGH - (half - (s * (half + r) + (k * LOW + lost)) - f);
}
