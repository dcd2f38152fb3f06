import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import { type Calibration, calibrate } from '../graph/calibrate.ts';
import type { Graph } from '../graph/ir.ts';
import { type InputType, type NamedTensors, record } from '../trace/record.ts';
import type { TfliteModel } from './model.ts';
import { planQuantization } from './plan.ts';
import { lowerToTflite, toTflite } from './write.ts';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

const count = (model: TfliteModel, op: string): number =>
  model.operators.filter((operator) => operator.op === op).length;

function calibrated(
  run: (inputs: NamedTensors) => NamedTensors,
  inputs: Record<string, InputType>,
  masks: readonly string[] = [],
): { graph: Graph; calibration: Calibration; model: TfliteModel } {
  const graph = record(run, inputs, { masks });
  const rows = [0, 1, 2].map((seed) =>
    Object.fromEntries(
      Object.entries(inputs).map(([name, { shape }]) => {
        const length = shape.reduce((n, s) => n * s, 1);
        const value = (i: number): number =>
          masks.includes(name) ? Number(i % 3 > 0) : Math.sin(i * 1.7 + seed);
        return [name, Float32Array.from({ length }, (_, i) => value(i))];
      }),
    ),
  );
  const calibration = calibrate(graph, rows);
  return { graph, calibration, model: lowerToTflite(graph, { profile: 'int8', calibration }) };
}

describe('the int8 profile', () => {
  it('quantises at the edges only, when every operation has an int8 kernel', () => {
    const { model } = calibrated(
      ({ x }) => ({ y: tf.relu(tf.matMul(x as tf.Tensor2D, tf.ones([3, 2]))) }),
      { x: { shape: [1, 3] } },
    );
    expect(model.operators.map((operator) => operator.op)).toEqual([
      'QUANTIZE',
      'FULLY_CONNECTED',
      'DEQUANTIZE',
    ]);
    const [x, y] = [model.inputs[0]!, model.outputs[0]!];
    expect(model.tensors[x.tensor]?.type).toBe('FLOAT32');
    expect(model.tensors[y.tensor]?.type).toBe('FLOAT32');
  });

  it('leaves a bias of zeros out, and keeps another', () => {
    const w = tf.ones<tf.Rank.R2>([3, 2]);
    const { model } = calibrated(
      ({ x }) => {
        const y = tf.tanh(tf.matMul(x as tf.Tensor2D, w));
        return { y: tf.add(tf.matMul(y as tf.Tensor2D, tf.ones([2, 2])), [0.5, 0]) };
      },
      { x: { shape: [1, 3] } },
    );
    const dense = model.operators.filter(({ op }) => op === 'FULLY_CONNECTED');
    expect(dense.map(({ inputs, version }) => [inputs.length, version])).toEqual([
      [2, 6],
      [3, 4],
    ]);
  });

  it('writes the zero points of rows once for weights and bias', () => {
    const rows = 200;
    const bytes = (one: boolean): number => {
      // Rows of sizes 1, 2, 3 … have scales of their own.
      const w = tf.tidy(() =>
        tf.mul(tf.ones([2, rows]), one ? tf.ones([rows]) : tf.range(1, rows + 1)),
      ) as tf.Tensor2D;
      const { graph, calibration } = calibrated(
        ({ x }) => ({ y: tf.add(tf.matMul(x as tf.Tensor2D, w), tf.ones([rows])) }),
        { x: { shape: [1, 2] } },
      );
      return toTflite(graph, { profile: 'int8', calibration }).length;
    };
    const [scales, zeros] = [2 * 4 * rows, 8 * rows];
    expect(bytes(false) - bytes(true)).toBeGreaterThan(scales + zeros - 200);
    expect(bytes(false) - bytes(true)).toBeLessThan(scales + zeros + 200);
  });

  it('goes through float32 for an operation without an int8 kernel', () => {
    const { model } = calibrated(({ x }) => ({ y: tf.tanh(tf.exp(tf.tanh(x as tf.Tensor))) }), {
      x: { shape: [4] },
    });
    const exp = model.operators.find((operator) => operator.op === 'EXP')!;
    expect(model.tensors[exp.inputs[0]!]?.type).toBe('FLOAT32');
    expect([count(model, 'QUANTIZE'), count(model, 'DEQUANTIZE')]).toEqual([2, 2]);
  });

  it('does not give the range of masked scores to the padding', () => {
    const { graph, calibration } = calibrated(
      ({ scores, mask }) => {
        const s = tf.tanh(scores as tf.Tensor);
        const off = tf.mul(tf.sub(1, mask as tf.Tensor), -1e9);
        return { y: tf.softmax(tf.add(tf.mul(s, mask as tf.Tensor), off)) };
      },
      { scores: { shape: [2, 6] }, mask: { shape: [1, 6] } },
      ['mask'],
    );
    const softmax = graph.nodes.find((node) => node.op === 'softmax')!;
    const parameters = planQuantization(graph, calibration).get(softmax.inputs[0]!)!;
    // Scores in [−1, 1] and 8 below: 10 / 255, not 10⁹ / 255.
    expect(parameters.scale[0]).toBeLessThan(0.04);
  });

  it('gives the steps of a recurrence one set of parameters, without requantising the state', () => {
    const units = 3;
    const w = tf.tidy(() => tf.mul(tf.eye(units), 0.7));
    const { model } = calibrated(
      ({ x, mask }) => {
        let h: tf.Tensor = tf.zeros([1, units]);
        for (let t = 0; t < 8; t++) {
          const step = tf.slice(x as tf.Tensor, [0, t, 0], [1, 1, units]).reshape([1, units]);
          const m = tf.slice(mask as tf.Tensor, [0, t], [1, 1]);
          const next = tf.sub(tf.add(step, tf.matMul(h, w as tf.Tensor2D)), 0.1);
          h = tf.add(tf.mul(next, m), tf.mul(h, tf.sub(1, m)));
        }
        return { y: h };
      },
      { x: { shape: [1, 8, units] }, mask: { shape: [1, 8] } },
      ['mask'],
    );
    expect(count(model, 'QUANTIZE')).toBeLessThanOrEqual(2);
    const scales = new Set(
      model.tensors.flatMap((t) => (t.type === 'INT8' ? [String(t.quantization?.scale)] : [])),
    );
    expect(scales.size).toBeLessThan(10);
  });

  it('says the oldest runtime that has per-row scales was tried', () => {
    const runtime = (w: number[][]): string =>
      calibrated(({ x }) => ({ y: tf.matMul(x as tf.Tensor2D, tf.tensor2d(w)) }), {
        x: { shape: [1, 2] },
      }).model.minRuntime;
    const [alike, apart] = [
      [
        [1, -1],
        [1, 1],
      ],
      [
        [1, 0.001],
        [1, 0.0004],
      ],
    ];
    expect(runtime(alike)).toBe('2.1.0');
    expect(runtime(apart)).toBe('2.14.0');
  });
});

