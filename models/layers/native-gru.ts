/**
 * A GRU over a whole sequence as one differentiable op over TensorFlow's GRUBlockCell and
 * GRUBlockCellGrad: two kernel calls a step instead of about forty, and the weights' gradients as
 * one product over all steps.
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

interface Step {
  x: tf.Tensor2D;
  before: tf.Tensor2D;
  r: tf.Tensor2D;
  u: tf.Tensor2D;
  c: tf.Tensor2D;
}
const TENSORS_PER_STEP = 5;
const FLOAT = { T: { dtype: 'float32' } } as const;

/** Same contract as `gru` of gru.ts. */
export function nativeGru(
  x: tf.Tensor3D,
  mask: tf.Tensor2D,
  w: GruWeights,
  h0: tf.Tensor2D,
): tf.Tensor3D {
  return sequence(
    x,
    mask,
    h0,
    w.gatesKernel,
    w.gatesBias,
    w.stateKernel,
    w.stateBias,
  ) as tf.Tensor3D;
}

/** [mask's complement, x]: padding stands first, so that kernels get their row on top. */
function withPadding(x: tf.Tensor3D, mask: tf.Tensor2D): tf.Tensor3D {
  const [batch, steps] = mask.shape;
  return tf.concat([tf.sub(1, mask).reshape([batch, steps, 1]), x], 2) as tf.Tensor3D;
}

const withoutRow = (kernel: tf.Tensor): tf.Tensor =>
  tf.slice(kernel, [1, 0], [kernel.shape[0]! - 1, kernel.shape[1]!]);

/** (x [B, T, D], mask [B, T], h0 [B, H], gates kernel, gates bias, state kernel, state bias) → states [B, T, H]. */
const sequence = tf.customGrad((...inputs) => {
  const save = inputs.pop() as unknown as (tensors: tf.Tensor[]) => void;
  const [x, mask, h0, ...kernels] = inputs as tf.Tensor[];
  const [gatesKernel, gatesBias, stateKernel, stateBias] = kernels;
  const units = stateBias!.shape[0]!;
  const gatesRow = tf.concat([tf.zeros([1, units]), tf.fill([1, units], CLOSED)], 1);
  const cellWeights = [
    tf.concat([gatesRow, gatesKernel!]),
    tf.concat([tf.zeros([1, units]), stateKernel!]),
    gatesBias!,
    stateBias!,
  ];
  const saved: tf.Tensor[] = [...cellWeights];
  const states: tf.Tensor[] = [];
  let h = h0!;
  for (const xt of tf.unstack(withPadding(x as tf.Tensor3D, mask as tf.Tensor2D), 1)) {
    const [r, u, c, next] = rawOp('GRUBlockCell', FLOAT, [xt, h, ...cellWeights], 4);
    saved.push(xt, h, r!, u!, c!);
    h = next!;
    states.push(h);
  }
  save([mask!, ...saved]);
  return {
    value: tf.stack(states, 1),
    gradFunc: (dy: tf.Tensor, [given, ...tensors]: tf.Tensor[]) => backward(dy, given!, tensors),
  };
});

/** Gradients in the order of {@link sequence}'s inputs; nothing is known of the mask's. */
function backward(dy: tf.Tensor, mask: tf.Tensor, tensors: tf.Tensor[]): tf.Tensor[] {
  const cellWeights = tensors.slice(0, 4);
  const steps: Step[] = [];
  for (let i = 4; i < tensors.length; i += TENSORS_PER_STEP) {
    const [x, before, r, u, c] = tensors.slice(i, i + TENSORS_PER_STEP) as tf.Tensor2D[];
    steps.push({ x: x!, before: before!, r: r!, u: u!, c: c! });
  }
  const dStates = tf.unstack(dy, 1);
  const dInputs: tf.Tensor[] = [];
  const dCandidates: tf.Tensor2D[] = [];
  const dGates: tf.Tensor2D[] = [];
  let dh: tf.Tensor | undefined;
  for (let t = steps.length - 1; t >= 0; t--) {
    const { x, before, r, u, c } = steps[t]!;
    const dNext = dh ? tf.add(dh, dStates[t]!) : dStates[t]!;
    const operands = [x, before, ...cellWeights, r, u, c, dNext];
    const [dx, dBefore, dCandidate, dGate] = rawOp('GRUBlockCellGrad', FLOAT, operands, 4);
    dh = dBefore!;
    dInputs[t] = dx!;
    dCandidates[t] = dCandidate as tf.Tensor2D;
    dGates[t] = dGate as tf.Tensor2D;
  }
  // All steps stacked along the batch: each weight gradient is one product.
  const all = (pick: (step: Step) => tf.Tensor2D) => tf.concat(steps.map(pick)) as tf.Tensor2D;
  const allX = all((s) => s.x);
  const allBefore = all((s) => s.before);
  const dGate = tf.concat(dGates) as tf.Tensor2D;
  const dCandidate = tf.concat(dCandidates) as tf.Tensor2D;
  const reset = tf.mul(
    allBefore,
    all((s) => s.r),
  );
  const dx = tf.stack(dInputs, 1);
  return [
    tf.slice(dx, [0, 0, 1], [dx.shape[0]!, dx.shape[1]!, dx.shape[2]! - 1]),
    tf.zerosLike(mask),
    dh!,
    withoutRow(product(tf.concat([allX, allBefore], 1), dGate, true)),
    tf.sum(dGate, 0),
    withoutRow(product(tf.concat([allX, reset], 1), dCandidate, true)),
    tf.sum(dCandidate, 0),
  ];
}
