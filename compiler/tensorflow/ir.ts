/**
 * The dialect of training graphs: the graph of ../graph/ir.ts with TensorFlow's own operations as
 * nodes, weights as values, and sizes that may be symbolic. It holds what a step computes; variables,
 * the optimiser and signatures are added when a program is made of it (program.ts).
 */
import type { AnyNode, DType, GraphOf, TypedArray, ValueId } from '../graph/ir.ts';
import type { Dim, Polynomial, SymbolicShape } from '../graph/symbolic.ts';

export type TfAttribute =
  | { dtype: DType }
  | { int: number }
  | { ints: readonly number[] }
  | { float: number }
  | { bool: boolean }
  | { string: string }
  | { shape: readonly number[] };
export type TfAttributes = Readonly<Record<string, TfAttribute>>;

export interface TfNode extends AnyNode {
  attributes: TfAttributes;
}

/** Values that depend on sizes. */
export type SymbolicData =
  /** One polynomial per element; `reciprocal` divides 1 by it. */
  | { elements: readonly Dim[]; reciprocal?: boolean }
  /** One number everywhere, in a symbolic shape. */
  | { fill: number };

export interface TfValue {
  id: ValueId;
  name: string;
  dtype: DType;
  shape: SymbolicShape;
  /** Set for constants only. */
  data?: TypedArray;
  symbolic?: SymbolicData;
  /** Set for weights only: the name by which they are kept. */
  weight?: string;
  /** Set for values that nodes around the graph compute: the name of such a node. */
  provided?: string;
}

export type TfGraph = GraphOf<TfNode, TfValue>;

export const isPolynomial = (dim: Dim): dim is Polynomial => typeof dim !== 'number';

export function dtypeOf(attributes: TfAttributes, name = 'T'): DType {
  const attribute = attributes[name];
  if (!attribute || !('dtype' in attribute)) throw new TypeError(`no type attribute ${name}`);
  return attribute.dtype;
}
