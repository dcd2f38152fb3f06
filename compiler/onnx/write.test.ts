import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import ort from 'onnxruntime-node';
import { beforeAll, describe, expect, it } from 'vitest';
import { Random } from '../../lib/random.ts';
import { calibrate } from '../graph/calibrate.ts';
import type { Graph } from '../graph/ir.ts';
import { loadOnnx } from '../runtimes/onnxruntime.ts';
import { type InputType, type NamedTensors, record } from '../trace/record.ts';
import { decodeModel } from './proto.ts';
import { type OnnxOptions, toOnnx } from './write.ts';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

const random = Random.of(31);
const weight = (rows: number, columns: number): tf.Tensor2D =>
  tf.tensor2d(
    Float32Array.from({ length: rows * columns }, () => random.normal()),
    [rows, columns],
  );

function int8(graph: Graph): OnnxOptions {
  const row = Object.fromEntries(
    graph.inputs.map(({ name, value }) => {
      const length = (graph.values[value]?.shape ?? []).reduce((n, s) => n * s, 1);
      const isId = graph.values[value]?.dtype === 'int32';
      const data = Array.from({ length }, (_, i) => (isId ? i % 4 : Math.sin(i)));
      return [name, isId ? Int32Array.from(data) : Float32Array.from(data)];
    }),
  );
  return { profile: 'int8', calibration: calibrate(graph, [row]) };
}

const operators = (bytes: Uint8Array): string[] =>
  (decodeModel(bytes).graph?.node ?? []).map((node) => String(node.opType));

