/** Operations that move no number: reshapes, transposes, casts and copies that can go. */
import type { ValueId } from '../../graph/ir.ts';
import { sameSymbolicShape } from '../builder.ts';
import { dtypeOf } from '../ir.ts';
import type { RuleContext, TfRule } from './rewrite.ts';

const toInput: TfRule = ({ node }) => [node.inputs[0]!];

/** A reshape of a reshape needs the last one only; one to the same shape is none. */
const reshape: TfRule = ({ builder, node, types }) => {
  const [x, shape] = node.inputs as [ValueId, ValueId];
  const [type] = types;
  if (sameSymbolicShape(builder.get(x).shape, type!.shape)) return [x];
  const inner = builder.producer(x);
  if (inner?.op === 'Reshape' || inner?.op === 'ExpandDims' || inner?.op === 'Squeeze') {
    return builder.emit('Reshape', node.attributes, [inner.inputs[0]!, shape], types);
  }
  return undefined;
};

/** One way to say it, so that equal ones are found to be equal. */
const expandDims: TfRule = ({ builder, node, types }) => {
  const [type] = types;
  const attributes = {
    T: { dtype: type!.dtype },
    Tshape: { dtype: 'int32' },
  } as const;
  return builder.emit('Reshape', attributes, [node.inputs[0]!, builder.sizes(type!.shape)], types);
};

const cast: TfRule = ({ node }) =>
  dtypeOf(node.attributes, 'SrcT') === dtypeOf(node.attributes, 'DstT')
    ? [node.inputs[0]!]
    : undefined;

const transpose: TfRule = ({ builder, node, types }) => {
  const [x, permutation] = node.inputs as [ValueId, ValueId];
  const order = builder.staticInts(permutation);
  if (!order) return undefined;
  if (order.every((axis, i) => axis === i)) return [x];
  const inner = builder.producer(x);
  const before = inner?.op === 'Transpose' ? builder.staticInts(inner.inputs[1]!) : undefined;
  if (!inner || !before) return undefined;
  const composed = order.map((axis) => before[axis]!);
  return builder.emit(
    'Transpose',
    node.attributes,
    [inner.inputs[0]!, builder.int32(composed)],
    types,
  );
};

/** True when `x` is a transpose of its last two axes. */
function swapped({ builder }: RuleContext, x: ValueId): ValueId | undefined {
  const node = builder.producer(x);
  if (node?.op !== 'Transpose') return undefined;
  const order = builder.staticInts(node.inputs[1]!);
  if (!order) return undefined;
  const rank = order.length;
  const wanted = order.map((_, i) => (i === rank - 1 ? rank - 2 : i === rank - 2 ? rank - 1 : i));
  return order.every((axis, i) => axis === wanted[i]) ? node.inputs[0] : undefined;
}

function flag(context: RuleContext, name: string): boolean {
  const attribute = context.node.attributes[name];
  return attribute !== undefined && 'bool' in attribute && attribute.bool;
}

/** Products read their operands transposed, and a product of two matrices is not a batch of them. */
const product =
  (left: string, right: string): TfRule =>
  (context) => {
    const { builder, node, types } = context;
    const [a, b] = node.inputs as [ValueId, ValueId];
    const plainA = swapped(context, a);
    const plainB = swapped(context, b);
    const matrices = builder.get(a).shape.length === 2 && builder.get(b).shape.length === 2;
    if (plainA === undefined && plainB === undefined && (node.op === 'MatMul' || !matrices)) {
      return undefined;
    }
    const op = matrices ? 'MatMul' : node.op;
    const [nameA, nameB] = matrices ? ['transpose_a', 'transpose_b'] : [left, right];
    const attributes = {
      T: { dtype: types[0]!.dtype },
      [nameA!]: { bool: flag(context, left) !== (plainA !== undefined) },
      [nameB!]: { bool: flag(context, right) !== (plainB !== undefined) },
    };
    return builder.emit(op, attributes, [plainA ?? a, plainB ?? b], types);
  };

export const movementRules: Record<string, readonly TfRule[]> = {
  Identity: [toInput],
  Reshape: [reshape],
  ExpandDims: [expandDims],
  Squeeze: [expandDims],
  Cast: [cast],
  Transpose: [transpose],
};

export const productRules: Record<string, readonly TfRule[]> = {
  BatchMatMulV2: [product('adj_x', 'adj_y')],
  MatMul: [product('transpose_a', 'transpose_b')],
};
