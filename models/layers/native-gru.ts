/**
 * A GRU over a whole sequence as one differentiable op over TensorFlow's GRUBlockCell and
 * GRUBlockCellGrad: two kernel calls a step instead of about forty. What no later step needs, the
 * gradients of weights and inputs, is computed of all steps at once, time first so that steps lie
 * one after the other in memory.
 *
 * Masking costs no op per step: the inputs get a column that is 1 on padding, whose weight into
 * the update gate is so large that u saturates there. TensorFlow's float32 sigmoid ends at
 * 1 − 2⁻²⁴ or 1, so h' = u ∘ h + (1 − u) ∘ c moves by at most 1.2e-7 in a padded step, and of the
 * gradients only the one passed on to h is left.
 */
import * as tf from '@tensorflow/tfjs';
import { rawOp } from '../../compiler/trace/raw-op.ts';
import type { GruWeights } from './gru.ts';
import { product } from './mat-mul.ts';

/** The sigmoid saturates from about 17 on; the rest is far above what real gate inputs reach. */
const CLOSED = 1e4;

const FLOAT = { T: { dtype: 'float32' } } as const;

/** Same contract as `gru` of gru.ts. */
export function nativeGru(
  x: tf.Tensor3D,
  mask: tf.Tensor2D,
  w: GruWeights,
  h0: tf.Tensor2D,
  chains: 1 | 2 = 1,
): tf.Tensor3D {
  const kernels = [w.gatesKernel, w.gatesBias, w.stateKernel, w.stateBias];
  return sequences[chains](x, mask, h0, ...kernels) as tf.Tensor3D;
}

/** [mask's complement, x] as [T, B, 1 + D]: padding stands first, so that kernels get their row on top. */
function stepsWithPadding(x: tf.Tensor3D, mask: tf.Tensor2D): tf.Tensor3D {
  const [batch, steps] = mask.shape;
  const padding = tf.sub(1, mask).reshape([batch, steps, 1]);
  return tf.transpose(tf.concat([padding, x], 2), [1, 0, 2]) as tf.Tensor3D;
}

/** Rows of a matrix, from the given one on. */
const rowsFrom = (
  matrix: tf.Tensor,
  first: number,
  count = matrix.shape[0]! - first,
): tf.Tensor2D => tf.slice(matrix as tf.Tensor2D, [first, 0], [count, matrix.shape[1]!]);

/** [A, B, C] as [B, A, C] */
const swapped = (x: tf.Tensor): tf.Tensor => tf.transpose(x, [1, 0, 2]);

/**
 * (x [B, T, D], mask [B, T], h0 [B, H], gates kernel, gates bias, state kernel, state bias)
 * → states [B, T, H], over the whole batch or over its two halves, which do not wait for each other.
 */
const sequences = { 1: sequenceOf(wholeBatch), 2: sequenceOf(twoHalves) };

/** First row and number of rows of each part of a batch. */
type Parts = readonly (readonly [first: number, rows: number])[];

function wholeBatch(batch: number): Parts {
  return [[0, batch]];
}

function twoHalves(batch: number): Parts {
  const half = Math.floor(batch / 2);
  return [
    [0, batch - half],
    [batch - half, half],
  ];
}

function sequenceOf(partsOf: (batch: number) => Parts) {
  return tf.customGrad((...inputs) => {
    const save = inputs.pop() as unknown as (tensors: tf.Tensor[]) => void;
    const [x, mask, h0, ...kernels] = inputs as tf.Tensor[];
    const parts = partsOf(x!.shape[0]!);
    const made = parts.map(([first, rows]) => {
      const of = (t: tf.Tensor) => (parts.length === 1 ? t : rowsOf(t, first, rows));
      return forward(of(x!), of(mask!), of(h0!), kernels);
    });
    save(made.flatMap(({ saved }) => saved));
    const ends = made.map((_, i) => made.slice(0, i + 1).flatMap(({ saved }) => saved).length);
    return {
      value: joined(made.map(({ value }) => value)),
      gradFunc: (dy: tf.Tensor, saved: tf.Tensor[]) => {
        const gradients = parts.map(([first, rows], i) =>
          backward(
            parts.length === 1 ? dy : rowsOf(dy, first, rows),
            saved.slice(ends[i - 1] ?? 0, ends[i]),
          ),
        );
        return gradients[0]!.map((_, k) => {
          const each = gradients.map((gradient) => gradient[k]!);
          return k < BATCHED ? joined(each) : each.reduce((sum, one) => tf.add(sum, one));
        });
      },
    };
  });
}

/** Of a sequence's inputs, so many have rows of the batch: x, mask, h0. The others are weights. */
const BATCHED = 3;

