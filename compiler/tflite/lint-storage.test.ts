import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import { record } from '../trace/record.ts';
import { writeModel } from './flatbuffer.ts';
import { lintTflite } from './lint.ts';
import type { TfliteModel, TfliteOperator, TfliteTensor } from './model.ts';
import type { OperatorName } from './schema.ts';
import { lowerToTflite } from './write.ts';

/** A dense layer over rows of a table, with constants of every storage. */
function sample(profile: 'float16' | 'hybrid'): TfliteModel {
  const ramp = (n: number): number[] => Array.from({ length: n }, (_, i) => Math.sin(i));
  const table = tf.tensor2d(ramp(60), [15, 4]);
  const w = tf.tensor2d(ramp(8), [4, 2]);
  const graph = record(
    ({ ids }) => ({
      y: tf.relu(tf.add(tf.matMul(tf.gather(table, ids as tf.Tensor1D), w), [0.5, -0.5])),
    }),
    { ids: { shape: [3], dtype: 'int32' } },
  );
  return lowerToTflite(graph, { profile, smallest: 2 });
}

const rules = (model: TfliteModel): string[] => [
  ...new Set(lintTflite(writeModel(model)).map((finding) => finding.rule)),
];

const operatorOf = (model: TfliteModel, op: OperatorName): TfliteOperator =>
  model.operators.find((each) => each.op === op)!;

function withOperator(
  model: TfliteModel,
  op: OperatorName,
  change: Partial<TfliteOperator>,
): TfliteModel {
  const index = model.operators.indexOf(operatorOf(model, op));
  return {
    ...model,
    operators: model.operators.with(index, { ...model.operators[index]!, ...change }),
  };
}

function withTensor(model: TfliteModel, index: number, change: Partial<TfliteTensor>): TfliteModel {
  return { ...model, tensors: model.tensors.with(index, { ...model.tensors[index]!, ...change }) };
}

const input = (model: TfliteModel, op: OperatorName, i: number): number =>
  operatorOf(model, op).inputs[i]!;

let half: TfliteModel;
let hybrid: TfliteModel;

beforeAll(async () => {
  await tf.setBackend('cpu');
  half = sample('float16');
  hybrid = sample('hybrid');
});

describe('the storage rules', () => {
  it('find nothing in what the writer makes', () => {
    expect([rules(half), rules(hybrid)]).toEqual([[], []]);
  });

  it('catch a half that is infinite', () => {
    const stored = input(half, 'DEQUANTIZE', 0);
    const data = new Uint8Array(half.tensors[stored]!.data!);
    new DataView(data.buffer).setUint16(2, 0x7c00, true);
    expect(rules(withTensor(half, stored, { data }))).toEqual(['float16']);
  });

  it('catch float16 that is read or computed without a DEQUANTIZE', () => {
    const stored = input(half, 'DEQUANTIZE', 0);
    const [, ids] = operatorOf(half, 'GATHER').inputs;
    expect(rules(withOperator(half, 'GATHER', { inputs: [stored, ids!] }))).toContain('float16');
    const rows = operatorOf(half, 'GATHER').outputs[0]!;
    expect(rules(withTensor(half, rows, { type: 'FLOAT16' }))).toContain('float16');
  });

  it('catch a version of DEQUANTIZE that does not know float16', () => {
    expect(rules(withOperator(half, 'DEQUANTIZE', { version: 2 }))).toContain('operator-version');
  });

  it('catch int8 that an operator of float32 reads', () => {
    const [result] = operatorOf(hybrid, 'DEQUANTIZE').outputs;
    expect(rules(withOperator(hybrid, 'GATHER', { outputs: [result!] }))).toContain('mixed-types');
  });

  it('catch hybrid weights below version 12, or in a file for older runtimes', () => {
    expect(rules(withOperator(hybrid, 'FULLY_CONNECTED', { version: 9 }))).toContain(
      'operator-version',
    );
    expect(hybrid.minRuntime).toBe('2.17.0');
    expect(rules({ ...hybrid, minRuntime: '2.16.0' })).toContain('min-runtime');
  });

  it.each<[string, (model: TfliteModel) => TfliteModel]>([
    [
      'weights that are not constant',
      (model) =>
        withTensor(model, input(model, 'FULLY_CONNECTED', 1), { data: undefined as never }),
    ],
    [
      'weights with a zero point',
      (model) =>
        withTensor(model, input(model, 'FULLY_CONNECTED', 1), {
          quantization: { scale: [0.1, 0.1], zeroPoint: [0, 3], axis: 0 },
        }),
    ],
    [
      'weights with scales along the wrong axis',
      (model) =>
        withTensor(model, input(model, 'FULLY_CONNECTED', 1), {
          quantization: { scale: [1, 1, 1, 1], zeroPoint: [0, 0, 0, 0], axis: 1 },
        }),
    ],
    [
      'a bias that is not float32',
      (model) => withTensor(model, input(model, 'FULLY_CONNECTED', 2), { type: 'INT32' }),
    ],
    [
      'inputs that are quantised symmetrically',
      (model) => withOperator(model, 'FULLY_CONNECTED', { options: { asymmetric: false } }),
    ],
  ])('catch %s', (_, broken) => {
    expect(rules(broken(hybrid))).toContain('hybrid');
  });
});
