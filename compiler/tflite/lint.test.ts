import * as tf from '@tensorflow/tfjs';
import { Builder } from 'flatbuffers';
import { beforeAll, describe, expect, it } from 'vitest';
import { calibrate } from '../graph/calibrate.ts';
import { record } from '../trace/record.ts';
import { writeModel } from './flatbuffer.ts';
import { lintTflite } from './lint.ts';
import type { TfliteModel, TfliteOperator, TfliteTensor } from './model.ts';
import { readModel } from './read.ts';
import type { OperatorName } from './schema.ts';
import { lowerToTflite } from './write.ts';

/** Every kind of operator that a rule looks at, in int8. */
function sample(profile: 'int8' | 'float32'): TfliteModel {
  const w = tf.tensor2d([1, -2, 3, 4, 5, -6, 7, 8], [4, 2]);
  const graph = record(
    ({ x, y }) => {
      const h = tf.sigmoid(tf.add(tf.matMul(x as tf.Tensor2D, w), [0.5, -0.5]));
      const c = tf.concat([h, y as tf.Tensor], 1);
      const s = tf.softmax(tf.transpose(tf.mul(c, c)));
      return { out: tf.tanh(tf.sum(s, 0)), moved: tf.reshape(c, [-1]) };
    },
    { x: { shape: [3, 4] }, y: { shape: [3, 2] } },
  );
  if (profile === 'float32') return lowerToTflite(graph, { profile });
  const row = (n: number): Float32Array => Float32Array.from({ length: n }, (_, i) => i / 4 - 1);
  const calibration = calibrate(graph, [{ x: row(12), y: row(6) }]);
  return lowerToTflite(graph, { profile, calibration });
}

const rules = (model: TfliteModel): string[] => [
  ...new Set(lintTflite(writeModel(model)).map((finding) => finding.rule)),
];

function withOperator(
  model: TfliteModel,
  op: OperatorName,
  change: (operator: TfliteOperator) => Partial<TfliteOperator>,
): TfliteModel {
  const index = model.operators.findIndex((operator) => operator.op === op);
  const operator = model.operators[index]!;
  return { ...model, operators: model.operators.with(index, { ...operator, ...change(operator) }) };
}

function withTensor(
  model: TfliteModel,
  index: number,
  change: (tensor: TfliteTensor) => Partial<TfliteTensor>,
): TfliteModel {
  const tensor = model.tensors[index]!;
  return { ...model, tensors: model.tensors.with(index, { ...tensor, ...change(tensor) }) };
}

/** The tensor that the first such operator writes (or reads, counted from 0). */
function tensorOf(model: TfliteModel, op: OperatorName, input?: number): number {
  const operator = model.operators.find((each) => each.op === op)!;
  return (input === undefined ? operator.outputs[0] : operator.inputs[input])!;
}

const coarser = ({ quantization }: TfliteTensor): Partial<TfliteTensor> => ({
  quantization: { ...quantization!, scale: quantization!.scale.map((s) => s * 2) },
});

let int8: TfliteModel;

beforeAll(async () => {
  await tf.setBackend('cpu');
  int8 = sample('int8');
});

