/** Each operation of the graph as ONNX nodes (opset 17). */
import {
  at,
  type Graph,
  isZero,
  type Node,
  type OpName,
  type Shape,
  type TypedArray,
  unsupported,
  type Value,
  valueById,
} from '../graph/ir.ts';
import { lowerGru } from './gru.ts';
import type { Attribute, OnnxDType } from './proto.ts';

export interface OnnxEmitter {
  /** Adds a node; fresh output names unless given. Returns the first output's name. */
  node(
    op: string,
    inputs: readonly string[],
    attributes?: Record<string, Attribute>,
    outputs?: readonly string[],
  ): string;
  /** A shared initializer of int64 values: shapes, axes, offsets. */
  ints(values: readonly number[], shape?: Shape): string;
  tensor(dtype: OnnxDType, shape: Shape, data: TypedArray | Int8Array): string;
  fresh(): string;
}

export interface OnnxCall<N> {
  emit: OnnxEmitter;
  node: N;
  inputs: readonly Value[];
  /** Names of the inputs. */
  names: readonly string[];
  /** Names that the results must have. */
  results: readonly string[];
}

type Lowering<K extends OpName> = (call: OnnxCall<Extract<Node, { op: K }>>) => void;
type Table = { readonly [K in OpName]: Lowering<K> };

/** One ONNX operator with the same inputs and no attributes. */
const same =
  (op: string) =>
  ({ emit, names, results }: OnnxCall<Node>): void => {
    emit.node(op, names, {}, results);
  };

type ReductionName = 'sum' | 'mean' | 'max' | 'min';

/** Axes are an attribute in opset 17 for all reductions but the sum. */
const reduction =
  (op: string) =>
  ({ emit, node, names, results }: OnnxCall<Extract<Node, { op: ReductionName }>>): void => {
    const { axes, keepDims } = node.attributes;
    emit.node(op, names, { axes, keepdims: Number(keepDims) }, results);
  };

/** Swaps the last two axes. */
export function transposed(emit: OnnxEmitter, name: string, rank: number): string {
  const perm = Array.from({ length: rank }, (_, i) => (i < rank - 2 ? i : 2 * rank - 3 - i));
  return emit.node('Transpose', [name], { perm });
}

const dense: Lowering<'dense'> = ({ emit, node, inputs, names, results }) => {
  const [x, w, b] = inputs as [Value, Value, Value];
  const relu = node.attributes.activation === 'relu';
  const last = relu ? [emit.fresh()] : results;
  const [nameX, nameW, nameB] = names as [string, string, string];
  if (x.shape.length === 2) {
    emit.node('Gemm', isZero(b) ? [nameX, nameW] : [nameX, nameW, nameB], { transB: 1 }, last);
  } else {
    const [n, k] = w.shape as [number, number];
    const matrix = new Float32Array(n * k);
    for (let i = 0; i < n; i++) {
      for (let j = 0; j < k; j++) matrix[j * n + i] = at(w.data as TypedArray, i * k + j);
    }
    const product = isZero(b) ? last : [emit.fresh()];
    emit.node('MatMul', [nameX, emit.tensor('float32', [k, n], matrix)], {}, product);
    if (product !== last) emit.node('Add', [at(product, 0), nameB], {}, last);
  }
  if (relu) emit.node('Relu', last, {}, results);
};

const select: Lowering<'select'> = ({ emit, inputs, names, results }) => {
  if (at(inputs, 1).dtype !== 'bool') {
    emit.node('Where', names, {}, results);
    return;
  }
  // ONNX Runtime chooses between numbers only.
  const [condition, yes, no] = names as [string, string, string];
  const otherwise = emit.node('And', [emit.node('Not', [condition]), no]);
  emit.node('Or', [emit.node('And', [condition, yes]), otherwise], {}, results);
};

function slice(
  { emit, names, results }: OnnxCall<Node>,
  begin: readonly number[],
  end: readonly number[],
  strides?: readonly number[],
): void {
  const axes = begin.map((_, i) => i);
  const parameters = [begin, end, axes, ...(strides ? [strides] : [])];
  emit.node('Slice', [...names, ...parameters.map((values) => emit.ints(values))], {}, results);
}