describe('the float32 profile', () => {
  it('states the runtime that its newest operator needs', () => {
    const graph = (run: (x: tf.Tensor2D) => tf.Tensor): Graph =>
      record(({ x }) => ({ y: run(x as tf.Tensor2D) }), { x: { shape: [2, 3] } });
    const runtime = (run: (x: tf.Tensor2D) => tf.Tensor): string =>
      lowerToTflite(graph(run), { profile: 'float32' }).minRuntime;
    expect(runtime((x) => tf.relu(x))).toBe('1.5.0');
    expect(runtime((x) => tf.matMul(x, x, false, true))).toBe('2.3.0');
    expect(runtime((x) => tf.cumsum(x, 1))).toBe('2.4.0');
  });

  it('stores a weight that many nodes read once', () => {
    const w = tf.ones<tf.Rank.R2>([64, 64]);
    const graph = record(
      ({ x }) => {
        let y: tf.Tensor = x as tf.Tensor;
        for (let i = 0; i < 10; i++) y = tf.tanh(tf.matMul(y, w));
        return { y };
      },
      { x: { shape: [1, 64] } },
    );
    const bytes = toTflite(graph, { profile: 'float32' }).length;
    expect(bytes).toBeLessThan(64 * 64 * 4 + 4000);
  });
});