describe('lintTflite', () => {
  it('finds nothing in what the writer makes', () => {
    expect(rules(int8)).toEqual([]);
    expect(rules(sample('float32'))).toEqual([]);
  });

  it('catches an operator version that is too low', () => {
    const model = withOperator(int8, 'FULLY_CONNECTED', () => ({ version: 1 }));
    expect(rules(model)).toContain('operator-version');
  });

  it('catches an operator version that nobody knows', () => {
    const model = withOperator(int8, 'SOFTMAX', () => ({ version: 99 }));
    expect(rules(model)).toContain('operator-version');
  });

  it('catches a product with a scale ratio above one that is not version 3', () => {
    const target = tensorOf(int8, 'MUL');
    const model = withTensor(int8, target, ({ quantization }) => ({
      quantization: { ...quantization!, scale: [1e-6] },
    }));
    expect(rules(model)).toContain('operator-version');
  });

  it('catches a minimum runtime that is older than the operators', () => {
    expect(rules({ ...int8, minRuntime: '1.5.0' })).toContain('min-runtime');
    expect(rules({ ...int8, minRuntime: 'soon' })).toContain('min-runtime');
  });

  it('catches int8 without parameters', () => {
    const model = withTensor(int8, tensorOf(int8, 'FULLY_CONNECTED'), (tensor) => {
      const { quantization: _, ...bare } = tensor;
      return { ...bare, quantization: undefined as never };
    });
    expect(rules(model)).toContain('quantization-parameters');
  });

  it('catches parameters that int8 cannot have', () => {
    const target = tensorOf(int8, 'FULLY_CONNECTED');
    const broken = [
      { scale: [0.1, 0.1], zeroPoint: [0], axis: 0 },
      { scale: [0], zeroPoint: [0], axis: 0 },
      { scale: [0.1], zeroPoint: [200], axis: 0 },
      { scale: [0.1, 0.1, 0.1], zeroPoint: [0, 0, 1], axis: 0 },
      { scale: [0.1, 0.1], zeroPoint: [0, 0], axis: 0 },
    ];
    for (const quantization of broken) {
      expect(rules(withTensor(int8, target, () => ({ quantization })))).toContain(
        'quantization-parameters',
      );
    }
  });

  it('catches a bias whose scale is not the product of the other two', () => {
    const bias = tensorOf(int8, 'FULLY_CONNECTED', 2);
    expect(rules(withTensor(int8, bias, coarser))).toContain('bias-scale');
  });

  it.each(['SOFTMAX', 'LOGISTIC', 'TANH'] as const)('catches a free output scale of %s', (op) => {
    expect(rules(withTensor(int8, tensorOf(int8, op), coarser))).toContain('fixed-output');
  });

  it.each(['CONCATENATION', 'TRANSPOSE', 'RESHAPE'] as const)(
    'catches parameters that change in %s',
    (op) => {
      expect(rules(withTensor(int8, tensorOf(int8, op), coarser))).toContain('same-parameters');
    },
  );

  it('catches a sum that keeps its parameters', () => {
    const target = tensorOf(int8, 'SUM');
    const source = int8.tensors[tensorOf(int8, 'SUM', 0)]!;
    const model = withTensor(int8, target, () => ({ quantization: source.quantization! }));
    expect(rules(model)).toContain('sum-rescales');
  });

  it('catches float32 fed to an int8 operator', () => {
    const model = withOperator(int8, 'FULLY_CONNECTED', ({ inputs }) => ({
      inputs: inputs.with(0, int8.inputs[0]!.tensor),
    }));
    expect(rules(model)).toContain('mixed-types');
  });

  it('catches data that does not fill its tensor', () => {
    const weights = tensorOf(int8, 'FULLY_CONNECTED', 1);
    const model = withTensor(int8, weights, ({ data }) => ({ data: data!.subarray(1) }));
    expect(rules(model)).toContain('buffer-size');
  });

  it('catches tensors that are read before they are made, or never used', () => {
    const swapped = { ...int8, operators: int8.operators.toReversed() };
    expect(rules(swapped)).toContain('dangling-tensor');
    const spare: TfliteTensor = { name: 'spare', shape: [1], type: 'FLOAT32' };
    expect(rules({ ...int8, tensors: [...int8.tensors, spare] })).toContain('dangling-tensor');
    const nowhere = withOperator(int8, 'SOFTMAX', () => ({ inputs: [999] }));
    expect(rules(nowhere)).toContain('dangling-tensor');
  });

  it('catches a signature whose names are not those of the tensors', () => {
    const inputs = [{ ...int8.inputs[0]!, name: 'renamed' }, ...int8.inputs.slice(1)];
    expect(rules({ ...int8, inputs })).toContain('port-name');
  });

  it('catches every place of a file that is moved off its alignment', () => {
    const file = writeModel(int8);
    // Four bytes more in front of everything but the root offset: the file still parses.
    const moved = new Uint8Array(file.length + 4);
    moved.set(file.subarray(0, 8), 0);
    moved.set(file.subarray(8), 12);
    const view = new DataView(moved.buffer);
    view.setUint32(0, view.getUint32(0, true) + 4, true);
    expect(lintTflite(moved).map((finding) => finding.rule)).toContain('buffer-alignment');
  });

  it('catches missing signatures, a filled buffer 0 and another schema version', () => {
    const b = new Builder(64);
    const data = b.createByteVector(Uint8Array.of(1, 2, 3));
    b.startObject(1);
    b.addFieldOffset(0, data, 0);
    const buffer = b.endObject();
    b.startVector(4, 1, 4);
    b.addOffset(buffer);
    const buffers = b.endVector();
    b.startObject(5);
    const subgraph = b.endObject();
    b.startVector(4, 1, 4);
    b.addOffset(subgraph);
    const subgraphs = b.endVector();
    b.startObject(8);
    b.addFieldInt32(0, 2, 0);
    b.addFieldOffset(2, subgraphs, 0);
    b.addFieldOffset(4, buffers, 0);
    b.finish(b.endObject(), 'TFL3');
    const found = lintTflite(b.asUint8Array().slice()).map((finding) => finding.rule);
    expect(found).toEqual(
      expect.arrayContaining(['signature', 'buffer-0', 'schema-version', 'min-runtime']),
    );
  });

  it('refuses what is not TFLite, and what is cut off', () => {
    expect(() => lintTflite(new Uint8Array(100))).toThrow(/identifier TFL3/);
    expect(() => lintTflite(writeModel(int8).subarray(0, 400))).toThrow(/cut off or damaged/);
  });
});

describe('readModel', () => {
  it('reads back what was written', () => {
    const model = readModel(writeModel(int8));
    expect(model.tensors).toHaveLength(int8.tensors.length);
    expect(model.operators.map((operator) => operator.inputs)).toEqual(
      int8.operators.map((operator) => operator.inputs),
    );
    expect(model.signatures[0]).toEqual({
      key: 'serving_default',
      inputs: int8.inputs,
      outputs: int8.outputs,
    });
    expect(model.buffers.filter(({ data }) => data.length > 0).length).toBeGreaterThan(3);
  });
});

describe('writeModel', () => {
  it('gives equal bytes for equal models', () => {
    expect(writeModel(sample('int8'))).toEqual(writeModel(sample('int8')));
  });
});
