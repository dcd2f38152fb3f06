/** Each operation of the graph as TFLite operators, in float32 and in int8. */
import {
  at,
  type CompositeOp,
  type Graph,
  type Node,
  type OpName,
  type Quantization,
  type Shape,
  sameShape,
  type TypedArray,
  unsupported,
  type Value,
  valueById,
} from '../graph/ir.ts';
import type { TfliteEmitter } from './emitter.ts';
import type { OptionValues } from './model.ts';
import { dataInputs, sharesParameters } from './plan.ts';
import {
  perRow,
  perRowOrOne,
  quantizeBias,
  sameQuantization,
  scaleOf,
  symmetric,
} from './quantize.ts';
import { ACTIVATION, type OperatorName, TENSOR_TYPE } from './schema.ts';

/** One node being lowered: its tensors in the type in which it computes. */
export class TfliteCall<N extends Node = Node> {
  readonly emit: TfliteEmitter;
  readonly node: N;
  readonly int8: boolean;
  readonly inputs: readonly Value[];
  readonly outputs: readonly Value[];

  constructor(emit: TfliteEmitter, graph: Graph, node: N, int8: boolean) {
    this.emit = emit;
    this.node = node;
    this.int8 = int8;
    this.inputs = node.inputs.map((id) => valueById(graph, id));
    this.outputs = node.outputs.map((id) => valueById(graph, id));
  }

  operand(i: number): number {
    const id = at(this.node.inputs, i);
    if (!this.int8 || !dataInputs(this.node).includes(id)) return this.emit.native(id);
    if (sharesParameters(this.node.op)) return this.emit.int8(id, this.parameters());
    const { data } = at(this.inputs, i);
    if (!data) return this.emit.int8(id);
    const { data: bytes, quantization } = symmetric(data);
    return this.emit.constant('INT8', at(this.inputs, i).shape, bytes, quantization);
  }

  operands(): number[] {
    return this.inputs.map((_, i) => this.operand(i));
  }

  /** Int8 parameters of the output. */
  parameters(): Quantization {
    return this.emit.parameters(at(this.node.outputs, 0));
  }

  results(): number[] {
    return this.node.outputs.map((id) =>
      this.int8 ? this.emit.int8Result(id) : this.emit.native(id),
    );
  }

  refuse(why: string): never {
    const shapes = this.inputs.map((value) => `[${value.shape}]`).join(', ');
    throw unsupported(
      `${this.node.op} of ${shapes} has no TFLite form: ${why}`,
      'reshape to fewer dimensions around the operation',
      this.outputs[0]?.name,
    );
  }
}

type Lowering<K extends OpName> = (call: TfliteCall<Extract<Node, { op: K }>>) => void;
type Table = { readonly [K in Exclude<OpName, CompositeOp>]: Lowering<K> };

const MOST_BROADCAST_DIMENSIONS = 4;
const MOST_DIMENSIONS = 5;

function limitRank(call: TfliteCall, limit = MOST_DIMENSIONS): void {
  if (at(call.inputs, 0).shape.length > limit) call.refuse(`more than ${limit} dimensions`);
}

/** One operator with the same inputs and outputs. */
const same =
  (op: OperatorName, options: OptionValues = {}) =>
  (call: TfliteCall): void => {
    const inputs = call.operands();
    call.emit.operator(op, inputs, call.results(), options);
  };

/** Kernels broadcast up to four dimensions. */
const broadcasting =
  (op: OperatorName) =>
  (call: TfliteCall): void => {
    const { shape } = at(call.outputs, 0);
    const plain = call.inputs.every((input) => sameShape(input.shape, shape));
    if (!plain && shape.length > MOST_BROADCAST_DIMENSIONS) {
      call.refuse(`kernels broadcast up to ${MOST_BROADCAST_DIMENSIONS} dimensions`);
    }
    same(op)(call);
  };

type ReductionName = 'mean' | 'max' | 'min';

const reduction =
  (op: OperatorName) =>
  (call: TfliteCall<Extract<Node, { op: ReductionName }>>): void => {
    const { axes, keepDims } = call.node.attributes;
    const inputs = [call.operand(0), call.emit.ints(axes)];
    call.emit.operator(op, inputs, call.results(), { keepDims });
  };

