/**
 * Fused weights: W_f^l = W_m^l + g^l ΔW^l with ΔW^l = W_p^l − W_m^l, layer by layer.
 *
 * W_m is the meta model of all users, W_p the user's cohort after fine-tuning on day T, and g^l the
 * user's own gate of layer l: g = 0 gives the meta model, g = 1 the fine-tuned one. The formula is
 * this project's; the published account of MetaFusion has none.
 *
 * Fused are the dense layers that a phone runs when it scores a slate: both attentions and the head.
 * Id tables and GRUs stay those of W_m, so encoded behaviours on a phone stay valid when its cohort
 * or its gates change, and one table row per item serves every cohort.
 */
import * as tf from '@tensorflow/tfjs';
import type { Tensors } from '../engine/types.ts';

const FUSED = ['attention/', 'head/'];

/** Names of the fused weights, sorted. */
export function fusedWeights(names: readonly string[]): string[] {
  return names.filter((name) => FUSED.some((prefix) => name.startsWith(prefix))).sort();
}

/** The layer of a weight: its name without `/kernel` or `/bias`. */
export function layerOf(weight: string): string {
  return weight.replace(/\/(kernel|bias)$/, '');
}

/** Fused layers in the order of the gates, sorted. */
export function fusedLayers(names: readonly string[]): string[] {
  return [...new Set(fusedWeights(names).map(layerOf))].sort();
}

/** The part of the weights that is fused, and the rest; the tensors are shared, not copied. */
export function splitWeights(weights: Tensors): { fused: Tensors; frozen: Tensors } {
  const fusedNames = new Set(fusedWeights(Object.keys(weights)));
  const part = (fused: boolean): Tensors =>
    Object.fromEntries(Object.entries(weights).filter(([name]) => fusedNames.has(name) === fused));
  return { fused: part(true), frozen: part(false) };
}

/** ΔW of the fused weights. The caller disposes them. */
export function deltaWeights(meta: Tensors, tuned: Tensors): Tensors {
  return Object.fromEntries(
    fusedWeights(Object.keys(meta)).map((name) => [name, tf.sub(tuned[name]!, meta[name]!)]),
  );
}

/**
 * Whole weights of one user.
 * @param gates [L], in the order of `layers`; differentiable
 */
export function fuse(
  meta: Tensors,
  delta: Tensors,
  layers: readonly string[],
  gates: tf.Tensor1D,
): Tensors {
  const gateOf = layers.map((_, l) => tf.slice(gates, [l], [1]).reshape<tf.Scalar>([]));
  const fused = { ...meta };
  for (const [name, change] of Object.entries(delta)) {
    const gate = gateOf[layers.indexOf(layerOf(name))]!;
    fused[name] = tf.add(meta[name]!, tf.mul(gate, change));
  }
  return fused;
}
