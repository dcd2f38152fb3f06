/**
 * Builds a graph node by node. Types are inferred and checked here; an operation on constants only
 * is computed at once; an operation that already exists is not built twice.
 */

import { sha256 } from '../../lib/hash.ts';
import { prepareOperation } from './interpret.ts';
import {
  at,
  type DType,
  elementCount,
  type Graph,
  type Node,
  type OpAttributes,
  type Operation,
  type OpName,
  type Port,
  type Shape,
  sameShape,
  type TensorType,
  type TypedArray,
  type Value,
  type ValueId,
  valueById,
} from './ir.ts';
import { keyOf } from './key.ts';
import { inferTypes } from './shapes.ts';

/** Folding stops where it would store more than this many elements that a small input implies. */
const LARGEST_FOLDED = 1 << 20;

const describe = (type: TensorType): string => `${type.dtype}[${type.shape}]`;

export class GraphBuilder {
  readonly #name: string;
  readonly #values: Value[] = [];
  readonly #nodes: Node[] = [];
  readonly #inputs: Port[] = [];
  readonly #producers = new Map<ValueId, Node>();
  readonly #known = new Map<string, readonly ValueId[]>();
  readonly #constants = new Map<string, ValueId>();

  constructor(name: string) {
    this.#name = name;
  }

