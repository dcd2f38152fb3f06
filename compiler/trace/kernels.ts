/** What each tfjs kernel means in the graph. A kernel that is not here is refused by name. */
import * as tf from '@tensorflow/tfjs';
import type { GraphBuilder } from '../graph/builder.ts';
import { at, type DType, type OpName, type Shape, unsupported, type ValueId } from '../graph/ir.ts';
import { emitEinsum } from './einsum.ts';

/** A kernel call with its inputs as values of the graph. */
export interface LoweringCall {
  builder: GraphBuilder;
  /** In the order in which tfjs names them; undefined for an optional input that is absent. */
  input(name: string): ValueId;
  optional(name: string): ValueId | undefined;
  all(): ValueId[];
  attributes: Record<string, unknown>;
  outputs: { shape: Shape; dtype: string }[];
}

type Lowering = (call: LoweringCall) => ValueId | readonly ValueId[];

type Plain = 'add' | 'exp' | 'greater' | 'logicalNot';
const emitPlain = (builder: GraphBuilder, op: OpName, inputs: ValueId[]): ValueId =>
  builder.emit(op as Plain, inputs, {});

const binary =
  (op: OpName): Lowering =>
  ({ builder, input }) =>
    emitPlain(builder, op, [input('a'), input('b')]);

const unary =
  (op: OpName, name = 'x'): Lowering =>
  ({ builder, input }) =>
    emitPlain(builder, op, [input(name)]);

const outputShape = (call: LoweringCall): Shape => at(call.outputs, 0).shape;

const reshaped =
  (name: string): Lowering =>
  (call) =>
    call.builder.reshape(call.input(name), outputShape(call));

const reduction =
  (op: 'sum' | 'mean' | 'max' | 'min'): Lowering =>
  (call) => {
    const x = call.input('x');
    const shape = call.builder.shape(x);
    const parameter = call.attributes.axis ?? call.attributes.reductionIndices;
    const axes = tf.util
      .parseAxisParam((parameter ?? null) as number[], [...shape])
      .sort((a, b) => a - b);
    // The mean of whole numbers is none: tfjs makes float32 of them first.
    const to = at(call.outputs, 0).dtype as DType;
    const numbers = call.builder.get(x).dtype === to ? x : call.builder.emit('cast', [x], { to });
    const reduced =
      axes.length === 0 ? numbers : call.builder.emit(op, [numbers], { axes, keepDims: false });
    return call.builder.reshape(reduced, outputShape(call));
  };

const axisOf = (attributes: Record<string, unknown>, shape: Shape): number => {
  const [axis] = tf.util.parseAxisParam(attributes.axis as number, [...shape]);
  return axis ?? 0;
};

const activations: Record<string, OpName> = {
  relu: 'relu',
  sigmoid: 'sigmoid',
  elu: 'elu',
};

function emitActivation(builder: GraphBuilder, x: ValueId, name: unknown): ValueId {
  if (name === undefined || name === 'linear') return x;
  const op = activations[String(name)];
  if (!op) throw unsupported(`Fused activation ${name} cannot be exported`, 'apply it on its own');
  return emitPlain(builder, op, [x]);
}

const fusedMatMul: Lowering = ({ builder, input, optional, attributes, outputs }) => {
  const bias = optional('bias');
  const product = builder.reshape(
    builder.emit('matmul', [input('a'), input('b')], {
      transposeA: attributes.transposeA === true,
      transposeB: attributes.transposeB === true,
    }),
    at(outputs, 0).shape,
  );
  const shifted = bias === undefined ? product : emitPlain(builder, 'add', [product, bias]);
  return emitActivation(builder, shifted, attributes.activation);
};

const batchNorm: Lowering = ({ builder, input, optional, attributes }) => {
  const epsilon = builder.scalar((attributes.varianceEpsilon as number | undefined) ?? 0.001);
  const variance = emitPlain(builder, 'add', [input('variance'), epsilon]);
  let factor = emitPlain(builder, 'rsqrt', [variance]);
  const scale = optional('scale');
  if (scale !== undefined) factor = emitPlain(builder, 'multiply', [factor, scale]);
  const centred = emitPlain(builder, 'subtract', [input('x'), input('mean')]);
  const scaled = emitPlain(builder, 'multiply', [centred, factor]);
  const offset = optional('offset');
  return offset === undefined ? scaled : emitPlain(builder, 'add', [scaled, offset]);
};

const power: Lowering = ({ builder, input }) => {
  const exponent = builder.get(input('b')).data;
  const known: Record<number, OpName> = { 2: 'square', 0.5: 'sqrt', [-0.5]: 'rsqrt' };
  const op = exponent?.length === 1 ? known[at(exponent, 0)] : undefined;
  if (op) return emitPlain(builder, op, [input('a')]);
  throw unsupported(
    'tf.pow is exported for the constant exponents 2, 0.5 and −0.5 only',
    'write the power as products or as exp(b · log(a))',
  );
};

