/** A training graph as TensorFlow nodes: symbolic constants become nodes that compute them. */
import type { DType, ValueId } from '../graph/ir.ts';
import {
  type Dim,
  evaluate,
  halvedSymbol,
  isStatic,
  monomialSymbols,
  type SymbolicShape,
} from '../graph/symbolic.ts';
import {
  isPolynomial,
  type SymbolicData,
  type TfAttribute,
  type TfGraph,
  type TfNode,
  type TfValue,
} from './ir.ts';
import {
  boolAttr,
  intAttr,
  type NodeDefs,
  stringAttr,
  type TfVariable,
  typeAttr,
} from './node-defs.ts';
import { type AttrProto, shapeProto } from './proto.ts';

export interface EmitInput {
  defs: NodeDefs;
  /** Prefix of the nodes' names. */
  scope: string;
  graph: TfGraph;
  /** Parts of the graph that are called apart: what a part reads is fed only when it is called. */
  parts: readonly TfGraph[];
  variables: ReadonlyMap<string, TfVariable>;
}

/** Adds the graph's nodes; the result tells which node computes a value. */
export function emitGraph(input: EmitInput): (value: ValueId) => string {
  return new Emitter(input).emit();
}

/** −1 where a size is open. */
export const openShape = (shape: SymbolicShape): number[] =>
  shape.map((dim) => (isPolynomial(dim) ? -1 : dim));

class Emitter {
  readonly #input: EmitInput;
  readonly #names = new Map<ValueId, string>();
  readonly #symbols = new Map<string, string>();
  readonly #symbolic = new Map<string, string>();
  #sizes = 0;
  /** Inputs that are fed whenever the node at hand runs. */
  #fed: ReadonlySet<ValueId> = new Set();

  constructor(input: EmitInput) {
    this.#input = input;
  }

  emit(): (value: ValueId) => string {
    const { graph, scope, defs } = this.#input;
    for (const { name, value } of graph.inputs) {
      const { dtype, shape } = this.#value(value);
      const node = defs.placeholder(`${scope}/in/${name}`, dtype, openShape(shape));
      this.#names.set(value, node);
    }
    const fed = fedInputs(this.#input);
    for (const [i, node] of graph.nodes.entries()) {
      this.#fed = fed(node);
      const name = this.#node(node, `${scope}/n${i}`);
      node.outputs.forEach((id, k) => {
        this.#names.set(id, k === 0 ? name : `${name}:${k}`);
      });
    }
    return (id) => {
      this.#fed = fed(undefined, id);
      return this.#name(id);
    };
  }

  #value(id: ValueId): TfValue {
    return this.#input.graph.values[id]!;
  }

