/**
 * The graph between tfjs and the targets: static single assignment, nodes in execution order,
 * values with a type, constants kept as arrays. Everything a target needs is in the node; nothing
 * refers to tfjs. Shapes are fixed here; training graphs have nodes of their own (tensorflow/ir.ts)
 * and open sizes (symbolic.ts).
 */
import { EdgeloomError } from '../../lib/errors.ts';
import type { SymbolicShape } from './symbolic.ts';

export type DType = 'float32' | 'int32' | 'bool';
export type Shape = readonly number[];
/** Row-major values; bool is one byte an element. */
export type TypedArray = Float32Array | Int32Array | Uint8Array;
export type ValueId = number;

export interface TensorType {
  shape: Shape;
  dtype: DType;
}

/**
 * Affine quantisation: real = scale · (quantised − zeroPoint). One entry per tensor, or one per
 * index of `axis`.
 */
export interface Quantization {
  scale: readonly number[];
  zeroPoint: readonly number[];
  axis: number;
}

export interface Value extends TensorType {
  id: ValueId;
  /** From the caller for inputs, outputs and named weights; short and generated otherwise. */
  name: string;
  /** Set for constants only. */
  data?: TypedArray;
  /** Set for float32 values that a target keeps in int8. */
  quantization?: Quantization;
}

type None = Record<string, never>;
interface Reduction {
  /** Sorted, not negative. */
  axes: readonly number[];
  keepDims: boolean;
}

/**
 * What a masked step does: with `choice` the mask holds 0 and 1 only, and where it is 0 the state
 * stays as it is; with `blend` it holds any number m and the state becomes m · h' + (1 − m) · h.
 */
export type GruMask = 'none' | 'choice' | 'blend';

/** Every operation and what it needs besides its inputs. Inputs are listed where it is not obvious. */
export interface OpAttributes {
  identity: None;
  // Element by element, with numpy broadcasting.
  add: None;
  subtract: None;
  multiply: None;
  divide: None;
  maximum: None;
  minimum: None;
  greater: None;
  greaterEqual: None;
  less: None;
  lessEqual: None;
  equal: None;
  notEqual: None;
  logicalAnd: None;
  logicalOr: None;
  /** condition (bool), then, else. */
  select: None;
  // One input.
  logicalNot: None;
  negate: None;
  abs: None;
  exp: None;
  log: None;
  sqrt: None;
  rsqrt: None;
  square: None;
  floor: None;
  ceil: None;
  sin: None;
  cos: None;
  relu: None;
  elu: None;
  sigmoid: None;
  tanh: None;
  /** Over the last axis. */
  softmax: None;
  cast: { to: DType };
  /** a [..., M, K] · b [..., K, N], batch dimensions broadcast; a flag reads the last two swapped. */
  matmul: { transposeA: boolean; transposeB: boolean };
  /** x [..., K], weights [N, K] (constant), bias [N] (constant) → [..., N]. */
  dense: { activation: 'none' | 'relu' };
  /**
   * A gated recurrent unit over a sequence, in the form of TensorFlow's GRUBlockCell:
   *
   *     [r, u] = σ([x, h] W_g + b_g),  c = tanh([x, r ∘ h] W_c + b_c),  h' = u ∘ h + (1 − u) ∘ c
   *
   * x [B, T, D], h0 [B, H], gates kernel [D + H, 2H], gates bias [2H], state kernel [D + H, H],
   * state bias [H] (kernels and biases constant), mask [B, T] unless it is `none` → states [B, T, H].
   */
  gru: { mask: GruMask };
  sum: Reduction;
  mean: Reduction;
  max: Reduction;
  min: Reduction;
  /** Moves no data. */
  reshape: { shape: Shape };
  transpose: { permutation: readonly number[] };
  broadcast: { shape: Shape };
  tile: { repeats: readonly number[] };
  concat: { axis: number };
  /** Equal shapes → one more axis. */
  pack: { axis: number };
  unpack: { axis: number };
  split: { axis: number; sizes: readonly number[] };
  slice: { begin: readonly number[]; size: readonly number[] };
  /** Strides may be negative; `end` is exclusive, −1 past the start for a negative stride. */
  stridedSlice: {
    begin: readonly number[];
    end: readonly number[];
    strides: readonly number[];
  };
  pad: { before: readonly number[]; after: readonly number[]; value: number };
  /** table, indices (int32). The first `batchDims` axes of both run in step. */
  gather: { axis: number; batchDims: number };
  /** indices (int32) → one more axis, the last, of `depth`. */
  oneHot: { depth: number; on: number; off: number };
  reverse: { axes: readonly number[] };
  cumulativeSum: { axis: number; exclusive: boolean; reverse: boolean };
}

export type OpName = keyof OpAttributes;

/** Operations that some targets lack and that have an expansion into the others (`expand.ts`). */
export type CompositeOp = 'gru';

/** One operation with its attributes, without its place in a graph. */
export type Operation = { [K in OpName]: { op: K; attributes: OpAttributes[K] } }[OpName];
export type Node = Operation & { inputs: readonly ValueId[]; outputs: readonly ValueId[] };

export interface Port {
  name: string;
  value: ValueId;
}

/** What nodes of every dialect have: the portable operations above, TensorFlow's in `tensorflow/`. */
export interface AnyNode {
  op: string;
  inputs: readonly ValueId[];
  outputs: readonly ValueId[];
}

/** A graph in any dialect. */
export interface GraphOf<N extends AnyNode, V> {
  name: string;
  /** Indexed by id. */
  values: readonly V[];
  /** Each node comes after the nodes it reads. */
  nodes: readonly N[];
  inputs: readonly Port[];
  outputs: readonly Port[];
}

/** What printing and drawing need of any dialect; sizes may be symbolic. */
export type PrintableGraph = GraphOf<
  AnyNode & { attributes: object },
  Pick<Value, 'id' | 'name' | 'dtype' | 'data' | 'quantization'> & { shape: SymbolicShape }
>;

/** A graph of portable operations with fixed shapes: what phones' files are made of. */
export type Graph = GraphOf<Node, Value>;

export const elementCount = (shape: Shape): number => shape.reduce((n, size) => n * size, 1);

export const sameShape = (a: Shape, b: Shape): boolean =>
  a.length === b.length && a.every((size, i) => size === b[i]);

export function makeArray(dtype: DType, length: number): TypedArray {
  if (dtype === 'float32') return new Float32Array(length);
  return dtype === 'int32' ? new Int32Array(length) : new Uint8Array(length);
}

/** The value with this id. @throws RangeError when the graph is malformed */
export function valueById<V>(graph: { values: readonly V[] }, id: ValueId): V {
  const value = graph.values[id];
  if (!value) throw new RangeError(`the graph has no value ${id}`);
  return value;
}

/** True for a constant of zeros. */
export const isZero = ({ data }: Value): boolean => data?.every((x) => x === 0) === true;

/** Reads `items[index]` where the index is known to be inside. @throws RangeError otherwise */
export function at<T>(items: ArrayLike<T>, index: number): T {
  const item = items[index];
  if (item === undefined) throw new RangeError(`index ${index} of ${items.length}`);
  return item;
}

/** What a person gets who asks for an operation, a type or a shape that a target cannot express. */
export function unsupported(what: string, fix: string, where?: string): EdgeloomError {
  return new EdgeloomError({ code: 'unsupported-op', what, fix, ...(where ? { where } : {}) });
}
