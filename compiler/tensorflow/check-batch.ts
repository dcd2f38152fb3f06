/** Checks a batch before TensorFlow sees it: TensorFlow itself broadcasts a wrong shape and trains on it. */
import type * as tf from '@tensorflow/tfjs';
import { EdgeloomError } from '../../lib/errors.ts';
import type { BatchInputs, Tensors } from './record-training.ts';

export interface BatchRules {
  inputs: BatchInputs;
  symbols: Readonly<Record<string, readonly number[]>>;
  /** Largest index + 1, for inputs that point into a table. */
  limits: Readonly<Record<string, number>>;
}

const bad = (what: string, where: string) =>
  new EdgeloomError({
    code: 'bad-batch',
    what,
    where,
    fix: 'feed what the function was compiled for: names, shapes, types and indexes within their tables',
  });

/**
 * The named inputs of a batch, checked; others are left out.
 * @throws EdgeloomError `bad-batch` naming the input and what is wrong with it
 */
export function checkedBatch(
  batch: Tensors,
  names: readonly string[],
  { inputs, symbols, limits }: BatchRules,
  where: string,
): Tensors {
  const sizes = new Map<string, number>();
  const checked: Tensors = {};
  for (const name of names) {
    const tensor = batch[name];
    const { shape, dtype = 'float32' } = inputs[name]!;
    if (!tensor) throw bad(`${name} is missing`, where);
    if (!tensor.dataId) throw bad(`${name} is no tensor`, where);
    if (tensor.isDisposed) throw bad(`${name} has been disposed`, where);
    if (tensor.dtype !== dtype) throw bad(`${name} is ${tensor.dtype}, not ${dtype}`, where);
    const expected = `[${shape.join(', ')}]`;
    if (tensor.shape.length !== shape.length) {
      throw bad(`${name} has the shape [${tensor.shape}], not ${expected}`, where);
    }
    shape.forEach((size, axis) => {
      const given = tensor.shape[axis]!;
      const wanted = typeof size === 'number' ? size : (sizes.get(size) ?? given);
      if (given !== wanted) {
        const of = typeof size === 'number' ? '' : `, ${size} being ${wanted}`;
        throw bad(`${name} has the shape [${tensor.shape}], not ${expected}${of}`, where);
      }
      if (typeof size === 'string') sizes.set(size, given);
    });
    if (tensor.size === 0) throw bad(`${name} is empty: [${tensor.shape}]`, where);
    const limit = limits[name];
    if (limit !== undefined) checkIndexes(name, tensor, limit, where);
    checked[name] = tensor;
  }
  for (const [symbol, size] of sizes) {
    const allowed = symbols[symbol];
    if (allowed && !allowed.includes(size)) {
      throw bad(`${symbol} is ${size}, which is none of ${allowed.join(', ')}`, where);
    }
  }
  return checked;
}

function checkIndexes(name: string, tensor: tf.Tensor, limit: number, where: string): void {
  const values = tensor.dataSync();
  for (let i = 0; i < values.length; i++) {
    const index = values[i]!;
    if (index >= 0 && index < limit) continue;
    throw bad(`${name} holds ${index} at place ${i}; its table has ${limit} rows`, where);
  }
}