  #name(id: ValueId): string {
    const known = this.#names.get(id);
    if (known !== undefined) return known;
    const value = this.#value(id);
    const name = this.#leaf(value);
    // A size is read off an input, and which one may differ from part to part.
    if (!value.symbolic) this.#names.set(id, name);
    return name;
  }

  #leaf(value: TfValue): string {
    const { defs, variables } = this.#input;
    if (value.provided !== undefined) return value.provided;
    if (value.weight !== undefined) return defs.read(variables.get(value.weight)!);
    if (value.data) return defs.constant(value.dtype, value.shape as number[], value.data);
    if (value.symbolic) return this.#symbolicConstant(value, value.symbolic);
    throw new RangeError(`nothing computes ${value.name}`);
  }

  #node(node: TfNode, name: string): string {
    const { defs } = this.#input;
    const table = this.#gatheredTable(node);
    if (table) {
      // Reading the whole table would copy it when the optimiser writes to it in the same step.
      return defs.add(name, 'ResourceGather', [table.name, this.#name(node.inputs[1]!)], {
        dtype: typeAttr('float32'),
        Tindices: typeAttr('int32'),
        batch_dims: intAttr(0),
        validate_indices: boolAttr(true),
      });
    }
    const inputs = node.inputs.map((id, k) =>
      node.op === 'Reshape' && k === 1 ? this.#reshapeTarget(id) : this.#name(id),
    );
    const attributes = Object.entries(node.attributes).map(([key, value]) => [key, proto(value)]);
    return defs.add(name, node.op, inputs, Object.fromEntries(attributes));
  }

  #gatheredTable(node: TfNode): TfVariable | undefined {
    const table = gatheredWeight(this.#input.graph, node);
    return table === undefined ? undefined : this.#input.variables.get(table);
  }

  /** With one open size, TensorFlow finds it itself. */
  #reshapeTarget(id: ValueId): string {
    const { symbolic } = this.#value(id);
    if (!symbolic || !('elements' in symbolic)) return this.#name(id);
    const open = symbolic.elements.filter(isPolynomial).length;
    return open === 1
      ? this.#input.defs.ints(symbolic.elements.map((dim) => (isPolynomial(dim) ? -1 : dim)))
      : this.#name(id);
  }

  #symbolicConstant({ dtype, shape }: TfValue, data: SymbolicData): string {
    const { defs, scope } = this.#input;
    if ('fill' in data) {
      const value = defs.constant(dtype, [], arrayOf(dtype, [data.fill]));
      const sizes = this.#polynomials('int32', [shape.length], shape);
      const key = `fill ${sizes} ${value}`;
      return this.#once(key, (name) =>
        defs.add(name, 'Fill', [sizes, value], {
          T: typeAttr(dtype),
          index_type: typeAttr('int32'),
        }),
      );
    }
    const plain = this.#polynomials(dtype, shape as number[], data.elements);
    if (!data.reciprocal) return plain;
    const one = defs.constant('float32', [], Float32Array.of(1));
    return defs.add(`${scope}/reciprocal_${defs.size}`, 'RealDiv', [one, plain], {
      T: typeAttr('float32'),
    });
  }

  #once(key: string, make: (name: string) => string): string {
    const known = this.#symbolic.get(key);
    if (known !== undefined) return known;
    const made = make(`${this.#input.scope}/size_${this.#sizes++}`);
    this.#symbolic.set(key, made);
    return made;
  }

  /** Σ coefficients · monomial, element by element. */
  #polynomials(dtype: DType, shape: readonly number[], elements: readonly Dim[]): string {
    const { defs } = this.#input;
    if (isStatic(elements)) return defs.constant(dtype, shape, arrayOf(dtype, elements));
    const monomials = new Set(
      elements.flatMap((dim) => (isPolynomial(dim) ? Object.keys(dim) : [''])),
    );
    let sum: string | undefined;
    for (const monomial of monomials) {
      const coefficients = elements.map((dim) =>
        isPolynomial(dim) ? (dim[monomial] ?? 0) : monomial === '' ? dim : 0,
      );
      const factors = defs.constant(dtype, shape, arrayOf(dtype, coefficients));
      const T = { T: typeAttr(dtype) };
      const term =
        monomial === ''
          ? factors
          : this.#once(`${factors} * ${monomial}`, (name) =>
              defs.add(name, 'Mul', [factors, this.#monomial(monomial, dtype)], T),
            );
      const before: string | undefined = sum;
      sum =
        before === undefined
          ? term
          : this.#once(`${before} + ${term}`, (name) => defs.add(name, 'AddV2', [before, term], T));
    }
    return sum!;
  }

  /** A product of symbols as a scalar. */
  #monomial(monomial: string, dtype: DType): string {
    const { defs } = this.#input;
    let product: string | undefined;
    for (const symbol of monomialSymbols(monomial)) {
      const next = this.#symbol(symbol);
      const before: string | undefined = product;
      product =
        before === undefined
          ? next
          : this.#once(`${before} × ${next}`, (name) =>
              defs.add(name, 'Mul', [before, next], { T: typeAttr('int32') }),
            );
    }
    if (dtype !== 'float32') return product!;
    return this.#once(`float ${product}`, (name) =>
      defs.add(name, 'Cast', [product!], {
        SrcT: typeAttr('int32'),
        DstT: typeAttr('float32'),
      }),
    );
  }

  /** The size that a symbol has in this call, read off an input's shape. */
  #symbol(symbol: string): string {
    const { graph, defs, scope } = this.#input;
    const whole = halvedSymbol(symbol);
    if (whole !== undefined) {
      const halved = [this.#symbol(whole), defs.constant('int32', [], Int32Array.of(2))];
      return this.#once(`half of ${halved[0]}`, (name) =>
        defs.add(name, 'FloorDiv', halved, { T: typeAttr('int32') }),
      );
    }
    for (const { name, value } of graph.inputs) {
      if (!this.#fed.has(value)) continue;
      const { shape, dtype } = this.#value(value);
      const axis = shape.findIndex(
        (dim) => isPolynomial(dim) && evaluate(dim, { [symbol]: 7 }) === 7,
      );
      if (axis < 0) continue;
      const key = `${symbol} of ${name}`;
      const known = this.#symbols.get(key);
      if (known !== undefined) return known;
      const sizes = defs.add(`${scope}/shape/${symbol}/${name}`, 'Shape', [this.#name(value)], {
        T: typeAttr(dtype),
        out_type: typeAttr('int32'),
      });
      const bounds = [[axis], [axis + 1], [1]].map((bound) => defs.ints(bound));
      const inputs = [sizes, ...bounds];
      const size = defs.add(`${scope}/symbol/${symbol}/${name}`, 'StridedSlice', inputs, {
        T: typeAttr('int32'),
        Index: typeAttr('int32'),
        shrink_axis_mask: intAttr(1),
      });
      this.#symbols.set(key, size);
      return size;
    }
    throw new RangeError(`no input that is fed has an axis of size ${symbol}`);
  }
}

