/** ΔW in a byte per number: symmetric int8 with one scale per row of the first axis. */
import type { NamedTensor } from '../../lib/safetensors.ts';

export interface QuantisedDelta {
  /** `<name>` I8 and `<name>/scale` F32 [rows]: value = int8 · scale. A vector is one row. */
  tensors: Record<string, NamedTensor>;
  /** What the numbers lost. */
  error: { maxAbsolute: number; relativeRms: number };
}

const rowsOf = (shape: readonly number[]): number => (shape.length > 1 ? shape[0]! : 1);

/** Rounds to the nearest of 255 steps between −max and max of each row. */
export function quantiseDelta(delta: Record<string, NamedTensor>): QuantisedDelta {
  const tensors: Record<string, NamedTensor> = {};
  let maxAbsolute = 0;
  let squaredError = 0;
  let squared = 0;
  for (const [name, { data, shape }] of Object.entries(delta)) {
    const rows = rowsOf(shape);
    const width = data.length / rows;
    const scale = new Float32Array(rows);
    const out = new Int8Array(data.length);
    for (let row = 0; row < rows; row++) {
      let max = 0;
      for (let i = row * width; i < (row + 1) * width; i++) max = Math.max(max, Math.abs(data[i]!));
      scale[row] = max / 127;
      for (let i = row * width; i < (row + 1) * width; i++) {
        out[i] = max === 0 ? 0 : Math.max(-127, Math.min(127, Math.round(data[i]! / scale[row]!)));
        const error = data[i]! - out[i]! * scale[row]!;
        maxAbsolute = Math.max(maxAbsolute, Math.abs(error));
        squaredError += error * error;
        squared += data[i]! * data[i]!;
      }
    }
    tensors[name] = { shape: [...shape], data: out };
    tensors[`${name}/scale`] = { shape: [rows], data: scale };
  }
  const relativeRms = squared > 0 ? Math.sqrt(squaredError / squared) : 0;
  return { tensors, error: { maxAbsolute, relativeRms } };
}

/** The numbers that a phone uses. */
export function dequantiseDelta(tensors: Record<string, NamedTensor>): Record<string, NamedTensor> {
  const delta: Record<string, NamedTensor> = {};
  for (const [name, { data, shape }] of Object.entries(tensors)) {
    if (!(data instanceof Int8Array)) continue;
    const scale = tensors[`${name}/scale`]!.data;
    const width = data.length / scale.length;
    const out = Float32Array.from(data, (value, i) => value * scale[Math.floor(i / width)]!);
    delta[name] = { shape: [...shape], data: out };
  }
  return delta;
}
