/** Rows of embedding tables. */
import * as tf from '@tensorflow/tfjs';
import { nativeBackend, rawOp } from '../../compiler/trace/raw-op.ts';

const GATHER = {
  batch_dims: { int: 0 },
  Tparams: { dtype: 'float32' },
  Tindices: { dtype: 'int32' },
  Taxis: { dtype: 'int32' },
} as const;

/**
 * Rows of a table by index. On the TensorFlow backend the kernels are called directly: tfjs's own
 * gather reads every index back into JavaScript to check it, which costs more than the gather.
 * Indexes are checked when a batch is made (engine/dataset.ts) and by TensorFlow itself.
 * @param table [V, D] @param rows int32 [...] @returns [..., D]
 */
export function embedding(table: tf.Tensor2D, rows: tf.Tensor): tf.Tensor {
  if (!nativeBackend()) return tf.gather(table, rows as tf.Tensor1D);
  const flat = rows.reshape([-1]);
  return lookUp(flat)(table).reshape([...rows.shape, table.shape[1]]);
}

/** table → table[rows], whose gradient adds up the rows' gradients per table row. */
function lookUp(rows: tf.Tensor) {
  return tf.customGrad((...inputs) => {
    const save = inputs.pop() as unknown as (tensors: tf.Tensor[]) => void;
    const table = inputs[0] as tf.Tensor2D;
    const [tableRows] = table.shape;
    const axis = tf.scalar(0, 'int32');
    const [value] = rawOp('GatherV2', GATHER, [table, rows, axis]);
    save([rows]);
    return {
      value: value!,
      gradFunc: (dy: tf.Tensor, [saved]: tf.Tensor[]) =>
        tf.unsortedSegmentSum(dy as tf.Tensor2D, saved as tf.Tensor1D, tableRows),
    };
  });
}