const sum: Lowering<'sum'> = (call) => {
  const { emit, int8 } = call;
  const { axes, keepDims } = call.node.attributes;
  const input = call.operand(0);
  const [result] = call.results() as [number];
  const own = call.emit.tensors[input]?.quantization;
  const wanted = int8 ? call.parameters() : undefined;
  if (!own || !wanted || !sameQuantization(own, wanted)) {
    emit.operator('SUM', [input, emit.ints(axes)], [result], { keepDims });
    return;
  }
  // With equal parameters the kernel adds the bytes, without zero points and without saturation.
  const wider = { ...wanted, scale: [Math.fround(scaleOf(wanted) * 1.001)] };
  const between = emit.temporary('INT8', at(call.outputs, 0).shape, wider);
  emit.operator('SUM', [input, emit.ints(axes)], [between], { keepDims });
  emit.operator('QUANTIZE', [between], [result]);
};

function emitReshape(call: TfliteCall, shape: Shape): void {
  const input = call.operand(0);
  if (shape.length > 0) {
    call.emit.operator('RESHAPE', [input, call.emit.ints(shape)], call.results());
    return;
  }
  // An empty shape tensor would look like one without data; a maximum over one element is the same.
  const axes = at(call.inputs, 0).shape.map((_, i) => i);
  call.emit.operator('REDUCE_MAX', [input, call.emit.ints(axes)], call.results(), {
    keepDims: false,
  });
}

const dense: Lowering<'dense'> = (call) => {
  const { emit, node, inputs } = call;
  const [x, w, b] = inputs as [Value, Value, Value];
  const options = {
    activation: ACTIVATION[node.attributes.activation],
    keepDims: x.shape.length !== 2,
  };
  const input = call.operand(0);
  if (emit.storage(w.id) === 'rows') {
    // The kernel quantises its input row by row; scales of weights do not depend on it.
    const shape = w.shape as [number, number];
    const rows = perRow(w.data as TypedArray, shape, new Float32Array(shape[0]), 1);
    const weights = emit.constant('INT8', shape, rows.data, rows.quantization);
    const operands = [input, weights, emit.native(b.id)];
    emit.operator('FULLY_CONNECTED', operands, call.results(), { ...options, asymmetric: true });
    return;
  }
  if (!call.int8) {
    const operands = [input, emit.native(w.id), emit.native(b.id)];
    emit.operator('FULLY_CONNECTED', operands, call.results(), options);
    return;
  }
  const inputScale = scaleOf(emit.parameters(x.id));
  const shape = w.shape as [number, number];
  const bias = b.data as TypedArray;
  const weights = perRowOrOne(w.data as TypedArray, shape, bias, inputScale);
  const operands = [input, emit.constant('INT8', shape, weights.data, weights.quantization)];
  // A bias has a scale per row of its own, twice the bytes of its values.
  if (bias.some((x) => x !== 0)) {
    const shifts = quantizeBias(bias, inputScale, weights.quantization);
    operands.push(emit.constant('INT32', b.shape, shifts.data, shifts.quantization));
  }
  emit.operator('FULLY_CONNECTED', operands, call.results(), options);
};

const negate: Lowering<'negate'> = (call) => {
  if (!call.int8) {
    same('NEG')(call);
    return;
  }
  const x = call.operand(0);
  const { scale } = call.emit.tensors[x]?.quantization ?? call.parameters();
  // Zero in the steps of x: the kernel's resolution is that of the coarser input.
  const zero = call.emit.constant('INT8', [], Int8Array.of(0), { scale, zeroPoint: [0], axis: 0 });
  call.emit.operator('SUB', [zero, x], call.results());
};

const square: Lowering<'square'> = (call) => {
  const x = call.operand(0);
  const isFloat = !call.int8 && at(call.inputs, 0).dtype === 'float32';
  call.emit.operator(isFloat ? 'SQUARE' : 'MUL', isFloat ? [x] : [x, x], call.results());
};

