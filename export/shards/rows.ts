/** Embedding rows to bytes and back. */
import { FLOAT16_MAX, fromFloat16, toFloat16, toFloat16Up } from './float16.ts';
import type { RowDtype } from './format.ts';

/**
 * Encodes one row of finite numbers into `out` at `offset`.
 * int8: symmetric, value = scale · q with q in −127 … 127 and the scale a half-precision number
 * rounded up, so that no value saturates and the error is at most scale / 2.
 * @returns the scale's 16-bit pattern; 0 for the other types
 * @throws RangeError when a value does not fit the type
 */
export function encodeRow(row: Float32Array, dtype: RowDtype, out: Buffer, offset: number): number {
  let largest = 0;
  for (const value of row) {
    if (!Number.isFinite(value)) throw new RangeError('an embedding holds NaN or infinity');
    largest = Math.max(largest, Math.abs(value));
  }
  if (dtype === 'float32') {
    row.forEach((value, i) => {
      out.writeFloatLE(value, offset + i * 4);
    });
    return 0;
  }
  if (dtype === 'float16') {
    if (largest > FLOAT16_MAX) throw new RangeError(`an embedding holds ${largest}`);
    row.forEach((value, i) => {
      out.writeUInt16LE(toFloat16(value), offset + i * 2);
    });
    return 0;
  }
  if (largest > FLOAT16_MAX * 127) throw new RangeError(`an embedding holds ${largest}`);
  const pattern = toFloat16Up(largest / 127);
  const scale = fromFloat16(pattern);
  row.forEach((value, i) => {
    out.writeInt8(scale === 0 ? 0 : Math.round(value / scale), offset + i);
  });
  return pattern;
}

/** Decodes one row of `target.length` values. */
export function decodeRow(
  bytes: Buffer,
  offset: number,
  dtype: RowDtype,
  scalePattern: number,
  target: Float32Array,
): void {
  if (dtype === 'float32') {
    for (let i = 0; i < target.length; i++) target[i] = bytes.readFloatLE(offset + i * 4);
    return;
  }
  if (dtype === 'float16') {
    for (let i = 0; i < target.length; i++) {
      target[i] = fromFloat16(bytes.readUInt16LE(offset + i * 2));
    }
    return;
  }
  const scale = fromFloat16(scalePattern);
  for (let i = 0; i < target.length; i++) target[i] = scale * bytes.readInt8(offset + i);
}
