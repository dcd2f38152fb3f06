/** Types and constants at the edges of what files can hold, in both runtimes against tfjs. */
import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import { calibrate } from './graph/calibrate.ts';
import { type OnnxOptions, toOnnx } from './onnx/write.ts';
import { build, expected, largestError, type Subject, type Target } from './testing/parity.ts';
import { type TfliteOptions, toTflite } from './tflite/write.ts';
import { record } from './trace/record.ts';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

const FLOAT = Float32Array.of(-2, -0.5, 0, 0.5, 1, 2, -1, 3);
const INT = Int32Array.of(-2, 5, 0, 7, 1, 3, -1, 4);
const matrix = { x: { shape: [2, 4] } };
const ints = { x: { shape: [2, 4], dtype: 'int32' as const } };

const subjects: Record<string, Subject> = {
  'constant outputs of every type and rank': {
    run: ({ x }) => ({
      y: tf.relu(x!),
      ids: tf.tensor1d([1, 2, 3], 'int32'),
      one: tf.scalar(3, 'int32'),
      bias: tf.tensor([1, 2, 3, 4], [1, 2, 1, 2, 1]),
    }),
    inputs: matrix,
  },
  'the mean of whole numbers': { run: ({ x }) => ({ y: tf.mean(x!, 1) }), inputs: ints },
  'relu of whole numbers': { run: ({ x }) => ({ y: tf.relu(x!) }), inputs: ints },
  'the product of conditions': {
    run: ({ x }) => ({
      y: tf.cast(tf.mul(tf.greater(x!, 0), tf.less(x!, 2)), 'float32'),
    }),
    inputs: matrix,
  },
  'a constant mask of −Infinity': {
    run: ({ x }) => {
      const column = tf.range(0, 64);
      return { y: tf.softmax(tf.add(x!, tf.where(tf.less(column, 9), 0, -Infinity))) };
    },
    inputs: { x: { shape: [1, 64] } },
  },
};

describe('edges', () => {
  const targets: Target[] = ['onnx', 'tflite', 'float16', 'hybrid', 'onnxDynamic'];
  it.each(Object.entries(subjects))(
    '%s, in every profile without calibration',
    async (_, subject) => {
      const { shape, dtype } = subject.inputs.x!;
      const repeat = shape[0]! === 1 ? 8 : 1;
      const floats = Float32Array.from({ length: 8 * repeat }, (_, i) => FLOAT[i % 8]!);
      const arrays = { x: dtype === 'int32' ? INT : floats };
      const wanted = expected(subject, arrays);
      for (const target of targets) {
        const { model } = await build(subject, target);
        // Twice: an output that the runtime took for a constant is lost at the second run.
        await model.run(arrays);
        expect(largestError(wanted, await model.run(arrays)), target).toBeLessThan(1e-3);
        await model.dispose();
      }
    },
  );
});

describe('calibration', () => {
  const graph = record(({ x }) => ({ y: tf.log(x!) }), { x: { shape: [1] } });

  it.each([
    ['no rows', [], {}],
    ['values that are not finite', [{ x: Float32Array.of(0) }], {}],
    ['a coverage of nothing', [{ x: Float32Array.of(1) }], { coverage: 0 }],
  ])('refuses %s', (_, rows, options) => {
    expect(() => calibrate(graph, rows, options)).toThrow(
      expect.objectContaining({ code: 'bad-calibration', where: 'graph main' }),
    );
  });

  it.each([
    ['TFLite', toTflite],
    ['ONNX', toOnnx],
  ])('of another graph is refused by name: %s', (_, write) => {
    const calibration = calibrate(graph, [{ x: Float32Array.of(1) }]);
    const other = record(({ x }) => ({ y: tf.tanh(tf.exp(tf.abs(x!))) }), { x: { shape: [1] } });
    expect(() => write(other, { profile: 'int8', calibration })).toThrow(
      expect.objectContaining({ code: 'needs-calibration' }),
    );
  });

  it.each([
    ['TFLite', toTflite],
    ['ONNX', toOnnx],
  ])('fits the graph recorded again, and none that only has its shapes: %s', (_, write) => {
    const scaled = (by: number) =>
      record(({ x }) => ({ y: tf.mul(tf.abs(x!), by) }), { x: { shape: [1] } });
    const calibration = calibrate(scaled(3), [{ x: Float32Array.of(1) }]);
    const bytes = (by: number) => write(scaled(by), { profile: 'int8', calibration });
    expect(bytes(3).length).toBeGreaterThan(0);
    const message = 'The calibration is of another graph';
    const refusal = expect.objectContaining({ code: 'needs-calibration', message });
    expect(() => bytes(3000)).toThrow(refusal);
    const exp = record(({ x }) => ({ y: tf.mul(tf.exp(x!), 3) }), { x: { shape: [1] } });
    expect(() => write(exp, { profile: 'int8', calibration })).toThrow(refusal);
  });
});

describe('options from callers without types', () => {
  const graph = record(({ x }) => ({ y: tf.relu(x!) }), { x: { shape: [1] } });
  const tflite = (options: object) => toTflite(graph, options as TfliteOptions);
  const onnx = (options: object) => toOnnx(graph, options as OnnxOptions);

  it.each([
    ['TFLite', tflite, 'fp32', 'give one of float32, int8, float16, hybrid'],
    ['ONNX', onnx, 'float16', 'give one of float32, int8, dynamic'],
    ['TFLite', tflite, 'toString', 'give one of float32, int8, float16, hybrid'],
  ])('a profile that %s has not is refused, with those it has', (_, write, profile, fix) => {
    const refusal = { code: 'bad-options', message: `There is no profile ${profile}`, fix };
    expect(() => write({ profile })).toThrow(expect.objectContaining(refusal));
    expect(() => write({})).toThrow('No profile is given');
  });

  it.each([
    ['TFLite', tflite],
    ['ONNX', onnx],
  ])('an option of another profile is refused: %s', (_, write) => {
    expect(() => write({ profile: 'float32', smallest: 4 })).toThrow(
      'The profile float32 has no option smallest',
    );
  });
});