const stridedSlice: Lowering = ({ builder, input, attributes, outputs }) => {
  const x = input('x');
  const number = (name: string): number => (attributes[name] as number | undefined) ?? 0;
  const info = tf.slice_util.sliceInfo(
    [...builder.shape(x)],
    attributes.begin as number[],
    attributes.end as number[],
    attributes.strides as number[],
    number('beginMask'),
    number('endMask'),
    number('ellipsisMask'),
    number('newAxisMask'),
    number('shrinkAxisMask'),
  );
  const { begin, end, strides } = info;
  const plain = strides.every((stride) => stride === 1);
  const cut = plain
    ? builder.emit('slice', [x], { begin, size: end.map((e, i) => e - at(begin, i)) })
    : builder.emit('stridedSlice', [x], { begin, end, strides });
  return builder.reshape(cut, at(outputs, 0).shape);
};

const split: Lowering = ({ builder, input, attributes, outputs }) => {
  const x = input('x');
  const axis = axisOf(attributes, builder.shape(x));
  const sizes = outputs.map(({ shape }) => at(shape, axis));
  return builder.emitAll({ op: 'split', attributes: { axis, sizes } }, [x]);
};

const oneHot: Lowering = ({ builder, input, attributes, outputs }) => {
  const hot = builder.emit('oneHot', [input('indices')], {
    depth: attributes.depth as number,
    on: attributes.onValue as number,
    off: attributes.offValue as number,
  });
  return builder.emit('cast', [hot], { to: at(outputs, 0).dtype as DType });
};

const filled =
  (value: number): Lowering =>
  ({ builder, outputs }) => {
    const { shape, dtype } = at(outputs, 0);
    return builder.emit('broadcast', [builder.scalar(value, dtype as DType)], { shape });
  };

/** Two steps, the second on the first's result and x. */
const chain =
  (
    steps: (builder: GraphBuilder, x: ValueId, attributes: Record<string, unknown>) => ValueId,
  ): Lowering =>
  ({ builder, input, attributes }) =>
    steps(builder, input('x'), attributes);

