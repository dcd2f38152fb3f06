/** A graph as an ONNX file: IR 8, opset 17, float32. */
import { expandComposites } from '../graph/expand.ts';
import { at, type Graph, type Node, type Shape, type ValueId, valueById } from '../graph/ir.ts';
import { type OnnxCall, type OnnxEmitter, onnxLowerings } from './lower.ts';
import {
  encodeModel,
  type NodeProto,
  nodeProto,
  type TensorProto,
  tensorProto,
  valueInfo,
} from './proto.ts';

export interface OnnxOptions {
  /** The only profile so far. */
  profile: 'float32';
  /**
   * A recurrence is the operator GRU, or all its steps one after another: MNN 3.6 takes the operator
   * and gets it wrong.
   * @default 'operator'
   */
  recurrence?: 'operator' | 'unrolled';
  /** Written as the model's metadata properties. */
  metadata?: Record<string, string>;
}

class Emitter implements OnnxEmitter {
  readonly nodes: NodeProto[] = [];
  readonly initializers: TensorProto[] = [];
  readonly #taken: Set<string>;
  readonly #shared = new Map<string, string>();

  constructor(taken: Iterable<string>) {
    this.#taken = new Set(taken);
  }

  fresh(): string {
    let number = this.#taken.size;
    while (this.#taken.has(`n${number}`)) number++;
    const name = `n${number}`;
    this.#taken.add(name);
    return name;
  }

  node: OnnxEmitter['node'] = (op, inputs, attributes = {}, outputs = [this.fresh()]) => {
    this.nodes.push(nodeProto(op, inputs, outputs, attributes));
    return at(outputs, 0);
  };

  #initializer(key: string, make: (name: string) => TensorProto): string {
    const known = this.#shared.get(key);
    if (known) return known;
    const name = this.fresh();
    this.initializers.push(make(name));
    this.#shared.set(key, name);
    return name;
  }

  ints(values: readonly number[], shape: Shape = [values.length]): string {
    return this.#initializer(`int64[${shape}] ${values}`, (name) =>
      tensorProto(name, 'int64', shape, BigInt64Array.from(values, BigInt)),
    );
  }

  tensor: OnnxEmitter['tensor'] = (dtype, shape, data) =>
    this.#initializer(`${dtype}[${shape}] ${data}`, (name) =>
      tensorProto(name, dtype, shape, data),
    );
}

/**
 * Encodes a graph; input and output names are the graph's. Equal graphs give equal bytes.
 * @throws EdgeloomError `unsupported-op` for what opset 17 cannot express
 */
export function toOnnx(
  recorded: Graph,
  { metadata = {}, recurrence = 'operator' }: OnnxOptions,
): Uint8Array {
  // ONNX's GRU keeps or replaces a state; it cannot blend.
  const graph = expandComposites(recorded, {
    only: ({ attributes }) => attributes.mask === 'blend' || recurrence === 'unrolled',
  });
  const emit = new Emitter(graph.values.map((value) => value.name));
  const name = (id: ValueId): string => valueById(graph, id).name;
  for (const node of graph.nodes) {
    const call: OnnxCall<Node> = {
      emit,
      node,
      inputs: node.inputs.map((id) => valueById(graph, id)),
      names: node.inputs.map(name),
      results: node.outputs.map(name),
    };
    // The table is keyed by the operation, so that node and lowering belong together.
    (onnxLowerings[node.op] as (call: OnnxCall<Node>) => void)(call);
  }
  const read = new Set(emit.nodes.flatMap((node) => node.input));
  const constants = graph.values.flatMap(({ data, dtype, shape, name: constant }) =>
    data && read.has(constant) ? [tensorProto(constant, dtype, shape, data)] : [],
  );
  const port = ({ name: label, value }: Graph['inputs'][number]) => {
    const { dtype, shape } = valueById(graph, value);
    return valueInfo(label, dtype, shape);
  };
  return encodeModel({
    name: graph.name,
    nodes: emit.nodes,
    initializers: [...constants, ...emit.initializers],
    inputs: graph.inputs.map(port),
    outputs: graph.outputs.map(port),
    metadata,
  });
}
