/** A graph as a TFLite file, in one of four profiles; float32 and int32 at the edges in each. */
import { EdgeloomError } from '../../lib/errors.ts';
import { checkProfile } from '../check-profile.ts';
import type { Calibration } from '../graph/calibrate.ts';
import { expandComposites } from '../graph/expand.ts';
import { type Graph, type Port, type ValueId, valueById } from '../graph/ir.ts';
import { TfliteEmitter } from './emitter.ts';
import { writeModel } from './flatbuffer.ts';
import { lowerGraph } from './lower-graph.ts';
import type { SignaturePort, TfliteFunction, TfliteModel, TfliteTensor } from './model.ts';
import { planQuantization } from './plan.ts';
import { planStorage, type StorageOptions } from './storage.ts';
import { olderRuntime, runtimeOf } from './versions.ts';

/**
 * How a recurrence over a sequence is written: all its steps one after another, which is fastest, or
 * a WHILE, which is small and opens fast. `auto` loops from {@link SHORTEST_LOOP} steps on.
 */
type Recurrence = 'unrolled' | 'while' | 'auto';

export type TfliteOptions =
  | {
      profile: 'float32';
      /** @default 'auto' */
      recurrence?: Recurrence;
    }
  /**
   * Full int8 for runtimes since 2.14, recurrences unrolled. The calibration must be of this very
   * graph.
   */
  | { profile: 'int8'; calibration: Calibration }
  /**
   * float16: constants in half precision, arithmetic in float32. hybrid: int8 weights under float
   * activations, for runtimes since 2.17. Recurrences are unrolled.
   */
  | StorageOptions;

const OPTIONS = {
  float32: ['recurrence'],
  int8: ['calibration'],
  float16: ['smallest'],
  hybrid: ['smallest'],
} satisfies Record<TfliteOptions['profile'], string[]>;

/** The README has the bytes and times behind this number. */
const SHORTEST_LOOP = 32;

/** SELECT_V2's and older operators' floor: no file says less. */
const OLDEST_RUNTIME = '1.5.0';

function minRuntime(subgraphs: readonly Pick<TfliteFunction, 'tensors' | 'operators'>[]): string {
  const runtimes = subgraphs.flatMap(({ tensors, operators }) =>
    operators.map(({ op, version, inputs, outputs, options }) => {
      const pick = (ids: readonly number[]): TfliteTensor[] =>
        ids.map((id) => tensors[id] as TfliteTensor);
      const since = runtimeOf(
        { op, inputs: pick(inputs), outputs: pick(outputs), options },
        version,
      );
      if (since === undefined) throw new Error(`no runtime is known for ${op} version ${version}`);
      return since;
    }),
  );
  return runtimes.reduce((a, b) => (olderRuntime(a, b) ? b : a), OLDEST_RUNTIME);
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

/** The graph without the recurrences that are unrolled: all of them but in float32. */
function expanded(graph: Graph, options: TfliteOptions): Graph {
  if (options.profile !== 'float32') return expandComposites(graph);
  const { recurrence = 'auto' } = options;
  return expandComposites(graph, {
    padding: 'column',
    only: (_, [, steps = 0]) =>
      recurrence === 'auto' ? steps < SHORTEST_LOOP : recurrence === 'unrolled',
  });
}

/** The model before it is written; the linter's tests start here. */
export function lowerToTflite(recorded: Graph, options: TfliteOptions): TfliteModel {
  checkProfile(options, OPTIONS, `graph ${recorded.name}`);
  checkPorts(recorded);
  const int8 = options.profile === 'int8';
  const graph = expanded(recorded, options);
  const plan = int8 ? planQuantization(graph, options.calibration) : new Map();
  const packs = options.profile === 'float16' || options.profile === 'hybrid';
  const storage = packs ? planStorage(graph, options) : new Map();
  const emit = new TfliteEmitter(graph, plan, { storage });
  lowerGraph(emit, graph, int8);
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
    functions: emit.functions,
  };
  return { ...model, minRuntime: minRuntime([model, ...emit.functions]) };
}

/**
 * Encodes a graph. The signature `serving_default` carries the graph's input and output names.
 * Equal graphs and calibrations give equal bytes.
 * @throws EdgeloomError `unsupported-op` for what TFLite cannot express, `bad-options`,
 *   `needs-calibration`
 */
export function toTflite(graph: Graph, options: TfliteOptions): Uint8Array {
  return writeModel(lowerToTflite(graph, options));
}