/** Which inputs are fed in every call that runs a node, or that asks for an output. */
function fedInputs({
  graph,
  parts,
}: EmitInput): (node: TfNode | undefined, output?: ValueId) => Set<ValueId> {
  const members = parts.map((part) => ({
    nodes: new Set(part.nodes),
    outputs: new Set(part.outputs.map(({ value }) => value)),
    inputs: new Set(part.inputs.map(({ value }) => value)),
  }));
  const all = graph.inputs.map(({ value }) => value);
  return (node, output) => {
    const own = members.filter(({ nodes, outputs }) =>
      node ? nodes.has(node) : outputs.has(output!),
    );
    return new Set(all.filter((input) => own.every(({ inputs }) => inputs.has(input))));
  };
}

/** The weight whose rows a node gathers along its first axis. */
export function gatheredWeight(
  graph: TfGraph,
  { op, inputs, attributes }: TfNode,
): string | undefined {
  if (op !== 'GatherV2') return undefined;
  const [table, indices, axis] = inputs.map((id) => graph.values[id]!);
  const batchDims = attributes.batch_dims;
  const plain = !batchDims || ('int' in batchDims && batchDims.int === 0);
  const first = axis?.data?.[0] === 0;
  const typed = table?.dtype === 'float32' && indices?.dtype === 'int32';
  return plain && first && typed ? table.weight : undefined;
}

function arrayOf(dtype: DType, values: readonly number[]) {
  if (dtype === 'float32') return Float32Array.from(values);
  return dtype === 'int32' ? Int32Array.from(values) : Uint8Array.from(values);
}

function proto(attribute: TfAttribute): AttrProto {
  if ('dtype' in attribute) return typeAttr(attribute.dtype);
  if ('int' in attribute) return intAttr(attribute.int);
  if ('ints' in attribute) return { list: { i: attribute.ints } };
  if ('float' in attribute) return { f: attribute.float };
  if ('bool' in attribute) return boolAttr(attribute.bool);
  if ('string' in attribute) return stringAttr(attribute.string);
  return { shape: shapeProto(attribute.shape) };
}
