/** A function of a batch and weights, recorded at several sizes, as one optimised training graph. */
import * as tf from '@tensorflow/tfjs';
import { EdgeloomError } from '../../lib/errors.ts';
import type { ValueId } from '../graph/ir.ts';
import {
  type Assignment,
  evaluate,
  type Fitter,
  fitterFor,
  type SymbolicShape,
} from '../graph/symbolic.ts';
import { withFusedGradients } from '../trace/fused-gradients.ts';
import { withDeepStacks } from '../trace/location.ts';
import { recordNative } from '../trace/native-recorder.ts';
import { isOutside, unrecordableIndex } from './index-errors.ts';
import type { TfGraph, TfNode } from './ir.ts';
import { mergeRecordings, RecordingsDiffer } from './merge.ts';
import { optimiseTraining } from './passes/index.ts';

export type Tensors = Record<string, tf.Tensor>;

/** One column of a batch. */
export interface BatchInput {
  /** A string is a size known only at run time, by name: `['batch', 50, 40]`. */
  shape: readonly (number | string)[];
  /** @default 'float32' */
  dtype?: 'float32' | 'int32' | undefined;
}
export type BatchInputs = Readonly<Record<string, BatchInput>>;

export interface FunctionInput {
  name: string;
  inputs: BatchInputs;
  /** Sizes that a symbol may have; any when it is not named here. */
  symbols: Readonly<Record<string, readonly number[]>>;
  weights: Tensors;
  run(batch: Tensors): Tensors;
  /** Keep every result as eager tfjs computes it, to the last bit. */
  exact: boolean;
}

export const symbolicShape = ({ shape }: BatchInput): SymbolicShape =>
  shape.map((size) => (typeof size === 'string' ? { [size]: 1 } : size));

/** @throws EdgeloomError when something in the function cannot be compiled, naming its line */
export function recordFunction(input: FunctionInput): TfGraph {
  const { name, inputs, symbols, weights, run, exact } = input;
  const used = new Set(Object.values(inputs).flatMap(({ shape }) => shape));
  const names = [...used].filter((size) => typeof size === 'string');
  const sizes = Object.fromEntries(names.map((symbol) => [symbol, symbols[symbol]]));
  const recordWith = (index: number, sizes: Assignment, locate?: number) => {
    const batch = standIns(inputs, sizes, index);
    const body = () =>
      recordNative({ inputs: batch, weights, run, ...(locate === undefined ? {} : { locate }) });
    try {
      return exact ? body() : withFusedGradients(body);
    } finally {
      tf.dispose(batch);
    }
  };
  let tried = 0;
  /** Which stand-in is legal for indexes, only the gathers of the function know. */
  const at = (sizes: Assignment, locate?: number): ReturnType<typeof recordWith> => {
    try {
      return withDeepStacks(() => recordWith(INDEXES[tried]!, sizes, locate));
    } catch (error) {
      if (!isOutside(error)) throw error;
      if (tried === INDEXES.length - 1) throw unrecordableIndex(error, name, INDEXES);
      tried++;
      return at(sizes, locate);
    }
  };
  const merged = (fitter: Fitter) =>
    mergeRecordings({
      name,
      recordings: fitter.probes.map((probe) => at(probe)),
      fitter,
      inputs: Object.fromEntries(
        Object.entries(inputs).map(([key, spec]) => [
          key,
          { dtype: spec.dtype ?? 'float32', shape: symbolicShape(spec) },
        ]),
      ),
      weights: Object.fromEntries(
        Object.entries(weights).map(([key, { shape }]) => [key, { dtype: 'float32', shape }]),
      ),
      locate: (operation) => at(fitter.probes[0]!, operation).where,
    });
  return optimiseTraining(mergedWithHalves(merged, sizes), exact);
}

/** Few functions cut a batch in two: halves, which need more recordings, are tried second. */
function mergedWithHalves(
  merged: (fitter: Fitter) => TfGraph,
  sizes: Readonly<Record<string, readonly number[] | undefined>>,
): TfGraph {
  try {
    return merged(fitterFor(sizes));
  } catch (error) {
    if (!(error instanceof RecordingsDiffer)) throw error;
    try {
      return merged(fitterFor(sizes, { halves: true }));
    } catch {
      throw error;
    }
  }
}

