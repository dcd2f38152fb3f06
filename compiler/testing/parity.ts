/** For tests: one function through every target, compared with tfjs itself. */
import * as tf from '@tensorflow/tfjs';
import { Random } from '../../lib/random.ts';
import { calibrate } from '../graph/calibrate.ts';
import { interpreter, type NamedArrays } from '../graph/interpret.ts';
import { elementCount, type Graph } from '../graph/ir.ts';
import { lintOnnx } from '../onnx/lint.ts';
import { toOnnx } from '../onnx/write.ts';
import { loadTflite } from '../runtimes/litert.ts';
import { loadOnnx } from '../runtimes/onnxruntime.ts';
import type { LoadedModel } from '../runtimes/runtime.ts';
import { lintTflite } from '../tflite/lint.ts';
import { toTflite } from '../tflite/write.ts';
import { type InputType, type NamedTensors, record } from '../trace/record.ts';

export interface Subject {
  run: (inputs: NamedTensors) => NamedTensors;
  inputs: Record<string, InputType>;
  /** Upper bound of int32 inputs, exclusive. @default 2 */
  rows?: number;
}

export type Target = 'interpreter' | 'onnx' | 'tflite' | 'int8';
export const FLOAT_TARGETS: readonly Target[] = ['interpreter', 'onnx', 'tflite'];

/** Random inputs: normal numbers, masks of a random length, int32 below `rows`. */
export function randomInputs({ inputs, rows = 2 }: Subject, random: Random): NamedArrays {
  return Object.fromEntries(
    Object.entries(inputs).map(([name, { shape, dtype }]) => {
      const size = elementCount(shape);
      if (dtype === 'int32') {
        return [name, Int32Array.from({ length: size }, () => random.below(rows))];
      }
      if (/mask$/.test(name)) {
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
  const graph = record(subject.run, subject.inputs);
  if (target === 'interpreter') {
    const run = interpreter(graph);
    const model: LoadedModel = {
      inputNames: [],
      outputNames: [],
      run: async (inputs) => run.run(inputs),
      dispose: async () => undefined,
    };
    return { graph, bytes: 0, model };
  }
  if (target === 'onnx') {
    const file = toOnnx(graph, { profile: 'float32' });
    assertClean(lintOnnx(file));
    return { graph, bytes: file.length, model: await loadOnnx(file) };
  }
  const file = toTflite(
    graph,
    target === 'int8'
      ? { profile: 'int8', calibration: calibrate(graph, calibrationRows) }
      : { profile: 'float32' },
  );
  assertClean(lintTflite(file));
  return { graph, bytes: file.length, model: await loadTflite(file) };
}

function assertClean(findings: { rule: string; message: string }[]): void {
  if (findings.length === 0) return;
  throw new Error(findings.map(({ rule, message }) => `${rule}: ${message}`).join('\n'));
}

const CALIBRATION_ROWS = 40;
const TESTED_ROWS = 3;

/**
 * Error of a target on random inputs, in units of the largest value that the outputs take: the
 * largest difference for float targets, the root mean square for int8. The int8 calibration has seen
 * the tested rows, so that what is measured is rounding, not values beyond the range.
 */
export async function errorOf(subject: Subject, target: Target, seed: number): Promise<number> {
  const rows = Array.from({ length: CALIBRATION_ROWS }, (_, i) =>
    randomInputs(subject, Random.of(seed, 'row', i)),
  );
  const { model } = await build(subject, target, target === 'int8' ? rows : []);
  const pairs: [NamedArrays, NamedArrays][] = [];
  for (const inputs of rows.slice(0, TESTED_ROWS)) {
    pairs.push([expected(subject, inputs), await model.run(inputs)]);
  }
  await model.dispose();
  if (target !== 'int8') {
    return Math.max(...pairs.map(([wanted, got]) => largestError(wanted, got)));
  }
  const scale = Math.max(
    ...rows.flatMap((inputs) =>
      Object.values(expected(subject, inputs)).flatMap((data) => Array.from(data, Math.abs)),
    ),
  );
  return rootMeanSquare(pairs) / Math.max(scale, 1e-3);
}

/** Root mean square of the differences, all outputs together. */
function rootMeanSquare(pairs: readonly [NamedArrays, NamedArrays][]): number {
  let [errors, count] = [0, 0];
  for (const [wanted, got] of pairs) {
    for (const [name, data] of Object.entries(wanted)) {
      data.forEach((x, i) => {
        errors += (x - (got[name]?.[i] ?? Number.NaN)) ** 2;
        count++;
      });
    }
  }
  return Math.sqrt(errors / count);
}