/** The operators that ONNX Runtime runs in the end. */
async function optimised(bytes: Uint8Array): Promise<string[]> {
  const folder = mkdtempSync(join(tmpdir(), 'edgeloom-onnx-'));
  try {
    const path = join(folder, 'optimised.onnx');
    const session = await ort.InferenceSession.create(bytes, {
      optimizedModelFilePath: path,
      logSeverityLevel: 3,
      extra: { session: { qdqisint8allowed: '1' } },
    });
    await session.release();
    return operators(readFileSync(path));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const recorded = (
  run: (inputs: NamedTensors) => tf.Tensor,
  inputs: Record<string, InputType>,
): Graph => record((tensors) => ({ y: run(tensors) }), inputs);

describe('the int8 profile', () => {
  it('is fused into int8 kernels from end to end', async () => {
    const [w, v] = [weight(8, 16), weight(16, 4)];
    const graph = recorded(
      ({ x }) => {
        const h = tf.relu(tf.add(tf.matMul(x as tf.Tensor2D, w), weight(1, 16)));
        return tf.softmax(tf.sigmoid(tf.matMul(h as tf.Tensor2D, v)));
      },
      { x: { shape: [3, 8] } },
    );
    expect(await optimised(toOnnx(graph, int8(graph)))).toEqual([
      ...['QuantizeLinear', 'QGemm', 'QGemm', 'QLinearSigmoid', 'QLinearSoftmax'],
      'DequantizeLinear',
    ]);
  });

  it('fuses products of activations, sums and a dense layer over three dimensions', async () => {
    const w = weight(4, 5);
    const graph = recorded(
      ({ a, b }) => {
        const product = tf.matMul(a as tf.Tensor, b as tf.Tensor, false, true);
        const sum = tf.add(product, tf.mul(product, a as tf.Tensor));
        return tf.matMul(sum.reshape([-1, 4]), w).reshape([2, 4, 5]);
      },
      { a: { shape: [2, 4, 4] }, b: { shape: [2, 4, 4] } },
    );
    const ops = await optimised(toOnnx(graph, int8(graph)));
    expect(ops).toEqual(
      expect.arrayContaining(['QLinearMatMul', 'QLinearMul', 'QLinearAdd', 'QGemm']),
    );
    expect(ops).not.toEqual(expect.arrayContaining(['MatMul']));
    expect(ops).not.toEqual(expect.arrayContaining(['Gemm']));
  });

  it('stores weights as int8 with a scale per row, and a table as int8 that is gathered first', () => {
    const [w, table] = [weight(4, 6), weight(9, 4)];
    const graph = recorded(
      ({ ids }) => tf.matMul(tf.gather(table, ids as tf.Tensor1D) as tf.Tensor2D, w),
      { ids: { shape: [3], dtype: 'int32' } },
    );
    const { initializer = [], node = [] } = decodeModel(toOnnx(graph, int8(graph))).graph ?? {};
    const stored = (shape: number[]) =>
      initializer?.find(({ dims }) => String(dims?.map(Number)) === String(shape))?.dataType;
    expect([stored([6, 4]), stored([9, 4])]).toEqual([3, 3]);
    expect(initializer?.some(({ dims }) => String(dims) === '6')).toBe(true);
    const [gather, next] = node ?? [];
    expect([gather?.opType, next?.opType]).toEqual(['Gather', 'DequantizeLinear']);
  });

  it('keeps sums within 16 bits where weights have 7 bits', async () => {
    const graph = recorded(({ x }) => tf.matMul(x as tf.Tensor2D, tf.fill([64, 4], 0.5)), {
      x: { shape: [1, 64] },
    });
    const x = new Float32Array(64).fill(3);
    const calibration = calibrate(graph, [{ x }, { x: new Float32Array(64) }]);
    const bytes = toOnnx(graph, { profile: 'int8', calibration, weightBits: 7 });
    const { initializer } = decodeModel(bytes).graph ?? {};
    const weights = initializer?.find(({ dims }) => String(dims?.map(Number)) === '4,64');
    expect(Math.max(...Int8Array.from(weights?.rawData ?? []))).toBe(63);
    // Settings as they come, in which x86 without VNNI saturates 8-bit weights.
    const session = await ort.InferenceSession.create(bytes, { logSeverityLevel: 3 });
    const { y } = await session.run({ x: new ort.Tensor('float32', x, [1, 64]) });
    expect(y?.data[0]).toBeCloseTo(96, 0);
    await session.release();
  });
});

describe('the dynamic profile', () => {
  const w = weight(16, 32);
  const graph = (): Graph =>
    recorded(({ x }) => tf.relu(tf.add(tf.matMul(x as tf.Tensor2D, w), weight(1, 32))), {
      x: { shape: [2, 16] },
    });

  it('is fused into one kernel per product', async () => {
    const ops = await optimised(toOnnx(graph(), { profile: 'dynamic' }));
    expect(ops).toEqual(['DynamicQuantizeMatMul', 'Relu']);
  });

  it('quantises an input once for all products that read it', () => {
    const v = weight(16, 32);
    const both = recorded(
      ({ x }) => tf.concat([tf.matMul(x as tf.Tensor2D, w), tf.matMul(x as tf.Tensor2D, v)], 1),
      { x: { shape: [2, 16] } },
    );
    const ops = operators(toOnnx(both, { profile: 'dynamic' }));
    expect(ops.filter((op) => op === 'DynamicQuantizeLinear')).toHaveLength(1);
    expect(ops.filter((op) => op === 'MatMulInteger')).toHaveLength(2);
  });

  it('leaves weights float32 that would not get smaller', () => {
    const ops = (smallest: number): string[] =>
      operators(toOnnx(graph(), { profile: 'dynamic', smallest }));
    expect(ops(513)).toEqual(['Gemm', 'Relu']);
    expect(ops(512)).toContain('MatMulInteger');
  });

  it('does not saturate where all products are as large as they can be', async () => {
    const ones = tf.ones<tf.Rank.R2>([64, 8]);
    const large = recorded(({ x }) => tf.matMul(x as tf.Tensor2D, ones), { x: { shape: [1, 64] } });
    const model = await loadOnnx(toOnnx(large, { profile: 'dynamic' }));
    const { y } = await model.run({ x: new Float32Array(64).fill(3) });
    await model.dispose();
    expect(y?.[0]).toBeCloseTo(192, 3);
  });
});

describe('the bytes of a profile', () => {
  it('are a quarter of float32 where weights are most of the file', () => {
    const w = weight(128, 128);
    const graph = recorded(({ x }) => tf.matMul(x as tf.Tensor2D, w), { x: { shape: [1, 128] } });
    const size = (options: OnnxOptions): number => toOnnx(graph, options).length;
    const float32 = size({ profile: 'float32' });
    expect(float32).toBeGreaterThan(65_536);
    expect(size(int8(graph))).toBeLessThan(0.3 * float32);
    expect(size({ profile: 'dynamic' })).toBeLessThan(0.3 * float32);
  });

  it('are equal for equal graphs', () => {
    const graph = recorded(({ x }) => tf.softmax(tf.matMul(x as tf.Tensor2D, weight(16, 16))), {
      x: { shape: [1, 16] },
    });
    expect(toOnnx(graph, int8(graph))).toEqual(toOnnx(graph, int8(graph)));
    expect(toOnnx(graph, { profile: 'dynamic' })).toEqual(toOnnx(graph, { profile: 'dynamic' }));
  });
});