const gather: Lowering<'gather'> = ({ emit, node, inputs, names, results }) => {
  const { axis, batchDims } = node.attributes;
  if (batchDims === 0) {
    emit.node('Gather', names, { axis }, results);
    return;
  }
  if (axis !== batchDims) {
    throw unsupported(
      `gather with ${batchDims} batch axes along axis ${axis} has no ONNX form`,
      'gather along the first axis after the batch axes',
    );
  }
  const [table, indices] = names as [string, string];
  const { shape } = at(inputs, 1);
  const wide = emit.node('Cast', [indices], { to: 7 });
  const columns = emit.node('Reshape', [wide, emit.ints([...shape, 1])]);
  emit.node('GatherND', [table, columns], { batch_dims: batchDims }, results);
};

const CAST_TO = { float32: 1, int32: 6, bool: 9 } as const;

const onnxLowerings: Table = {
  identity: same('Identity'),
  add: same('Add'),
  subtract: same('Sub'),
  multiply: same('Mul'),
  divide: same('Div'),
  maximum: same('Max'),
  minimum: same('Min'),
  greater: same('Greater'),
  greaterEqual: same('GreaterOrEqual'),
  // Not Less: MNN 3.6 mixes its results up, four numbers at a time.
  less: ({ emit, names, results }) => {
    emit.node('Greater', names.toReversed(), {}, results);
  },
  lessEqual: same('LessOrEqual'),
  equal: same('Equal'),
  notEqual: ({ emit, names, results }) => {
    emit.node('Not', [emit.node('Equal', names)], {}, results);
  },
  logicalAnd: same('And'),
  logicalOr: same('Or'),
  logicalNot: same('Not'),
  select,
  negate: same('Neg'),
  abs: same('Abs'),
  exp: same('Exp'),
  log: same('Log'),
  sqrt: same('Sqrt'),
  rsqrt: ({ emit, names, results }) => {
    emit.node('Reciprocal', [emit.node('Sqrt', names)], {}, results);
  },
  square: ({ emit, names, results }) => {
    emit.node('Mul', [at(names, 0), at(names, 0)], {}, results);
  },
  floor: same('Floor'),
  ceil: same('Ceil'),
  sin: same('Sin'),
  cos: same('Cos'),
  relu: same('Relu'),
  elu: same('Elu'),
  sigmoid: same('Sigmoid'),
  tanh: same('Tanh'),
  softmax: ({ emit, names, results }) => {
    emit.node('Softmax', names, { axis: -1 }, results);
  },
  cast: ({ emit, node, names, results }) => {
    emit.node('Cast', names, { to: CAST_TO[node.attributes.to] }, results);
  },
  matmul: ({ emit, node, inputs, names, results }) => {
    const { transposeA, transposeB } = node.attributes;
    const operands = [transposeA, transposeB].map((flag, i) =>
      flag ? transposed(emit, at(names, i), at(inputs, i).shape.length) : at(names, i),
    );
    emit.node('MatMul', operands, {}, results);
  },
  dense,
  gru: lowerGru,
  sum: ({ emit, node, names, results }) => {
    const { axes, keepDims } = node.attributes;
    emit.node('ReduceSum', [...names, emit.ints(axes)], { keepdims: Number(keepDims) }, results);
  },
  mean: reduction('ReduceMean'),
  max: reduction('ReduceMax'),
  min: reduction('ReduceMin'),
  reshape: ({ emit, node, names, results }) => {
    emit.node('Reshape', [...names, emit.ints(node.attributes.shape)], {}, results);
  },
  transpose: ({ emit, node, names, results }) => {
    emit.node('Transpose', names, { perm: node.attributes.permutation }, results);
  },
  broadcast: ({ emit, node, names, results }) => {
    emit.node('Expand', [...names, emit.ints(node.attributes.shape)], {}, results);
  },
  tile: ({ emit, node, names, results }) => {
    emit.node('Tile', [...names, emit.ints(node.attributes.repeats)], {}, results);
  },
  concat: ({ emit, node, names, results }) => {
    emit.node('Concat', names, { axis: node.attributes.axis }, results);
  },
  pack: ({ emit, node, names, results }) => {
    const { axis } = node.attributes;
    const parts = names.map((name) => emit.node('Unsqueeze', [name, emit.ints([axis])]));
    emit.node('Concat', parts, { axis }, results);
  },
  unpack: ({ emit, node, names, results }) => {
    const { axis } = node.attributes;
    const parts = results.map(() => emit.fresh());
    emit.node('Split', [...names, emit.ints(results.map(() => 1))], { axis }, parts);
    parts.forEach((part, i) => {
      emit.node('Squeeze', [part, emit.ints([axis])], {}, [at(results, i)]);
    });
  },
  split: ({ emit, node, names, results }) => {
    const { axis, sizes } = node.attributes;
    emit.node('Split', [...names, emit.ints(sizes)], { axis }, results);
  },
  slice: (call) => {
    const { begin, size } = call.node.attributes;
    slice(
      call,
      begin,
      begin.map((b, i) => b + at(size, i)),
    );
  },
  stridedSlice: (call) => {
    const { begin, end, strides } = call.node.attributes;
    const { shape } = at(call.inputs, 0);
    // A negative end counts from the back; one before the first element is −size − 1.
    const ends = end.map((e, i) => (e < 0 ? -at(shape, i) - 1 : e));
    slice(call, begin, ends, strides);
  },
  pad: ({ emit, node, inputs, names, results }) => {
    const { before, after, value } = node.attributes;
    const { dtype } = at(inputs, 0);
    const data = dtype === 'float32' ? Float32Array.of(value) : Int32Array.of(value);
    const fill = emit.tensor(dtype, [], data);
    emit.node('Pad', [...names, emit.ints([...before, ...after]), fill], {}, results);
  },
  gather,
  oneHot: ({ emit, node, inputs, names, results }) => {
    // Not ONNX's OneHot, which counts negative indices from the back.
    const { depth, on, off } = node.attributes;
    const column = emit.node('Unsqueeze', [at(names, 0), emit.ints([at(inputs, 0).shape.length])]);
    const classes = emit.tensor(
      'int32',
      [depth],
      Int32Array.from({ length: depth }, (_, i) => i),
    );
    const hit = emit.node('Equal', [column, classes]);
    const values = [on, off].map((x) => emit.tensor('float32', [], Float32Array.of(x)));
    emit.node('Where', [hit, ...values], {}, results);
  },
  reverse: (call) => {
    const { shape } = at(call.inputs, 0);
    const back = (i: number): boolean => call.node.attributes.axes.includes(i);
    slice(
      call,
      shape.map((size, i) => (back(i) ? size - 1 : 0)),
      shape.map((size, i) => (back(i) ? -size - 1 : size)),
      shape.map((_, i) => (back(i) ? -1 : 1)),
    );
  },
  cumulativeSum: ({ emit, node, names, results }) => {
    const { axis, exclusive, reverse } = node.attributes;
    const attributes = { exclusive: Number(exclusive), reverse: Number(reverse) };
    emit.node('CumSum', [...names, emit.ints([axis], [])], attributes, results);
  },
};

/** Adds a node's ONNX form; its tensors are called like the graph's values unless told. */
export function lowerNode(
  emit: OnnxEmitter,
  graph: Graph,
  node: Node,
  tensors: { names?: readonly string[]; results?: readonly string[] } = {},
): void {
  const inputs = node.inputs.map((id) => valueById(graph, id));
  const call: OnnxCall<Node> = {
    emit,
    node,
    inputs,
    names: tensors.names ?? inputs.map((value) => value.name),
    results: tensors.results ?? node.outputs.map((id) => valueById(graph, id).name),
  };
  // The table is keyed by the operation, so that node and lowering belong together.
  (onnxLowerings[node.op] as (call: OnnxCall<Node>) => void)(call);
}
