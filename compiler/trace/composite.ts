/**
 * How a layer says that a call is one operation. This is the only module of the compiler that
 * models import: it knows the recorder and nothing of the targets.
 */
import type * as tf from '@tensorflow/tfjs';
import type { CompositeOp, OpAttributes } from '../graph/ir.ts';
import { runComposite } from './backend.ts';

/**
 * Outside a recording this is `fallback()`. Under the recorder the graph gets the operation `op` in
 * place of the kernels that the fallback calls; targets without it expand it again.
 * @param inputs   as listed at the operation in graph/ir.ts, with its types and shapes
 * @param fallback the same computation in plain tfjs: makes a new tensor of the inputs and reads
 *   nothing else that depends on the inputs of a recording
 */
export function composite<K extends CompositeOp, T extends tf.Tensor>(
  op: K,
  inputs: readonly tf.Tensor[],
  attributes: OpAttributes[K],
  fallback: () => T,
): T {
  return runComposite({ op, attributes, inputs }, fallback);
}
