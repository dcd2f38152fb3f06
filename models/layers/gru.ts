/**
 * Gated recurrent unit (Cho et al., EMNLP 2014) in the form of TensorFlow's GRUBlockCell:
 *
 *   [r, u] = σ([x, h] W_g + b_g)        reset and update gates
 *   c      = tanh([x, r ∘ h] W_c + b_c) candidate state
 *   h'     = u ∘ h + (1 − u) ∘ c
 *
 * Weights under `name` for inputs of width D and states of width H:
 *   name/gates/kernel [D + H, 2H]   name/gates/bias [2H]
 *   name/state/kernel [D + H, H]    name/state/bias [H]
 *
 * A masked step keeps the old state, in the values and in the gradients, so right padding changes
 * nothing and the last state of a padded sequence is the state after its last real step.
 */
import * as tf from '@tensorflow/tfjs';
import { composite } from '../../compiler/trace/composite.ts';
import { nativeBackend } from '../../compiler/trace/raw-op.ts';
import type { Random } from '../../lib/random.ts';
import type { Tensors } from '../engine/types.ts';
import { glorotUniform } from './initializers.ts';
import { nativeGru } from './native-gru.ts';

export interface GruWeights {
  gatesKernel: tf.Tensor2D;
  gatesBias: tf.Tensor1D;
  stateKernel: tf.Tensor2D;
  stateBias: tf.Tensor1D;
}

/**
 * Fresh weights. The reset gate starts open (bias 1) and the update gate low (bias −1, u ≈ 0.27), so
 * that the state after an item is mostly about that item: attention looks for items among states.
 */
export function gruInit(name: string, inputs: number, units: number, random: Random): Tensors {
  return {
    [`${name}/gates/kernel`]: glorotUniform([inputs + units, 2 * units], random),
    [`${name}/gates/bias`]: tf.concat([tf.ones([units]), tf.fill([units], -1)]),
    [`${name}/state/kernel`]: glorotUniform([inputs + units, units], random),
    [`${name}/state/bias`]: tf.zeros([units]),
  };
}

export function gruWeights(weights: Tensors, name: string): GruWeights {
  return {
    gatesKernel: weights[`${name}/gates/kernel`] as tf.Tensor2D,
    gatesBias: weights[`${name}/gates/bias`] as tf.Tensor1D,
    stateKernel: weights[`${name}/state/kernel`] as tf.Tensor2D,
    stateBias: weights[`${name}/state/bias`] as tf.Tensor1D,
  };
}

/** The input's share of both kernels' products, for any number of steps at once. */
function projectInputs(x: tf.Tensor2D, w: GruWeights): { gates: tf.Tensor2D; state: tf.Tensor2D } {
  const [steps, inputs] = x.shape;
  const units = w.stateBias.shape[0];
  // One matmul for gates and state; a recorded phone graph then has one product per slate.
  const kernel = tf.concat(
    [
      tf.slice(w.gatesKernel, [0, 0], [inputs, 2 * units]),
      tf.slice(w.stateKernel, [0, 0], [inputs, units]),
    ],
    1,
  );
  const bias = tf.concat([w.gatesBias, w.stateBias]);
  const projected = tf.add(tf.matMul(x, kernel), bias) as tf.Tensor2D;
  return {
    gates: tf.slice(projected, [0, 0], [steps, 2 * units]),
    state: tf.slice(projected, [0, 2 * units], [steps, units]),
  };
}

/** One step given the input's share. */
function step(
  gates: tf.Tensor2D,
  state: tf.Tensor2D,
  h: tf.Tensor2D,
  gatesRecurrent: tf.Tensor2D,
  stateRecurrent: tf.Tensor2D,
): tf.Tensor2D {
  const units = h.shape[1];
  const both = tf.sigmoid(tf.add(gates, tf.matMul(h, gatesRecurrent)));
  const r = tf.slice(both, [0, 0], [h.shape[0], units]);
  const u = tf.slice(both, [0, units], [h.shape[0], units]);
  const c = tf.tanh(tf.add(state, tf.matMul(tf.mul(r, h), stateRecurrent)));
  return tf.add(tf.mul(u, h), tf.mul(tf.sub(1, u), c));
}

function recurrentKernels(inputs: number, w: GruWeights): [tf.Tensor2D, tf.Tensor2D] {
  const units = w.stateBias.shape[0];
  return [
    tf.slice(w.gatesKernel, [inputs, 0], [units, 2 * units]),
    tf.slice(w.stateKernel, [inputs, 0], [units, units]),
  ];
}

/**
 * One step in plain tfjs ops: what a phone runs per new behaviour.
 * @param x [B, D] @param h [B, H] @returns [B, H]
 */
