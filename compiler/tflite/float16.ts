/** IEEE half precision, as stored in float16 files. Node 20 has no Float16Array. */
import type { TypedArray } from '../graph/ir.ts';

/** Rounds to 65504 or below; at 65520 and above a half is infinite. */
const OVERFLOWS_AT = 65520;
const EXPONENT_BITS = 0x7c00;
const SMALLEST_NORMAL = 2 ** -14;
const SUBNORMAL_STEP = 2 ** -24;

const scratch = new Float32Array(1);
const scratchBits = new Uint32Array(scratch.buffer);

const roundHalfEven = (x: number): number => {
  const floor = Math.floor(x);
  const rest = x - floor;
  if (rest !== 0.5) return rest > 0.5 ? floor + 1 : floor;
  return floor % 2 === 0 ? floor : floor + 1;
};

/** The bits of the half nearest to x, ties to even; ±infinity where x is too large. */
function halfBits(x: number): number {
  scratch[0] = x;
  const bits = scratchBits[0] as number;
  const sign = (bits >>> 16) & 0x8000;
  const size = Math.abs(x);
  if (Number.isNaN(x)) return 0x7e00;
  if (size >= OVERFLOWS_AT) return sign | EXPONENT_BITS;
  // Below the smallest normal number halves are equally spaced.
  if (size < SMALLEST_NORMAL) return sign | roundHalfEven(size / SUBNORMAL_STEP);
  // Ten bits of the fraction stay; a carry runs into the exponent, where it belongs.
  const shifted = (bits & 0x7fffffff) - 0x38000000;
  const odd = (shifted >>> 13) & 1;
  return sign | ((shifted + 0xfff + odd) >>> 13);
}

export function toFloat16(data: TypedArray): Uint16Array {
  return Uint16Array.from(data, halfBits);
}

/** False for infinities and NaN. */
export const isFiniteHalf = (bits: number): boolean => (bits & EXPONENT_BITS) !== EXPONENT_BITS;

/** True when every value has a half that is not infinite. */
export const fitsFloat16 = (data: TypedArray): boolean =>
  data.every((x) => Math.abs(x) < OVERFLOWS_AT);
