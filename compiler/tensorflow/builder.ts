/** Builds a training graph node by node: equal constants and equal operations are built once. */

import { sha256 } from '../../lib/hash.ts';
import type { DType, Port, TypedArray, ValueId } from '../graph/ir.ts';
import { keyOf } from '../graph/key.ts';
import { type Dim, dimKey, isStatic, type SymbolicShape } from '../graph/symbolic.ts';
import type { TfAttributes, TfGraph, TfNode, TfValue } from './ir.ts';

/** Results that differ from call to call, or that must happen, are never shared. */
const STATEFUL = /^(?:Random|Multinomial|Assert|Print)/;

export interface TfType {
  dtype: DType;
  shape: SymbolicShape;
}

export class TfBuilder {
  readonly #name: string;
  readonly #values: TfValue[] = [];
  readonly #nodes: TfNode[] = [];
  readonly #producers = new Map<ValueId, TfNode>();
  readonly #known = new Map<string, readonly ValueId[]>();
  readonly #constants = new Map<string, ValueId>();

  constructor(name: string) {
    this.#name = name;
  }

  /** A value of another graph as one of this one; constants of equal content become one. */
  take({ id: _, ...value }: TfValue): ValueId {
    if (value.data === undefined && value.symbolic === undefined) return this.#add(value);
    const { data, symbolic } = value;
    const content = data
      ? sha256(new Uint8Array(data.buffer, data.byteOffset, data.byteLength))
      : keyOf(symbolic);
    const key = `${value.dtype}[${value.shape.map(dimKey)}] ${content}`;
    const known = this.#constants.get(key);
    if (known !== undefined) return known;
    const made = this.#add(value);
    this.#constants.set(key, made);
    return made;
  }

  #add(value: Omit<TfValue, 'id'>): ValueId {
    const id = this.#values.length;
    this.#values.push({ ...value, id });
    return id;
  }

  constant(dtype: DType, shape: readonly number[], data: TypedArray): ValueId {
    return this.take({ id: -1, name: `const_${this.#values.length}`, dtype, shape, data });
  }

  int32(values: readonly number[]): ValueId {
    return this.constant('int32', [values.length], Int32Array.from(values));
  }

  /** An int32 vector that holds a shape, symbolic or not. */
  sizes(shape: SymbolicShape): ValueId {
    if (isStatic(shape)) return this.int32(shape);
    const symbolic = { elements: [...shape] };
    return this.take({ id: -1, name: 'sizes', dtype: 'int32', shape: [shape.length], symbolic });
  }

  get(id: ValueId): TfValue {
    const value = this.#values[id];
    if (!value) throw new RangeError(`the graph has no value ${id}`);
    return value;
  }

  producer(id: ValueId): TfNode | undefined {
    return this.#producers.get(id);
  }

  /** The numbers of a constant vector that no size enters. */
  staticInts(id: ValueId): number[] | undefined {
    const { data, dtype } = this.get(id);
    return data && dtype === 'int32' ? Array.from(data) : undefined;
  }

  emit(
    op: string,
    attributes: TfAttributes,
    inputs: readonly ValueId[],
    types: readonly TfType[],
  ): readonly ValueId[] {
    const key = keyOf([op, attributes, inputs]);
    const known = STATEFUL.test(op) ? undefined : this.#known.get(key);
    if (known) return known;
    const outputs = types.map((type, i) =>
      this.#add({ name: `${op}_${this.#nodes.length}${i > 0 ? `_${i}` : ''}`, ...type }),
    );
    const node = { op, attributes, inputs: [...inputs], outputs };
    this.#nodes.push(node);
    this.#known.set(key, outputs);
    for (const id of outputs) this.#producers.set(id, node);
    return outputs;
  }

  /** The finished graph, without what no output needs. Inputs stay, used or not. */
  finish(inputs: readonly Port[], outputs: readonly Port[]): TfGraph {
    const needed = new Set(outputs.map(({ value }) => value));
    const live: TfNode[] = [];
    for (const node of this.#nodes.toReversed()) {
      if (!node.outputs.some((id) => needed.has(id))) continue;
      live.push(node);
      for (const id of node.inputs) needed.add(id);
    }
    return { name: this.#name, values: this.#values, nodes: live.reverse(), inputs, outputs };
  }
}

export const sameSymbolicShape = (a: SymbolicShape, b: SymbolicShape): boolean =>
  a.length === b.length && a.every((dim, i) => dimKey(dim) === dimKey(b[i] as Dim));
