/** For tests and benches: one function through every target, compared with tfjs itself. */
import * as tf from '@tensorflow/tfjs';
import type { Random } from '../../lib/random.ts';
import { calibrate } from '../graph/calibrate.ts';
import { interpreter, type NamedArrays } from '../graph/interpret.ts';
import { elementCount, type Graph } from '../graph/ir.ts';
import { lintOnnx } from '../onnx/lint.ts';
import { type OnnxOptions, toOnnx } from '../onnx/write.ts';
import { loadTflite } from '../runtimes/litert.ts';
import { loadOnnx } from '../runtimes/onnxruntime.ts';
import type { LoadedModel } from '../runtimes/runtime.ts';
import { lintTflite } from '../tflite/lint.ts';
import { type TfliteOptions, toTflite } from '../tflite/write.ts';
import { type InputType, type NamedTensors, record } from '../trace/record.ts';

export interface Subject {
  run: (inputs: NamedTensors) => NamedTensors;
  inputs: Record<string, InputType>;
  /** Inputs of 0 and 1. @default none */
  masks?: readonly string[];
  /** Upper bound of int32 inputs, exclusive. @default 2 */
  rows?: number;
}

/** The interpreter, and every runtime with every profile; `onnx` and `tflite` are float32. */
export type Target =
  | 'interpreter'
  | 'onnx'
  | 'onnxInt8'
  | 'onnxDynamic'
  | 'tflite'
  | 'int8'
  | 'float16'
  | 'hybrid';
export const FLOAT_TARGETS: readonly Target[] = ['interpreter', 'onnx', 'tflite'];

/** Targets that round constants or activations. */
export const ROUNDING_TARGETS = ['int8', 'onnxInt8', 'float16', 'hybrid', 'onnxDynamic'] as const;

/** Random inputs: normal numbers, masks of a random length, int32 below `rows`. */
export function randomInputs(
  { inputs, rows = 2, masks = [] }: Subject,
  random: Random,
): NamedArrays {
  return Object.fromEntries(
    Object.entries(inputs).map(([name, { shape, dtype }]) => {
      const size = elementCount(shape);
      if (dtype === 'int32') {
        return [name, Int32Array.from({ length: size }, () => random.below(rows))];
      }
      if (masks.includes(name)) {
        const width = shape.at(-1) ?? 1;
        const real = random.below(width + 1);
        return [name, Float32Array.from({ length: size }, (_, i) => Number(i % width < real))];
      }
      return [name, Float32Array.from({ length: size }, () => random.normal())];
    }),
  );
}

/** What tfjs computes. */
export function expected({ run, inputs }: Subject, arrays: NamedArrays): NamedArrays {
  return tf.tidy(() => {
    const tensors = Object.fromEntries(
      Object.entries(inputs).map(([name, { shape, dtype }]) => [
        name,
        tf.tensor(arrays[name] as Float32Array, [...shape], dtype ?? 'float32'),
      ]),
    );
    return Object.fromEntries(
      Object.entries(run(tensors)).map(([name, tensor]) => [
        name,
        tensor.dataSync() as NamedArrays[string],
      ]),
    );
  });
}

/**
 * Largest difference, in units of the largest expected value, at least 10⁻²: below that float32
 * arithmetic near 1 has no more digits to compare.
 */
export function largestError(wanted: NamedArrays, got: NamedArrays): number {
  let largest = 0;
  for (const [name, data] of Object.entries(wanted)) {
    const other = got[name];
    if (other?.length !== data.length) return Number.POSITIVE_INFINITY;
    let [difference, scale] = [0, 1e-2];
    data.forEach((x, i) => {
      difference = Math.max(difference, Math.abs(x - (other[i] ?? Number.NaN)));
      scale = Math.max(scale, Math.abs(x));
    });
    largest = Math.max(largest, difference / scale);
  }
  return largest;
}

/** Root mean square of the differences over that of the expected values, all outputs together. */
export function relativeRms(pairs: readonly [NamedArrays, NamedArrays][]): number {
  let [errors, squares] = [0, 1e-12];
  for (const [wanted, got] of pairs) {
    for (const [name, data] of Object.entries(wanted)) {
      data.forEach((x, i) => {
        errors += (x - (got[name]?.[i] ?? Number.NaN)) ** 2;
        squares += x ** 2;
      });
    }
  }
  return Math.sqrt(errors / squares);
}

export interface Built {
  graph: Graph;
  /** Bytes of the file; 0 for the interpreter. */
  bytes: number;
  model: LoadedModel;
}

/** Records, writes, lints and loads. @throws Error when the linter finds anything */
export async function build(
  subject: Subject,
  target: Target,
  calibrationRows: readonly NamedArrays[] = [],
): Promise<Built> {
  const graph = record(subject.run, subject.inputs, { masks: subject.masks });
  return { graph, ...(await load(graph, target, calibrationRows)) };
}

/**
 * Writes, lints and loads a recorded graph. `smallest` is handed to the profiles that pack constants.
 * @throws Error when the linter finds anything
 */
export async function load(
  graph: Graph,
  target: Target,
  calibrationRows: readonly NamedArrays[],
  smallest?: number,
): Promise<{ bytes: number; model: LoadedModel }> {
  const packing = smallest === undefined ? {} : { smallest };
  const calibration = () => calibrate(graph, calibrationRows);
  const onnx = async (options: OnnxOptions) => {
    const file = toOnnx(graph, options);
    assertClean(lintOnnx(file));
    return { bytes: file.length, model: await loadOnnx(file) };
  };
  const tflite = async (options: TfliteOptions) => {
    const file = toTflite(graph, options);
    assertClean(lintTflite(file));
    return { bytes: file.length, model: await loadTflite(file) };
  };
  switch (target) {
    case 'interpreter':
      return { bytes: 0, model: interpreted(graph) };
    case 'onnx':
      return await onnx({ profile: 'float32' });
    case 'onnxInt8':
      return await onnx({ profile: 'int8', calibration: calibration() });
    case 'onnxDynamic':
      return await onnx({ profile: 'dynamic', ...packing });
    case 'tflite':
      return await tflite({ profile: 'float32' });
    case 'int8':
      return await tflite({ profile: 'int8', calibration: calibration() });
    default:
      return await tflite({ profile: target, ...packing });
  }
}

function interpreted(graph: Graph): LoadedModel {
  const run = interpreter(graph);
  return {
    inputNames: [],
    outputNames: [],
    run: async (inputs) => run.run(inputs),
    dispose: async () => undefined,
  };
}

function assertClean(findings: { rule: string; message: string }[]): void {
  if (findings.length === 0) return;
  throw new Error(findings.map(({ rule, message }) => `${rule}: ${message}`).join('\n'));
}
