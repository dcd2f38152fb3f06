/** A function of a model that a phone calls, and its trained form run on many rows. */
import * as tf from '@tensorflow/tfjs';
import type { InputType } from '../../compiler/index.ts';
import type { NamedArrays } from '../../compiler/runtimes/runtime.ts';
import type { RunOptions } from '../../lib/progress.ts';
import { readTensors } from './read-tensors.ts';

export type TensorMap = Record<string, tf.Tensor>;

export interface EntryPoint {
  /** As in the bundle: `rerank`. */
  name: string;
  /** One call: every shape begins with 1. */
  inputs: Record<string, InputType & { dtype: 'float32' }>;
  /** Inputs that hold only 0 and 1. @default none */
  masks?: readonly string[];
  /** Inputs to named outputs; takes any number of calls in the first dimension. */
  run(inputs: TensorMap): TensorMap;
}

/** Input types of float32 calls. */
export function float32Inputs(shapes: Record<string, number[]>): EntryPoint['inputs'] {
  return Object.fromEntries(
    Object.entries(shapes).map(([name, shape]) => [name, { shape, dtype: 'float32' }]),
  );
}

const ROWS_PER_CALL = 32;

/** The trained model on rows, on the current backend. */
export async function runTrained(
  { name, inputs, run }: EntryPoint,
  rows: NamedArrays[],
  { signal, onProgress }: RunOptions = {},
): Promise<NamedArrays[]> {
  const results: NamedArrays[] = [];
  for (let from = 0; from < rows.length; from += ROWS_PER_CALL) {
    signal?.throwIfAborted();
    onProgress?.({ message: `trained model: ${name}`, fraction: from / rows.length });
    const part = rows.slice(from, from + ROWS_PER_CALL);
    const outputs = readTensors(() => {
      const tensors = Object.entries(inputs).map(([input, { shape }]): [string, tf.Tensor] => [
        input,
        tf.tensor(joined(part, input), [part.length, ...shape.slice(1)], 'float32'),
      ]);
      return run(Object.fromEntries(tensors));
    });
    part.forEach((_, i) => {
      results.push(
        Object.fromEntries(
          Object.entries(outputs).map(([output, data]) => {
            const width = data.length / part.length;
            return [output, data.slice(i * width, (i + 1) * width)];
          }),
        ),
      );
    });
    await new Promise((resolve) => setImmediate(resolve));
  }
  return results;
}

function joined(rows: NamedArrays[], input: string): Float32Array {
  const width = rows[0]![input]!.length;
  const all = new Float32Array(rows.length * width);
  rows.forEach((row, i) => {
    all.set(row[input]!, i * width);
  });
  return all;
}
