/** Operations that TensorFlow runs faster in another form; it fuses bias and activation itself then. */
import type { ValueId } from '../../graph/ir.ts';
import { sameDim } from '../../graph/symbolic.ts';
import { sameSymbolicShape } from '../builder.ts';
import type { TfValue } from '../ir.ts';
import type { TfRule } from './rewrite.ts';

const isVectorOf = (bias: TfValue, x: TfValue): boolean =>
  bias.shape.length === 1 && x.shape.length === 2 && sameDim(bias.shape[0]!, x.shape[1]!);

/** x W + b: TensorFlow's own pass makes one kernel of MatMul, BiasAdd and Relu. */
const bias: TfRule = ({ builder, node, types }) => {
  if (types[0]!.dtype !== 'float32') return undefined;
  for (const [x, b] of [node.inputs, node.inputs.toReversed()] as [ValueId, ValueId][]) {
    if (builder.producer(x)?.op !== 'MatMul' || !isVectorOf(builder.get(b), builder.get(x)))
      continue;
    const attributes = { T: { dtype: 'float32' }, data_format: { string: 'NHWC' } } as const;
    return builder.emit('BiasAdd', attributes, [x, b], types);
  }
  return undefined;
};

const allOf = (value: TfValue, number: number): boolean => {
  if (value.symbolic) return 'fill' in value.symbolic && value.symbolic.fill === number;
  return value.data?.every((element) => element === number) ?? false;
};

/** Ones only stretch the other factor (gradients of sums and means): a broadcast, or nothing. */
const multiplyByOnes: TfRule = ({ builder, node, types }) => {
  const [type] = types;
  for (const [x, ones] of [node.inputs, node.inputs.toReversed()] as [ValueId, ValueId][]) {
    if (!allOf(builder.get(ones), 1)) continue;
    if (sameSymbolicShape(builder.get(x).shape, type!.shape)) return [x];
    const attributes = { T: { dtype: type!.dtype }, Tidx: { dtype: 'int32' } } as const;
    return builder.emit('BroadcastTo', attributes, [x, builder.sizes(type!.shape)], types);
  }
  return undefined;
};

const addZeros: TfRule = ({ builder, node, types }) => {
  const [type] = types;
  for (const [x, zeros] of [node.inputs, node.inputs.toReversed()] as [ValueId, ValueId][]) {
    if (!allOf(builder.get(zeros), 0)) continue;
    if (sameSymbolicShape(builder.get(x).shape, type!.shape)) return [x];
  }
  return undefined;
};

export const onesAndZerosRules: Record<string, readonly TfRule[]> = {
  Add: [addZeros],
  AddV2: [addZeros],
  Mul: [multiplyByOnes],
};

export const biasRules: Record<string, readonly TfRule[]> = { Add: [bias], AddV2: [bias] };