const stridedSlice: Lowering<'stridedSlice'> = (call) => {
  limitRank(call, MOST_BROADCAST_DIMENSIONS);
  const { begin, end, strides } = call.node.attributes;
  // −1 would count from the back; a masked end runs to the first element.
  const endMask = end.reduce((mask, e, i) => (e < 0 ? mask | (1 << i) : mask), 0);
  const bounds = [begin, end.map((e) => Math.max(e, 0)), strides].map((v) => call.emit.ints(v));
  call.emit.operator('STRIDED_SLICE', [call.operand(0), ...bounds], call.results(), { endMask });
};

const split: Lowering<'split'> = (call) => {
  const { emit, node } = call;
  const { axis, sizes } = node.attributes;
  const x = call.operand(0);
  const results = call.results();
  if (sizes.every((size) => size === sizes[0])) {
    emit.operator('SPLIT', [emit.ints([axis], []), x], results, { splits: sizes.length });
    return;
  }
  // Not SPLIT_V: XNNPACK lacks it, and hands the graph over and back around it. MNN lacks it, too.
  limitRank(call);
  const { shape } = at(call.inputs, 0);
  let from = 0;
  sizes.forEach((size, i) => {
    const begin = emit.ints(shape.map((_, k) => (k === axis ? from : 0)));
    const extent = emit.ints(shape.map((n, k) => (k === axis ? size : n)));
    emit.operator('SLICE', [x, begin, extent], [at(results, i)]);
    from += size;
  });
};

const pad: Lowering<'pad'> = (call) => {
  limitRank(call, MOST_BROADCAST_DIMENSIONS);
  const { before, after, value } = call.node.attributes;
  const { dtype, shape } = at(call.inputs, 0);
  if (dtype === 'bool') call.refuse('kernels do not pad bool');
  const paddings = call.emit.ints(
    before.flatMap((n, i) => [n, at(after, i)]),
    [shape.length, 2],
  );
  const fill = dtype === 'int32' ? Int32Array.of(value) : Float32Array.of(value);
  const constant = call.int8
    ? call.emit.quantizedConstant([], fill, call.parameters())
    : call.emit.constant(dtype === 'int32' ? 'INT32' : 'FLOAT32', [], fill);
  call.emit.operator('PADV2', [call.operand(0), paddings, constant], call.results());
};

const gather: Lowering<'gather'> = (call) => {
  const { emit, node, outputs } = call;
  const { axis, batchDims } = node.attributes;
  const table = at(node.inputs, 0);
  if (emit.storage(table) === 'int8') {
    // First the rows, then their numbers: the table is never widened as a whole.
    const stored = emit.stored(table);
    const { shape } = at(outputs, 0);
    const rows = emit.temporary('INT8', shape, emit.tensors[stored]?.quantization);
    emit.operator('GATHER', [stored, call.operand(1)], [rows], { axis, batchDims });
    emit.operator('DEQUANTIZE', [rows], call.results());
    return;
  }
  const operands = [call.operand(0), call.operand(1)];
  emit.operator('GATHER', operands, call.results(), { axis, batchDims });
};

const oneHot: Lowering<'oneHot'> = (call) => {
  const { depth, on, off } = call.node.attributes;
  const scalar = (x: number): number => call.emit.constant('FLOAT32', [], Float32Array.of(x));
  const operands = [call.operand(0), call.emit.ints([depth], []), scalar(on), scalar(off)];
  call.emit.operator('ONE_HOT', operands, call.results(), { axis: -1 });
};

const reverse: Lowering<'reverse'> = (call) => {
  // Kernels reverse one axis at a time.
  const { axes } = call.node.attributes;
  const { shape, dtype } = at(call.inputs, 0);
  let x = call.operand(0);
  axes.forEach((axis, i) => {
    const last = i === axes.length - 1;
    const type = call.int8 ? 'INT8' : dtype === 'int32' ? 'INT32' : 'FLOAT32';
    const out = last
      ? at(call.results(), 0)
      : call.emit.temporary(type, shape, call.int8 ? call.parameters() : undefined);
    call.emit.operator('REVERSE_V2', [x, call.emit.ints([axis])], [out]);
    x = out;
  });
};

