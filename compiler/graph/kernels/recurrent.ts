/** Operations that carry a state over the steps of a sequence. */
import { at, type TypedArray } from '../ir.ts';
import type { KernelTable, Prepare } from './types.ts';

const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));

/** Σ over the rows of a kernel [rows, width] from `first` on, of `values[from + i] · kernel`. */
function addProduct(
  sums: Float64Array,
  values: TypedArray,
  from: number,
  count: number,
  kernel: TypedArray,
  first: number,
): void {
  const width = sums.length;
  for (let i = 0; i < count; i++) {
    const value = values[from + i] as number;
    const row = (first + i) * width;
    for (let j = 0; j < width; j++) {
      sums[j] = (sums[j] as number) + value * (kernel[row + j] as number);
    }
  }
}

const gru: Prepare<'gru'> = ({ mask: kind }, inputs, outputs) => {
  const [batch, steps, units] = at(outputs, 0).shape as [number, number, number];
  const width = at(inputs, 0).shape.at(-1) as number;
  return ([x, h0, gatesKernel, gatesBias, stateKernel, stateBias, mask]) => {
    const states = new Float32Array(batch * steps * units);
    const reset = new Float32Array(units);
    for (let row = 0; row < batch; row++) {
      let h = (h0 as TypedArray).subarray(row * units, (row + 1) * units);
      for (let t = 0; t < steps; t++) {
        const step = row * steps + t;
        const gates = Float64Array.from(gatesBias as TypedArray);
        addProduct(gates, x as TypedArray, step * width, width, gatesKernel as TypedArray, 0);
        addProduct(gates, h, 0, units, gatesKernel as TypedArray, width);
        for (let i = 0; i < units; i++) reset[i] = sigmoid(at(gates, i)) * at(h, i);
        const candidate = Float64Array.from(stateBias as TypedArray);
        addProduct(candidate, x as TypedArray, step * width, width, stateKernel as TypedArray, 0);
        addProduct(candidate, reset, 0, units, stateKernel as TypedArray, width);
        const m = mask ? at(mask, step) : 1;
        const kept = kind === 'choice' ? Number(m <= 0.5) : 1 - m;
        const next = states.subarray(step * units, (step + 1) * units);
        for (let i = 0; i < units; i++) {
          const u = sigmoid(at(gates, units + i));
          const made = u * at(h, i) + (1 - u) * Math.tanh(at(candidate, i));
          next[i] = kept * at(h, i) + (1 - kept) * made;
        }
        h = next;
      }
    }
    return [states];
  };
};

export const recurrentKernels: KernelTable<'gru'> = { gru };