const joined = (parts: tf.Tensor[]): tf.Tensor =>
  parts.length === 1 ? parts[0]! : tf.concat(parts);

const rowsOf = (x: tf.Tensor, first: number, rows: number): tf.Tensor => {
  const [, ...rest] = x.shape;
  return tf.slice(x, [first, ...rest.map(() => 0)], [rows, ...rest]);
};

function forward(
  x: tf.Tensor,
  mask: tf.Tensor,
  h0: tf.Tensor,
  kernels: readonly tf.Tensor[],
): { value: tf.Tensor; saved: tf.Tensor[] } {
  const [gatesKernel, gatesBias, stateKernel, stateBias] = kernels;
  const [batch, units] = h0.shape as [number, number];
  const gatesRow = tf.concat([tf.zeros([1, units]), tf.fill([1, units], CLOSED)], 1);
  const cellWeights = [
    tf.concat([gatesRow, gatesKernel!]),
    tf.concat([tf.zeros([1, units]), stateKernel!]),
    gatesBias!,
    stateBias!,
  ];
  const stepInputs = stepsWithPadding(x as tf.Tensor3D, mask as tf.Tensor2D); // [T, B, 1 + D]
  const states = [h0];
  const gates: tf.Tensor[] = [];
  for (const xt of tf.unstack(stepInputs)) {
    const operands = [xt, states.at(-1)!, ...cellWeights];
    const [r, u, c, next] = rawOp('GRUBlockCell', FLOAT, operands, 4);
    gates.push(r!, u!, c!);
    states.push(next!);
  }
  const steps = stepInputs.shape[0];
  const all = tf.concat(states); // [(T + 1) B, H]
  return {
    value: swapped(rowsFrom(all, batch).reshape([steps, batch, units])),
    saved: [mask, ...kernels, stepInputs, all, ...states.slice(0, -1), ...gates],
  };
}

/** Gradients in the order of a sequence's inputs; nothing is known of the mask's. */
function backward(dy: tf.Tensor, [mask, ...saved]: tf.Tensor[]): tf.Tensor[] {
  const [gatesKernel, gatesBias, stateKernel, stateBias, stepInputs, all] = saved;
  const [steps, batch, width] = stepInputs!.shape as [number, number, number];
  const befores = saved.slice(6, 6 + steps);
  const gates = saved.slice(6 + steps);
  // The cell's gradient is asked for inputs of width 0: theirs is a product over all steps below.
  const recurrent = [rowsFrom(gatesKernel!, width - 1), rowsFrom(stateKernel!, width - 1)];
  const noInputs = tf.slice(befores[0]!, [0, 0], [batch, 0]);
  const cellWeights = [...recurrent, gatesBias!, stateBias!];
  const dStates = tf.unstack(dy, 1);
  const dCandidates: tf.Tensor[] = [];
  const dGates: tf.Tensor[] = [];
  let dh: tf.Tensor | undefined;
  for (let t = steps - 1; t >= 0; t--) {
    const ruc = gates.slice(3 * t, 3 * t + 3);
    const dNext = dh ? tf.add(dh, dStates[t]!) : dStates[t]!;
    const operands = [noInputs, befores[t]!, ...cellWeights, ...ruc, dNext];
    const [, dBefore, dCandidate, dGate] = rawOp('GRUBlockCellGrad', FLOAT, operands, 4);
    dh = dBefore!;
    dCandidates[t] = dCandidate!;
    dGates[t] = dGate!;
  }
  const dGate = tf.concat(dGates); // [T B, 2H]
  const dCandidate = tf.concat(dCandidates); // [T B, H]
  const before = rowsFrom(all!, 0, steps * batch);
  const reset = tf.mul(before, tf.concat(gates.filter((_, i) => i % 3 === 0)));
  const inputs = stepInputs!.reshape([steps * batch, width]);
  const ofKernel = (state: tf.Tensor, gradient: tf.Tensor) =>
    tf.concat([rowsFrom(product(inputs, gradient, true), 1), product(state, gradient, true)]);
  const inputRows = (kernel: tf.Tensor) => rowsFrom(kernel, 0, width - 1);
  const dInputs = tf.add(
    product(dGate, inputRows(gatesKernel!), false, true),
    product(dCandidate, inputRows(stateKernel!), false, true),
  );
  return [
    swapped(dInputs.reshape([steps, batch, width - 1])),
    tf.zerosLike(mask!),
    dh!,
    ofKernel(before, dGate),
    tf.sum(dGate, 0),
    ofKernel(reset, dCandidate),
    tf.sum(dCandidate, 0),
  ];
}
