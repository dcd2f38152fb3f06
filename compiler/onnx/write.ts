/** A graph as an ONNX file: IR 8, opset 17, in one of three profiles; float32 and int32 at the edges. */
import { checkProfile } from '../check-profile.ts';
import type { Calibration } from '../graph/calibrate.ts';
import { expandComposites } from '../graph/expand.ts';
import { type Graph, type Node, valueById } from '../graph/ir.ts';
import { quantizeGraph } from '../tflite/plan.ts';
import { Emitter } from './emitter.ts';
import { lowerNode } from './lower.ts';
import { DynamicLowering } from './lower-dynamic.ts';
import { Int8Lowering } from './lower-int8.ts';
import { encodeModel, tensorProto, valueInfo } from './proto.ts';

export type OnnxOptions = {
  /** Written as the model's metadata properties. */
  metadata?: Record<string, string>;
} & (
  | {
      profile: 'float32';
      /**
       * A recurrence is the operator GRU, or all its steps one after another: MNN 3.6 takes the operator
       * and gets it wrong.
       * @default 'operator'
       */
      recurrence?: 'operator' | 'unrolled';
    }
  /** Int8 inside (QuantizeLinear, DequantizeLinear). The calibration must be of this very graph. */
  | {
      profile: 'int8';
      calibration: Calibration;
      /**
       * 7 keeps weights within ±63, so that sums of two uint8 · int8 products fit 16 bits: for x86
       * without VNNI under ONNX Runtime's default settings. Phones do not need it.
       * @default 8
       */
      weightBits?: 7 | 8;
    }
  /** Products with constant weights in 8 bits, activations quantised at run time. */
  | {
      profile: 'dynamic';
      /**
       * Weights with fewer elements stay float32.
       * @default 256
       */
      smallest?: number;
    }
);

const OPTIONS = {
  float32: ['recurrence', 'metadata'],
  int8: ['calibration', 'weightBits', 'metadata'],
  dynamic: ['smallest', 'metadata'],
} satisfies Record<OnnxOptions['profile'], string[]>;

/** Adds every node, in the form of the profile. */
function lowerAll(emit: Emitter, graph: Graph, options: OnnxOptions): void {
  const each = (lower: (node: Node) => void): void => graph.nodes.forEach(lower);
  if (options.profile === 'float32') each((node) => lowerNode(emit, graph, node));
  else if (options.profile === 'dynamic') {
    const dynamic = new DynamicLowering(emit, graph, options.smallest);
    each((node) => dynamic.lower(node));
  } else {
    const quantised = quantizeGraph(graph, options.calibration);
    const int8 = new Int8Lowering(emit, quantised, options.weightBits);
    each((node) => int8.lower(node));
    for (const { value } of graph.outputs) int8.native(value);
  }
}

/**
 * Encodes a graph; input and output names are the graph's. Equal graphs give equal bytes.
 * @throws EdgeloomError `unsupported-op` for what opset 17 cannot express, `bad-options`,
 *   `needs-calibration`
 */
export function toOnnx(recorded: Graph, options: OnnxOptions): Uint8Array {
  checkProfile(options, OPTIONS, `graph ${recorded.name}`);
  const steps = options.profile !== 'float32' || options.recurrence === 'unrolled';
  // ONNX's GRU keeps or replaces a state; it cannot blend. In 8 bits it is its steps.
  const graph = expandComposites(recorded, {
    only: ({ attributes }) => steps || attributes.mask === 'blend',
  });
  const emit = new Emitter(graph.values.map((value) => value.name));
  lowerAll(emit, graph, options);
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
    metadata: options.metadata ?? {},
  });
}
