/** Rows of embedding tables. */
import * as tf from '@tensorflow/tfjs';
import { type NativeBackend, nativeBackend } from './native.ts';

/**
 * Rows of a table by index. On the TensorFlow backend the kernels are called directly: tfjs's own
 * gather reads every index back into JavaScript to check it, which costs more than the gather.
 * Indexes are checked when a batch is made (engine/dataset.ts) and by TensorFlow itself.
 * @param table [V, D] @param rows int32 [...] @returns [..., D]
 */
export function embedding(table: tf.Tensor2D, rows: tf.Tensor): tf.Tensor {
  const native = nativeBackend();
  if (!native) return tf.gather(table, rows as tf.Tensor1D);
  const flat = rows.reshape([-1]);
  return lookUp(native, flat)(table).reshape([...rows.shape, table.shape[1]]);
}

/** table → table[rows], whose gradient adds up the rows' gradients per table row. */
function lookUp(backend: NativeBackend, rows: tf.Tensor) {
  const { TF_ATTR_TYPE, TF_ATTR_INT, TF_FLOAT, TF_INT32 } = backend.binding;
  return tf.customGrad((...inputs) => {
    const save = inputs.pop() as unknown as (tensors: tf.Tensor[]) => void;
    const table = inputs[0] as tf.Tensor2D;
    const [tableRows] = table.shape;
    const axis = tf.scalar(0, 'int32');
    const attributes = [
      { name: 'batch_dims', type: TF_ATTR_INT, value: 0 },
      { name: 'Tparams', type: TF_ATTR_TYPE, value: TF_FLOAT },
      { name: 'Tindices', type: TF_ATTR_TYPE, value: TF_INT32 },
      { name: 'Taxis', type: TF_ATTR_TYPE, value: TF_INT32 },
    ];
    const operands = [table, rows, axis];
    const [value] = backend.executeMultipleOutputs('GatherV2', attributes, operands, 1);
    save([rows]);
    return {
      value: value!,
      gradFunc: (dy: tf.Tensor, [saved]: tf.Tensor[]) =>
        tf.unsortedSegmentSum(dy as tf.Tensor2D, saved as tf.Tensor1D, tableRows),
    };
  });
}