/** The loss and its gradient with respect to the trained weights, as one function. */
export function withGradients(
  trained: Tensors,
  outputName: (weight: string) => string,
  loss: (batch: Tensors, weights: Tensors) => tf.Tensor,
): (batch: Tensors) => Tensors {
  const names = Object.keys(trained);
  const values = names.map((name) => trained[name]!);
  return (batch) => {
    const forward = (...given: tf.Tensor[]) =>
      loss(batch, Object.fromEntries(names.map((name, i) => [name, given[i]!]))) as tf.Scalar;
    const { value, grads } = connectedGradients(forward, names, values);
    const gradients = names.map((name, i) => [outputName(name), grads[i]!]);
    return { loss: value, ...Object.fromEntries(gradients) };
  };
}

/** tfjs's own message about a missing gradient names no weight. */
function connectedGradients(
  forward: (...given: tf.Tensor[]) => tf.Scalar,
  names: readonly string[],
  values: tf.Tensor[],
): { value: tf.Tensor; grads: tf.Tensor[] } {
  const result = releasingTape(() =>
    tf.engine().gradients(() => forward(...values), values, undefined, true),
  );
  const missing = names.filter((_, i) => !result.grads[i]);
  if (missing.length === 0) return result;
  throw new EdgeloomError({
    code: 'unused-weight',
    what: `The loss does not depend on ${missing.join(', ')}`,
    fix: 'leave them out of the trained weights, or name them in `frozen`',
  });
}

/** tfjs frees what its tape of gradients holds at their end only: here also when they fail. */
function releasingTape<T>(body: () => T): T {
  try {
    return body();
  } catch (error) {
    const { state } = tf.engine();
    if (state.gradientDepth === 0) {
      for (const { saved = [] } of state.activeTape ?? []) tf.dispose(saved);
      state.activeTape = [];
    }
    throw error;
  }
}

/** What stands for every whole number; 0 is legal in any table unless the function counts down from it. */
const INDEXES = [0, 1, 2];

/** Numbers that are neither 0 nor 1 nor equal; whole numbers are `index`. */
function standIns(inputs: BatchInputs, sizes: Assignment, index: number): Tensors {
  const tensors: Tensors = {};
  for (const [name, spec] of Object.entries(inputs)) {
    const shape = symbolicShape(spec).map((dim) => evaluate(dim, sizes));
    const count = shape.reduce((product, size) => product * size, 1);
    tensors[name] =
      spec.dtype === 'int32'
        ? tf.tensor(new Int32Array(count).fill(index), shape, 'int32')
        : tf.tensor(
            Float32Array.from({ length: count }, (_, i) => (1 + ((i * 7919) % 13)) / 15),
            shape,
          );
  }
  return tensors;
}

/** True for gathers along the first axis. */
function gathersRows(graph: TfGraph, { inputs, attributes }: TfNode): boolean {
  const { batch_dims: batchDims } = attributes;
  const plain = !batchDims || ('int' in batchDims && batchDims.int === 0);
  return plain && graph.values[inputs[2]!]?.data?.[0] === 0;
}

/** Rows of the table that each input's numbers point into, for inputs that are indexes. */
export function indexLimits(graph: TfGraph): Record<string, number> {
  const producers = new Map<ValueId, TfNode>();
  for (const node of graph.nodes) for (const id of node.outputs) producers.set(id, node);
  const names = new Map(graph.inputs.map(({ name, value }) => [value, name]));
  const limits: Record<string, number> = {};
  for (const node of graph.nodes) {
    const [table, indices] = node.inputs as [ValueId, ValueId];
    const known =
      node.op === 'GatherV2' &&
      gathersRows(graph, node) &&
      (graph.values[table]!.weight !== undefined || graph.values[table]!.data);
    if (!known) continue;
    let root = indices;
    while (producers.get(root)?.op === 'Reshape') root = producers.get(root)!.inputs[0]!;
    const name = names.get(root);
    const rows = graph.values[table]!.shape[0];
    if (name === undefined || typeof rows !== 'number') continue;
    limits[name] = Math.min(limits[name] ?? rows, rows);
  }
  return limits;
}