export const lowerings: Record<string, Lowering> = {
  Add: binary('add'),
  Sub: binary('subtract'),
  // Conditions are multiplied where both must hold; runtimes multiply numbers only.
  Multiply: (call) => binary(call.outputs[0]?.dtype === 'bool' ? 'logicalAnd' : 'multiply')(call),
  RealDiv: binary('divide'),
  Maximum: binary('maximum'),
  Minimum: binary('minimum'),
  Greater: binary('greater'),
  GreaterEqual: binary('greaterEqual'),
  Less: binary('less'),
  LessEqual: binary('lessEqual'),
  Equal: binary('equal'),
  NotEqual: binary('notEqual'),
  LogicalAnd: binary('logicalAnd'),
  LogicalOr: binary('logicalOr'),
  LogicalNot: unary('logicalNot'),
  Neg: unary('negate'),
  Abs: unary('abs'),
  Exp: unary('exp'),
  Log: unary('log'),
  Sqrt: unary('sqrt'),
  Rsqrt: unary('rsqrt'),
  Square: unary('square'),
  Floor: unary('floor'),
  Ceil: unary('ceil'),
  Sin: unary('sin'),
  Cos: unary('cos'),
  // TFLite's RELU takes no whole numbers.
  Relu: chain((builder, x) => {
    const { dtype } = builder.get(x);
    return dtype === 'float32'
      ? emitPlain(builder, 'relu', [x])
      : emitPlain(builder, 'maximum', [x, builder.scalar(0, dtype)]);
  }),
  Elu: unary('elu'),
  Sigmoid: unary('sigmoid'),
  Tanh: unary('tanh'),
  Softmax: unary('softmax', 'logits'),
  Pow: power,
  SquaredDifference: ({ builder, input }) =>
    emitPlain(builder, 'square', [emitPlain(builder, 'subtract', [input('a'), input('b')])]),
  Reciprocal: chain((builder, x) => emitPlain(builder, 'divide', [builder.scalar(1), x])),
  Log1p: chain((builder, x) =>
    emitPlain(builder, 'log', [emitPlain(builder, 'add', [x, builder.scalar(1)])]),
  ),
  Expm1: chain((builder, x) =>
    emitPlain(builder, 'subtract', [emitPlain(builder, 'exp', [x]), builder.scalar(1)]),
  ),
  // log(1 + e^x) = max(x, 0) + log(1 + e^−|x|), which never overflows.
  Softplus: chain((builder, x) => {
    const small = emitPlain(builder, 'exp', [
      emitPlain(builder, 'negate', [emitPlain(builder, 'abs', [x])]),
    ]);
    const tail = emitPlain(builder, 'log', [emitPlain(builder, 'add', [small, builder.scalar(1)])]);
    return emitPlain(builder, 'add', [emitPlain(builder, 'relu', [x]), tail]);
  }),
  LeakyRelu: chain((builder, x, { alpha }) => {
    const slope = builder.scalar(alpha as number);
    const negative = emitPlain(builder, 'minimum', [x, builder.scalar(0)]);
    return emitPlain(builder, 'add', [
      emitPlain(builder, 'relu', [x]),
      emitPlain(builder, 'multiply', [negative, slope]),
    ]);
  }),
  Relu6: chain((builder, x) =>
    emitPlain(builder, 'minimum', [emitPlain(builder, 'relu', [x]), builder.scalar(6)]),
  ),
  ClipByValue: chain((builder, x, { clipValueMin, clipValueMax }) => {
    const { dtype } = builder.get(x);
    const raised = emitPlain(builder, 'maximum', [
      x,
      builder.scalar(clipValueMin as number, dtype),
    ]);
    return emitPlain(builder, 'minimum', [raised, builder.scalar(clipValueMax as number, dtype)]);
  }),
  AddN: ({ builder, all }) => all().reduce((sum, x) => emitPlain(builder, 'add', [sum, x])),
  Select: ({ builder, input }) => {
    const condition = input('condition');
    const yes = input('t');
    // tfjs lets a vector of conditions choose whole rows.
    const rows = builder.shape(condition);
    const rank = builder.shape(yes).length;
    const spread =
      rows.length === 1 && rank > 1
        ? builder.reshape(condition, [...rows, ...new Array<number>(rank - 1).fill(1)])
        : condition;
    return emitPlain(builder, 'select', [spread, yes, input('e')]);
  },
  BatchMatMul: ({ builder, input, attributes, outputs }) =>
    builder.reshape(
      builder.emit('matmul', [input('a'), input('b')], {
        transposeA: attributes.transposeA === true,
        transposeB: attributes.transposeB === true,
      }),
      at(outputs, 0).shape,
    ),
  _FusedMatMul: fusedMatMul,
  FusedBatchNorm: batchNorm,
  Einsum: ({ builder, all, attributes, outputs }) =>
    builder.reshape(
      emitEinsum(builder, attributes.equation as string, all()),
      at(outputs, 0).shape,
    ),
  Sum: reduction('sum'),
  Mean: reduction('mean'),
  Max: reduction('max'),
  Min: reduction('min'),
  Cumsum: ({ builder, input, attributes }) => {
    const x = input('x');
    return builder.emit('cumulativeSum', [x], {
      axis: axisOf(attributes, builder.shape(x)),
      exclusive: attributes.exclusive === true,
      reverse: attributes.reverse === true,
    });
  },
  Identity: reshaped('x'),
  Reshape: reshaped('x'),
  ExpandDims: reshaped('input'),
  Cast: ({ builder, input, outputs }) =>
    builder.emit('cast', [input('x')], { to: at(outputs, 0).dtype as DType }),
  Transpose: ({ builder, input, attributes }) =>
    builder.emit('transpose', [input('x')], { permutation: attributes.perm as number[] }),
  Tile: ({ builder, input, attributes }) =>
    builder.emit('tile', [input('x')], { repeats: attributes.reps as number[] }),
  Concat: ({ builder, all, attributes, outputs }) => {
    // tfjs leaves empty tensors in the list.
    const parts = all().filter((id) => builder.shape(id).every((size) => size > 0));
    return builder.emit('concat', parts, { axis: axisOf(attributes, at(outputs, 0).shape) });
  },
  Pack: ({ builder, all, attributes, outputs }) =>
    builder.emit('pack', all(), { axis: axisOf(attributes, at(outputs, 0).shape) }),
  Unpack: ({ builder, input, attributes }) => {
    const x = input('value');
    const axis = axisOf(attributes, builder.shape(x));
    return builder.emitAll({ op: 'unpack', attributes: { axis } }, [x]);
  },
  SplitV: split,
  Slice: (call) => {
    const x = call.input('x');
    const given = call.attributes.begin;
    const begin = Array.isArray(given) ? (given as number[]) : [given as number];
    return call.builder.emit('slice', [x], {
      begin: call.builder.shape(x).map((_, i) => begin[i] ?? 0),
      size: outputShape(call),
    });
  },
  StridedSlice: stridedSlice,
  PadV2: ({ builder, input, attributes }) => {
    const paddings = attributes.paddings as [number, number][];
    return builder.emit('pad', [input('x')], {
      before: paddings.map(([before]) => before),
      after: paddings.map(([, after]) => after),
      value: attributes.constantValue as number,
    });
  },
  GatherV2: (call) => {
    const { builder, input, attributes } = call;
    const x = input('x');
    const batchDims = (attributes.batchDims as number | undefined) ?? 0;
    const gathered = builder.emit('gather', [x, input('indices')], {
      axis: axisOf(attributes, builder.shape(x)),
      batchDims,
    });
    return builder.reshape(gathered, outputShape(call));
  },
  OneHot: oneHot,
  Reverse: ({ builder, input, attributes }) => {
    const x = input('x');
    const axes = tf.util.parseAxisParam(attributes.dims as number[], [...builder.shape(x)]);
    return builder.emit('reverse', [x], { axes: axes.sort((a, b) => a - b) });
  },
  ZerosLike: filled(0),
  OnesLike: filled(1),
};