const identity: Lowering<'identity'> = (call) => {
  const { data, shape } = at(call.inputs, 0);
  if (!data || call.int8) return emitReshape(call, shape);
  // A reshape of a constant is done when a file is opened, and LiteRT loses the output then.
  const constant = call.operand(0);
  call.emit.operator('MAXIMUM', [constant, constant], call.results());
};

const CAST_TYPE = {
  float32: TENSOR_TYPE.FLOAT32,
  int32: TENSOR_TYPE.INT32,
  bool: TENSOR_TYPE.BOOL,
} as const;

const withInts =
  <K extends 'transpose' | 'tile' | 'broadcast'>(
    op: OperatorName,
    values: (node: Extract<Node, { op: K }>) => readonly number[],
  ): Lowering<K> =>
  (call) => {
    limitRank(call);
    const constant = call.emit.ints(values(call.node));
    call.emit.operator(op, [call.operand(0), constant], call.results());
  };

export const tfliteLowerings: Table = {
  identity,
  add: broadcasting('ADD'),
  subtract: broadcasting('SUB'),
  multiply: broadcasting('MUL'),
  divide: broadcasting('DIV'),
  maximum: broadcasting('MAXIMUM'),
  minimum: broadcasting('MINIMUM'),
  greater: broadcasting('GREATER'),
  greaterEqual: broadcasting('GREATER_EQUAL'),
  less: broadcasting('LESS'),
  lessEqual: broadcasting('LESS_EQUAL'),
  equal: broadcasting('EQUAL'),
  notEqual: broadcasting('NOT_EQUAL'),
  logicalAnd: broadcasting('LOGICAL_AND'),
  logicalOr: broadcasting('LOGICAL_OR'),
  select: broadcasting('SELECT_V2'),
  logicalNot: same('LOGICAL_NOT'),
  negate,
  abs: same('ABS'),
  exp: same('EXP'),
  log: same('LOG'),
  sqrt: same('SQRT'),
  rsqrt: same('RSQRT'),
  square,
  floor: same('FLOOR'),
  ceil: same('CEIL'),
  sin: same('SIN'),
  cos: same('COS'),
  relu: same('RELU'),
  elu: same('ELU'),
  sigmoid: same('LOGISTIC'),
  tanh: same('TANH'),
  softmax: (call) => {
    limitRank(call, MOST_BROADCAST_DIMENSIONS);
    same('SOFTMAX', { beta: 1 })(call);
  },
  cast: (call) => {
    const options = {
      from: CAST_TYPE[at(call.inputs, 0).dtype],
      to: CAST_TYPE[call.node.attributes.to],
    };
    same('CAST', options)(call);
  },
  matmul: (call) => {
    limitRank(call);
    const { transposeA, transposeB } = call.node.attributes;
    same('BATCH_MATMUL', { adjointX: transposeA, adjointY: transposeB })(call);
  },
  dense,
  sum,
  mean: reduction('MEAN'),
  max: reduction('REDUCE_MAX'),
  min: reduction('REDUCE_MIN'),
  reshape: (call) => emitReshape(call, call.node.attributes.shape),
  transpose: withInts('TRANSPOSE', (node) => node.attributes.permutation),
  broadcast: withInts('BROADCAST_TO', (node) => node.attributes.shape),
  tile: withInts('TILE', (node) => node.attributes.repeats),
  concat: (call) => same('CONCATENATION', { axis: call.node.attributes.axis })(call),
  pack: (call) => {
    const { axis } = call.node.attributes;
    same('PACK', { count: call.inputs.length, axis })(call);
  },
  unpack: (call) => {
    const { axis } = call.node.attributes;
    same('UNPACK', { count: call.outputs.length, axis })(call);
  },
  split,
  slice: (call) => {
    limitRank(call);
    const { begin, size } = call.node.attributes;
    const operands = [call.operand(0), call.emit.ints(begin), call.emit.ints(size)];
    call.emit.operator('SLICE', operands, call.results());
  },
  stridedSlice,
  pad,
  gather,
  oneHot,
  reverse,
  cumulativeSum: (call) => {
    const { axis, exclusive, reverse: backwards } = call.node.attributes;
    const operands = [call.operand(0), call.emit.ints([axis], [])];
    call.emit.operator('CUMSUM', operands, call.results(), { exclusive, reverse: backwards });
  },
};
