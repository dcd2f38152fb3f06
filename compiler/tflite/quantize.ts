/** Int8 parameters and constants, by TFLite's rules. */
import type { Range } from '../graph/calibrate.ts';
import { at, type Quantization, type TypedArray } from '../graph/ir.ts';

const LOWEST = -128;
const HIGHEST = 127;
const STEPS = HIGHEST - LOWEST;
/** Below this a scale's reciprocal is no longer safe in float32 arithmetic. */
const SMALLEST_SCALE = Math.fround(1e-9);
/** Biases stay well inside int32, so that sums cannot overflow. */
const LARGEST_BIAS = 2 ** 29;

/** What the int8 kernels of softmax and sigmoid put out, and that of tanh, by definition. */
export const UNIT_OUTPUT: Quantization = { scale: [1 / 256], zeroPoint: [-128], axis: 0 };
export const TANH_OUTPUT: Quantization = { scale: [1 / 128], zeroPoint: [0], axis: 0 };

const clamped = (q: number): number => Math.max(LOWEST, Math.min(HIGHEST, q));

export const scaleOf = ({ scale }: Quantization): number => at(scale, 0);
export const zeroPointOf = ({ zeroPoint }: Quantization): number => at(zeroPoint, 0);

export function sameQuantization(a: Quantization, b: Quantization): boolean {
  return String([a.scale, a.zeroPoint]) === String([b.scale, b.zeroPoint]);
}

/** Asymmetric parameters for a range, which is widened to hold 0 exactly. */
export function forRange(range: Range): Quantization {
  const min = Math.min(range.min, 0);
  const max = Math.max(range.max, 0);
  // Never anything but 0: the finest step, so that sums with such a value lose nothing.
  if (min === max) return { scale: [SMALLEST_SCALE], zeroPoint: [0], axis: 0 };
  const scale = Math.fround(Math.max((max - min) / STEPS, SMALLEST_SCALE));
  return { scale: [scale], zeroPoint: [clamped(Math.round(LOWEST - min / scale))], axis: 0 };
}

/** Values beyond the range saturate. */
export function quantizeArray(data: TypedArray, quantization: Quantization): Int8Array {
  const scale = scaleOf(quantization);
  const zeroPoint = zeroPointOf(quantization);
  return Int8Array.from(data, (x) => clamped(Math.round(x / scale) + zeroPoint));
}

export interface QuantizedArray {
  data: Int8Array;
  quantization: Quantization;
}

/**
 * One symmetric scale for all: factors of a matrix product.
 * @param most the largest magnitude in steps, at most 127
 */
export function symmetric(data: TypedArray, most = HIGHEST): QuantizedArray {
  let largest = 0;
  for (const x of data) largest = Math.max(largest, Math.abs(x));
  const scale = Math.fround(Math.max(largest / most, SMALLEST_SCALE));
  const quantization = { scale: [scale], zeroPoint: [0], axis: 0 };
  return { data: quantizeArray(data, quantization), quantization };
}

/**
 * Weights [n, k] with a symmetric scale a row. `bias` and the input's scale matter because a bias is
 * stored in units of input scale · row scale: a row of tiny weights under a large bias is coarser.
 * @param most the largest magnitude in steps, at most 127
 */
export function perRow(
  weights: TypedArray,
  [n, k]: readonly [number, number],
  bias: TypedArray,
  inputScale: number,
  most = HIGHEST,
): QuantizedArray {
  const scale: number[] = [];
  const data = new Int8Array(n * k);
  for (let row = 0; row < n; row++) {
    let largest = 0;
    for (let i = row * k; i < (row + 1) * k; i++) {
      largest = Math.max(largest, Math.abs(at(weights, i)));
    }
    const forBias = Math.abs(at(bias, row)) / inputScale / LARGEST_BIAS;
    const step = Math.fround(Math.max(largest / most, forBias, SMALLEST_SCALE));
    scale.push(step);
    for (let i = row * k; i < (row + 1) * k; i++) {
      data[i] = Math.max(-most, Math.min(most, Math.round(at(weights, i) / step)));
    }
  }
  return { data, quantization: { scale, zeroPoint: scale.map(() => 0), axis: 0 } };
}

/**
 * How much closer, in root mean square, a scale per row must come to the weights to be worth its 4 to
 * 16 bytes a row. Activations are rounded as coarsely: up to here the loss of the trained encoder,
 * scorer and `decide` stayed the same within 2 %.
 */
const WORTH_ROWS = 1.7;

/** Sum of the squares of what rounding took from the weights [n, k]. */
function roundingLoss(weights: TypedArray, k: number, rounded: QuantizedArray): number {
  const { scale } = rounded.quantization;
  let loss = 0;
  rounded.data.forEach((q, i) => {
    const step = scale[Math.floor(i / k)] ?? at(scale, 0);
    loss += (at(weights, i) - q * step) ** 2;
  });
  return loss;
}

/** As {@link perRow}, with one scale for all rows where they are much alike. */
export function perRowOrOne(
  weights: TypedArray,
  shape: readonly [number, number],
  bias: TypedArray,
  inputScale: number,
): QuantizedArray {
  const rows = perRow(weights, shape, bias, inputScale);
  const widest = { scale: [Math.max(...rows.quantization.scale)], zeroPoint: [0], axis: 0 };
  const one = { data: quantizeArray(weights, widest), quantization: widest };
  const k = shape[1];
  const allowed = WORTH_ROWS ** 2 * roundingLoss(weights, k, rows);
  return roundingLoss(weights, k, one) <= allowed ? one : rows;
}

/** The bias of a dense layer: int32 in units of input scale · weight scale. */
export function quantizeBias(
  bias: TypedArray,
  inputScale: number,
  weights: Quantization,
): { data: Int32Array; quantization: Quantization } {
  const scale = weights.scale.map((step) => Math.fround(step * inputScale));
  const data = Int32Array.from(bias, (x, i) => Math.round(x / (scale[i] ?? at(scale, 0))));
  return { data, quantization: { scale, zeroPoint: scale.map(() => 0), axis: 0 } };
}