describe('the float16 profile', () => {
  const w = tf.tidy(() => tf.ones<tf.Rank.R2>([64, 64]));
  const graph = (): Graph =>
    record(({ x }) => ({ y: tf.add(tf.matMul(x as tf.Tensor2D, w), tf.ones([64])) }), {
      x: { shape: [1, 64] },
    });

  it('stores large constants in half the bytes and leaves small ones as they are', () => {
    const model = lowerToTflite(graph(), { profile: 'float16' });
    expect(model.operators.map(({ op, version }) => [op, version])).toEqual([
      ['DEQUANTIZE', 3],
      ['FULLY_CONNECTED', 1],
    ]);
    expect(
      model.tensors.filter(({ type }) => type === 'FLOAT16').map(({ shape }) => shape),
    ).toEqual([[64, 64]]);
    const bytes = (profile: 'float16' | 'float32'): number => toTflite(graph(), { profile }).length;
    expect(bytes('float32') - bytes('float16')).toBeGreaterThan(64 * 64 * 2 - 400);
  });

  it('never makes a file larger', () => {
    const small = record(({ x }) => ({ y: tf.add(x as tf.Tensor, [1, 2, 3]) }), {
      x: { shape: [3] },
    });
    expect(toTflite(small, { profile: 'float16' }).length).toBe(
      toTflite(small, { profile: 'float32' }).length,
    );
  });

  it('keeps numbers in float32 that a half cannot hold', () => {
    const fill = record(({ x }) => ({ y: tf.add(x as tf.Tensor, tf.fill([200], -1e9)) }), {
      x: { shape: [200] },
    });
    expect(count(lowerToTflite(fill, { profile: 'float16' }), 'DEQUANTIZE')).toBe(0);
  });
});

describe('the hybrid profile', () => {
  const table = tf.tidy(() => tf.range(0, 2000).reshape([200, 10]).sin());
  const w = tf.tidy(() => tf.range(0, 640).reshape([10, 64]).cos());
  const graph = (): Graph =>
    record(
      ({ ids }) => ({ y: tf.matMul(tf.gather(table, ids as tf.Tensor1D), w as tf.Tensor2D) }),
      { ids: { shape: [3], dtype: 'int32' } },
    );

  it('gathers rows in int8, and multiplies float32 with int8 weights of a scale per row', () => {
    const model = lowerToTflite(graph(), { profile: 'hybrid', smallest: 100 });
    expect(model.operators.map(({ op, version }) => [op, version])).toEqual([
      ['GATHER', 2],
      ['DEQUANTIZE', 2],
      ['FULLY_CONNECTED', 12],
    ]);
    const dense = model.operators[2]!;
    expect(dense.options).toMatchObject({ asymmetric: true });
    const types = dense.inputs.map((id) => model.tensors[id]?.type);
    expect(types).toEqual(['FLOAT32', 'INT8', 'FLOAT32']);
    expect(model.tensors[dense.inputs[1]!]?.quantization?.scale).toHaveLength(64);
    expect(model.minRuntime).toBe('2.17.0');
  });

  it('packs only what saves bytes: a scale costs 12 a row', () => {
    const narrow = record(({ x }) => ({ y: tf.matMul(x as tf.Tensor2D, tf.ones([3, 100])) }), {
      x: { shape: [1, 3] },
    });
    const [dense] = lowerToTflite(narrow, { profile: 'hybrid' }).operators;
    expect(dense?.version).toBe(1);
    const bytes = (profile: 'hybrid' | 'float32'): number => toTflite(graph(), { profile }).length;
    expect(bytes('hybrid')).toBeLessThan(0.45 * bytes('float32'));
  });

  it('runs on runtimes before 2.17 where no weights have rows of their own', () => {
    const one = record(({ x }) => ({ y: tf.matMul(x as tf.Tensor2D, tf.ones([300, 1])) }), {
      x: { shape: [2, 300] },
    });
    const model = lowerToTflite(one, { profile: 'hybrid' });
    expect([model.operators[0]?.version, model.minRuntime]).toEqual([9, '2.3.0']);
  });
});

describe('what TFLite cannot express', () => {
  const lower = (run: (inputs: NamedTensors) => NamedTensors, shape: number[]) => () =>
    toTflite(record(run, { x: { shape } }), { profile: 'float32' });

  it('is refused by the operation and its shapes', () => {
    const wide = [1, 2, 1, 2, 3];
    const broadcast = ({ x }: NamedTensors) => ({
      y: tf.add(x as tf.Tensor, tf.ones([2, 1, 1, 1, 1])),
    });
    expect(lower(broadcast, wide)).toThrow(/add of \[1,2,1,2,3\].*four|up to 4 dimensions/);
  });

  it('is refused when it is bool at the edge', () => {
    const test = ({ x }: NamedTensors) => ({ y: tf.greater(x as tf.Tensor, 0) });
    expect(lower(test, [2])).toThrow(/y is bool at the edge/);
  });
});
