/**
 * All weights of a model as one vector. The optimiser then runs a dozen ops a step instead of a
 * dozen per weight, and a checkpoint is a handful of vectors.
 */
import * as tf from '@tensorflow/tfjs';
import type { NamedTensor } from '../../lib/safetensors.ts';
import type { Tensors } from './types.ts';

/** Names, shapes and order of the weights in the vector. */
export interface Layout {
  names: string[];
  shapes: number[][];
  sizes: number[];
  total: number;
}

export function layoutOf(weights: Tensors): Layout {
  const names = Object.keys(weights);
  const shapes = names.map((name) => [...weights[name]!.shape]);
  const sizes = names.map((name) => weights[name]!.size);
  return { names, shapes, sizes, total: sizes.reduce((sum, size) => sum + size, 0) };
}

/** @returns [total] */
export function flatten(weights: Tensors, layout: Layout): tf.Tensor1D {
  return tf.concat1d(layout.names.map((name) => weights[name]!.reshape<tf.Tensor1D>([-1])));
}

/** The vector cut into weights again. */
export function unflatten(flat: tf.Tensor1D, layout: Layout): Tensors {
  const parts = layout.sizes.length === 1 ? [flat] : tf.split(flat, layout.sizes);
  return Object.fromEntries(
    layout.names.map((name, i) => [name, parts[i]!.reshape(layout.shapes[i]!)]),
  );
}

/** Plain arrays by name, for a file. */
export function toNamedTensors(flat: Float32Array, layout: Layout): Record<string, NamedTensor> {
  const named: Record<string, NamedTensor> = {};
  let offset = 0;
  layout.names.forEach((name, i) => {
    const size = layout.sizes[i]!;
    named[name] = { shape: layout.shapes[i]!, data: flat.slice(offset, offset + size) };
    offset += size;
  });
  return named;
}