  #value(type: TensorType, name: string, data?: TypedArray): ValueId {
    const id = this.#values.length;
    const shape = [...type.shape];
    this.#values.push({ id, name, shape, dtype: type.dtype, ...(data ? { data } : {}) });
    return id;
  }

  input(name: string, type: TensorType): ValueId {
    const value = this.#value(type, name);
    this.#inputs.push({ name, value });
    return value;
  }

  /** Equal constants are one value; the first name given stays. */
  constant(type: TensorType, data: TypedArray, name = ''): ValueId {
    if (data.length !== elementCount(type.shape)) {
      throw new TypeError(`constant ${describe(type)} with ${data.length} values`);
    }
    const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    const key = `${describe(type)} ${sha256(bytes)}`;
    const known = this.#constants.get(key);
    if (known !== undefined) return known;
    const value = this.#value(type, name || `const_${this.#values.length}`, data);
    this.#constants.set(key, value);
    return value;
  }

  scalar(value: number, dtype: DType = 'float32'): ValueId {
    const data = dtype === 'float32' ? Float32Array.of(value) : Int32Array.of(value);
    return this.constant({ shape: [], dtype }, dtype === 'bool' ? Uint8Array.of(value) : data);
  }

  get(id: ValueId): Value {
    return valueById({ values: this.#values }, id);
  }

  shape(id: ValueId): Shape {
    return this.get(id).shape;
  }

  isConstant(id: ValueId): boolean {
    return this.get(id).data !== undefined;
  }

  /** The node that computes a value; undefined for inputs and constants. */
  producer(id: ValueId): Node | undefined {
    return this.#producers.get(id);
  }

  /** The producer when it is that operation. */
  producedBy<K extends OpName>(id: ValueId, op: K): Extract<Node, { op: K }> | undefined {
    const node = this.#producers.get(id);
    return node?.op === op ? (node as Extract<Node, { op: K }>) : undefined;
  }

  /** Adds an operation with one output. @throws TypeError when the inputs do not fit */
  emit<K extends OpName>(
    op: K,
    inputs: readonly ValueId[],
    attributes: OpAttributes[K],
    name?: string,
  ): ValueId {
    return at(this.emitAll({ op, attributes } as Operation, inputs, name), 0);
  }

  /** Adds an operation and returns all its outputs. */
  emitAll(operation: Operation, inputs: readonly ValueId[], name?: string): readonly ValueId[] {
    const key = keyOf([operation.op, inputs, operation.attributes]);
    const known = this.#known.get(key);
    if (known) return known;
    const inputTypes = inputs.map((id) => this.get(id));
    const types = inferTypes(operation, inputTypes);
    const outputs =
      this.#folded(operation, inputTypes, types) ??
      types.map((type) => this.#value(type, name ?? `t${this.#values.length}`));
    this.#known.set(key, outputs);
    if (outputs.every((id) => this.isConstant(id))) return outputs;
    const node = { ...operation, inputs: [...inputs], outputs: [...outputs] };
    this.#nodes.push(node);
    for (const id of outputs) this.#producers.set(id, node);
    return outputs;
  }

  #folded(
    operation: Operation,
    inputs: readonly Value[],
    outputs: readonly TensorType[],
  ): ValueId[] | undefined {
    if (operation.op === 'identity' || inputs.length === 0) return undefined;
    const data = inputs.map((input) => input.data);
    if (!data.every((array) => array !== undefined)) return undefined;
    const size = (types: readonly TensorType[]): number =>
      types.reduce((sum, type) => sum + elementCount(type.shape), 0);
    if (size(outputs) > LARGEST_FOLDED && size(outputs) > size(inputs)) return undefined;
    const results = prepareOperation(operation, inputs, outputs)(data);
    return outputs.map((type, i) => this.constant(type, at(results, i)));
  }

  reshape(id: ValueId, shape: Shape): ValueId {
    return sameShape(this.shape(id), shape)
      ? id
      : this.emit('reshape', [id], { shape: [...shape] });
  }

  /**
   * Closes the graph. Outputs are produced by nodes of their own: an output that is an input, a
   * constant or the same value as another output goes through `identity`. What no output needs is
   * left out and values are renumbered.
   */
  finish(outputs: readonly Port[]): Graph {
    const taken = new Set<ValueId>();
    const ports = outputs.map(({ name, value }) => {
      const own = this.producer(value) && !taken.has(value);
      const made = own ? value : this.#copied(value, name);
      taken.add(made);
      return { name, value: made };
    });
    return renumbered(
      this.#name,
      this.#values,
      liveNodes(this.#nodes, new Set(taken)),
      this.#inputs,
      ports,
    );
  }

  #copied(value: ValueId, name: string): ValueId {
    const copy = this.#value(this.get(value), name);
    this.#nodes.push({ op: 'identity', attributes: {}, inputs: [value], outputs: [copy] });
    return copy;
  }
}

function liveNodes(nodes: readonly Node[], needed: Set<ValueId>): Node[] {
  const live: Node[] = [];
  for (const node of nodes.toReversed()) {
    if (!node.outputs.some((id) => needed.has(id))) continue;
    live.push(node);
    for (const id of node.inputs) needed.add(id);
  }
  return live.reverse();
}

function renumbered(
  name: string,
  values: readonly Value[],
  nodes: readonly Node[],
  inputs: readonly Port[],
  outputs: readonly Port[],
): Graph {
  const ids = new Map<ValueId, ValueId>();
  const kept: Value[] = [];
  const outputNames = new Map(outputs.map((port) => [port.value, port.name]));
  const inputValues = new Set(inputs.map((port) => port.value));
  const taken = new Set([...inputs, ...outputs].map((port) => port.name));
  const unique = (wanted: string): string => {
    let name = wanted;
    while (taken.has(name)) name = `${name}_`;
    taken.add(name);
    return name;
  };
  const keep = (old: ValueId): ValueId => {
    const known = ids.get(old);
    if (known !== undefined) return known;
    const value = valueById({ values }, old);
    const id = kept.length;
    const generated = /^(t|const_)\d+$/.test(value.name);
    const fresh = value.data ? `const_${id}` : `t${id}`;
    const own = outputNames.get(old) ?? (inputValues.has(old) ? value.name : undefined);
    kept.push({ ...value, id, name: own ?? unique(generated ? fresh : value.name) });
    ids.set(old, id);
    return id;
  };
  const ports = inputs.map((port) => ({ name: port.name, value: keep(port.value) }));
  const renamed = nodes.map((node) => ({
    ...node,
    inputs: node.inputs.map(keep),
    outputs: node.outputs.map(keep),
  }));
  return {
    name,
    values: kept,
    nodes: renamed,
    inputs: ports,
    outputs: outputs.map((port) => ({ name: port.name, value: keep(port.value) })),
  };
}
