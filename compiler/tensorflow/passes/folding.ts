/** Operations on constants only are computed when the graph is made, by TensorFlow itself. */
import * as tf from '@tensorflow/tfjs';
import type { DType } from '../../graph/ir.ts';
import { elementCount } from '../../graph/ir.ts';
import { isStatic } from '../../graph/symbolic.ts';
import { type RawAttribute, rawOp } from '../../trace/raw-op.ts';
import type { TfAttributes, TfValue } from '../ir.ts';
import type { TfRule } from './rewrite.ts';

/** Larger results stay operations, so that the file stays small. */
const LARGEST = 4096;
const STATEFUL = /Random|Assert|Print|^Multinomial/;

const fold: TfRule = ({ builder, node, types }) => {
  if (node.inputs.length === 0 || STATEFUL.test(node.op)) return undefined;
  const inputs = node.inputs.map((id) => builder.get(id));
  if (!inputs.every(({ data }) => data !== undefined)) return undefined;
  const sizes = types.map(({ shape }) => (isStatic(shape) ? elementCount(shape) : LARGEST + 1));
  if (sizes.some((size) => size > LARGEST)) return undefined;
  const attributes = rawAttributes(node.attributes);
  if (!attributes) return undefined;
  return tf.tidy(() => {
    const operands = inputs.map(({ data, shape, dtype }) =>
      tf.tensor(data!, shape as number[], dtype),
    );
    const results = rawOp(node.op, attributes, operands, types.length);
    return types.map((type, i) => {
      const result = results[i]!;
      return builder.constant(type.dtype, result.shape, copied(type, result));
    });
  });
};

function copied({ dtype }: TfValue, tensor: tf.Tensor): Float32Array | Int32Array | Uint8Array {
  const values = tensor.dataSync() as unknown as ArrayLike<number>;
  const make: Record<
    DType,
    { from(values: ArrayLike<number>): Float32Array | Int32Array | Uint8Array }
  > = {
    float32: Float32Array,
    int32: Int32Array,
    bool: Uint8Array,
  };
  return make[dtype].from(values);
}

function rawAttributes(attributes: TfAttributes): Record<string, RawAttribute> | undefined {
  const raw: Record<string, RawAttribute> = {};
  for (const [name, value] of Object.entries(attributes)) {
    if ('bool' in value) raw[name] = value.bool;
    else if ('string' in value) raw[name] = value.string;
    else if ('ints' in value || 'shape' in value) return undefined;
    else raw[name] = value;
  }
  return raw;
}

export const foldingRules: Record<string, readonly TfRule[]> = { '*': [fold] };
