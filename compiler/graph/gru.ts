/** The weights of a `gru` operation in the form that products of targets take. */
import { at, type Node, type TypedArray, type Value } from './ir.ts';

/** Positions of the inputs; kernels and biases, which must be constants, lie between. */
export const GRU_INPUT = { x: 0, h0: 1, weights: [2, 3, 4, 5], mask: 6 } as const;

export type GruNode = Extract<Node, { op: 'gru' }>;

/**
 * Rows are outputs, as in `dense`. `input` [3H, D] and `bias` [3H] make the inputs' share of the
 * reset gates, the update gates and the candidate, in this order, for all steps in one product.
 */
export interface GruMatrices {
  width: number;
  units: number;
  input: Float32Array;
  bias: Float32Array;
  /** [2H, H]: reset and update gates from the state. */
  gates: Float32Array;
  /** [H, H]: the candidate from the reset state. */
  candidate: Float32Array;
}

/** Rows `from` to `to` of a kernel [rows, columns], turned. */
function turned(kernel: TypedArray, columns: number, from: number, to: number): Float32Array {
  const out = new Float32Array(columns * (to - from));
  let write = 0;
  for (let column = 0; column < columns; column++) {
    for (let row = from; row < to; row++) out[write++] = at(kernel, row * columns + column);
  }
  return out;
}

const joined = (...parts: readonly TypedArray[]): Float32Array =>
  Float32Array.from(parts.flatMap((part) => [...part]));

/** @param inputs the values that the node reads. @throws TypeError when a weight is not constant */
export function gruMatrices(inputs: readonly Value[]): GruMatrices {
  const [x, h0] = inputs as [Value, Value];
  const [gatesKernel, gatesBias, stateKernel, stateBias] = GRU_INPUT.weights.map((position) => {
    const weight = at(inputs, position);
    if (!weight.data) throw new TypeError(`gru: the weight ${weight.name} is not constant`);
    return weight.data;
  }) as [TypedArray, TypedArray, TypedArray, TypedArray];
  const width = x.shape.at(-1) ?? 0;
  const units = h0.shape.at(-1) ?? 0;
  const rows = width + units;
  return {
    width,
    units,
    input: joined(turned(gatesKernel, 2 * units, 0, width), turned(stateKernel, units, 0, width)),
    bias: joined(gatesBias, stateBias),
    gates: turned(gatesKernel, 2 * units, width, rows),
    candidate: turned(stateKernel, units, width, rows),
  };
}

/**
 * The sigmoid of float32 is 1 from about 17 on; the rest is far above what real gate inputs reach.
 */
const CLOSED = 1e4;

/**
 * The same unit for inputs with one more column that is 1 on padding and 0 elsewhere: it saturates
 * the update gates, so that h' = u ∘ h + (1 − u) ∘ c keeps h, and steps need no mask of their own.
 */
export function withPaddingColumn(matrices: GruMatrices): GruMatrices {
  const { width, units, input } = matrices;
  const wider = new Float32Array(3 * units * (width + 1));
  for (let row = 0; row < 3 * units; row++) {
    wider.set(input.subarray(row * width, (row + 1) * width), row * (width + 1));
    if (row >= units && row < 2 * units) wider[row * (width + 1) + width] = CLOSED;
  }
  return { ...matrices, width: width + 1, input: wider };
}