export function gruCell(x: tf.Tensor2D, h: tf.Tensor2D, w: GruWeights): tf.Tensor2D {
  const { gates, state } = projectInputs(x, w);
  return step(gates, state, h, ...recurrentKernels(x.shape[1], w));
}

/**
 * All states of a sequence. One fused op with its own gradient on the TensorFlow backend, plain
 * tfjs ops (unrolled over the steps) elsewhere; one operation of the graph when it is exported.
 * @param x    [B, T, D]
 * @param mask [B, T]: 1 where a step is real, 0 where it is padding
 * @param h0   [B, H], zeros when absent
 * @param chains 2 cuts the batch in halves on the TensorFlow backend: two cores can then run them at
 *   once. It pays where a batch has several hundred rows and nothing else is there to run beside.
 * @returns    [B, T, H]; the state after a masked step is the one before it
 */
export function gru(
  x: tf.Tensor3D,
  mask: tf.Tensor2D,
  w: GruWeights,
  h0?: tf.Tensor2D,
  chains: 1 | 2 = 1,
): tf.Tensor3D {
  const start = h0 ?? tf.zeros<tf.Rank.R2>([x.shape[0], w.stateBias.shape[0]]);
  if (nativeBackend()) return nativeGru(x, mask, w, start, chains);
  const operands = [x, start, w.gatesKernel, w.gatesBias, w.stateKernel, w.stateBias, mask];
  return composite('gru', operands, { mask: 'blend' }, () => plainGru(x, mask, w, start));
}

/** {@link gru} in plain tfjs ops on any backend, differentiated by tfjs itself. */
export function plainGru(
  x: tf.Tensor3D,
  mask: tf.Tensor2D,
  w: GruWeights,
  h0: tf.Tensor2D,
): tf.Tensor3D {
  const [batch, steps, inputs] = x.shape;
  const units = w.stateBias.shape[0];
  const { gates, state } = projectInputs(x.reshape([batch * steps, inputs]), w);
  const gatesSeries = gates.reshape<tf.Tensor3D>([batch, steps, 2 * units]);
  const stateSeries = state.reshape<tf.Tensor3D>([batch, steps, units]);
  const recurrent = recurrentKernels(inputs, w);
  const states: tf.Tensor2D[] = [];
  let h = h0;
  for (let t = 0; t < steps; t++) {
    const next = step(
      tf.slice(gatesSeries, [0, t, 0], [batch, 1, 2 * units]).reshape([batch, 2 * units]),
      tf.slice(stateSeries, [0, t, 0], [batch, 1, units]).reshape([batch, units]),
      h,
      ...recurrent,
    );
    const m = tf.slice(mask, [0, t], [batch, 1]);
    h = tf.add(tf.mul(next, m), tf.mul(h, tf.sub(1, m)));
    states.push(h);
  }
  return tf.stack(states, 1) as tf.Tensor3D;
}

/**
 * Stacked layers `name/0 … name/(layers − 1)`; each reads the states of the one below.
 * @returns the states of the top layer, [B, T, H]
 */
export function stackedGru(
  weights: Tensors,
  name: string,
  layers: number,
  x: tf.Tensor3D,
  mask: tf.Tensor2D,
): tf.Tensor3D {
  let states = x;
  for (let layer = 0; layer < layers; layer++) {
    states = gru(states, mask, gruWeights(weights, `${name}/${layer}`));
  }
  return states;
}

/**
 * One step of stacked layers.
 * @param x [B, D] @param state [B, layers · H], layer 0 first @returns the next state, same shape
 */
export function stackedGruCell(
  weights: Tensors,
  name: string,
  layers: number,
  x: tf.Tensor2D,
  state: tf.Tensor2D,
): tf.Tensor2D {
  const units = state.shape[1] / layers;
  const next: tf.Tensor2D[] = [];
  let below = x;
  for (let layer = 0; layer < layers; layer++) {
    const h = layers === 1 ? state : tf.slice(state, [0, layer * units], [state.shape[0], units]);
    below = gruCell(below, h, gruWeights(weights, `${name}/${layer}`));
    next.push(below);
  }
  return layers === 1 ? below : (tf.concat(next, 1) as tf.Tensor2D);
}

export function stackedGruInit(
  name: string,
  layers: number,
  inputs: number,
  units: number,
  random: Random,
): Tensors {
  const weights: Tensors = {};
  for (let layer = 0; layer < layers; layer++) {
    Object.assign(
      weights,
      gruInit(`${name}/${layer}`, layer === 0 ? inputs : units, units, random),
    );
  }
  return weights;
}
