/** A graph as a TFLite file, in one of four profiles; float32 and int32 at the edges in each. */
import { EdgeloomError } from '../../lib/errors.ts';
import type { Calibration } from '../graph/calibrate.ts';
import { type Graph, type Node, type Port, type ValueId, valueById } from '../graph/ir.ts';
import { TfliteEmitter } from './emitter.ts';
import { writeModel } from './flatbuffer.ts';
import { TfliteCall, tfliteLowerings } from './lower.ts';
import type { SignaturePort, TfliteModel, TfliteTensor } from './model.ts';
import { planQuantization, runsInInt8 } from './plan.ts';
import { planStorage, type StorageOptions } from './storage.ts';
import { olderRuntime, runtimeOf } from './versions.ts';

export type TfliteOptions =
  | { profile: 'float32' }
  /** Full int8 for runtimes since 2.14. The calibration must be of this very graph. */
  | { profile: 'int8'; calibration: Calibration }
  /**
   * float16: constants in half precision, arithmetic in float32. hybrid: int8 weights under float
   * activations, for runtimes since 2.17.
   */
  | StorageOptions;

/** SELECT_V2's and older operators' floor: no file says less. */
const OLDEST_RUNTIME = '1.5.0';

function minRuntime(model: Pick<TfliteModel, 'tensors' | 'operators'>): string {
  return model.operators.reduce((oldest, { op, version, inputs, outputs, options }) => {
    const tensors = (ids: readonly number[]): TfliteTensor[] =>
      ids.map((id) => model.tensors[id] as TfliteTensor);
    const use = { op, inputs: tensors(inputs), outputs: tensors(outputs), options };
    const since = runtimeOf(use, version);
    if (since === undefined) throw new Error(`no runtime is known for ${op} version ${version}`);
    return olderRuntime(oldest, since) ? since : oldest;
  }, OLDEST_RUNTIME);
}

function checkPorts(graph: Graph): void {
  for (const { name, value } of [...graph.inputs, ...graph.outputs]) {
    if (valueById(graph, value).dtype !== 'bool') continue;
    throw new EdgeloomError({
      code: 'unsupported-op',
      what: `${name} is bool at the edge of the graph, where runtimes take float32 and int32`,
      where: `graph ${graph.name}`,
      fix: 'cast it to float32 inside the function',
    });
  }
}

/** The model before it is written; the linter's tests start here. */
export function lowerToTflite(graph: Graph, options: TfliteOptions): TfliteModel {
  checkPorts(graph);
  const int8 = options.profile === 'int8';
  const plan = int8 ? planQuantization(graph, options.calibration) : new Map();
  const packs = options.profile === 'float16' || options.profile === 'hybrid';
  const emit = new TfliteEmitter(graph, plan, packs ? planStorage(graph, options) : new Map());
  for (const node of graph.nodes) {
    const call = new TfliteCall(emit, graph, node, int8 && runsInInt8(graph, node));
    // The table is keyed by the operation, so that node and lowering belong together.
    (tfliteLowerings[node.op] as (call: TfliteCall<Node>) => void)(call);
  }
  const port = ({ name, value }: Port): SignaturePort => ({
    name,
    tensor: emit.native(value as ValueId),
  });
  const model = {
    description: `edgeloom ${graph.name} ${options.profile}`,
    inputs: graph.inputs.map(port),
    outputs: graph.outputs.map(port),
    tensors: emit.tensors,
    operators: emit.operators,
  };
  return { ...model, minRuntime: minRuntime(model) };
}

/**
 * Encodes a graph. The signature `serving_default` carries the graph's input and output names.
 * Equal graphs and calibrations give equal bytes.
 * @throws EdgeloomError `unsupported-op` for what TFLite cannot express
 */
export function toTflite(graph: Graph, options: TfliteOptions): Uint8Array {
  return writeModel(lowerToTflite(graph, options));
}
