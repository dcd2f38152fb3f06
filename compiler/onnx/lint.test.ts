import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import { record } from '../trace/record.ts';
import { lintOnnx } from './lint.ts';
import {
  decodeModel,
  encodeModel,
  type ModelParts,
  nodeProto,
  tensorProto,
  valueInfo,
} from './proto.ts';
import { toOnnx } from './write.ts';

const clean: ModelParts = {
  name: 'clean',
  nodes: [nodeProto('Add', ['x', 'one'], ['y'])],
  initializers: [tensorProto('one', 'float32', [], Float32Array.of(1))],
  inputs: [valueInfo('x', 'float32', [2])],
  outputs: [valueInfo('y', 'float32', [2])],
  metadata: {},
};

const rules = (parts: Partial<ModelParts>): string[] =>
  lintOnnx(encodeModel({ ...clean, ...parts })).map((finding) => finding.rule);

beforeAll(async () => {
  await tf.setBackend('cpu');
});

describe('lintOnnx', () => {
  it('finds nothing in a clean file', () => {
    expect(rules({})).toEqual([]);
  });

  it('catches a name that is read before it is made, or never', () => {
    expect(rules({ nodes: [nodeProto('Add', ['x', 'two'], ['y'])] })).toContain('dangling-name');
    expect(rules({ outputs: [valueInfo('z', 'float32', [2])] })).toContain('dangling-name');
  });

  it('catches an initializer that nobody reads', () => {
    const spare = tensorProto('spare', 'float32', [1], Float32Array.of(0));
    expect(rules({ initializers: [...clean.initializers, spare] })).toContain('dangling-name');
  });

  it('catches a name that is made twice', () => {
    expect(rules({ nodes: [...clean.nodes, ...clean.nodes] })).toContain('names');
  });

  it('catches data that does not fill its tensor', () => {
    const short = tensorProto('one', 'float32', [3], Float32Array.of(1));
    expect(rules({ initializers: [short] })).toContain('tensor-size');
  });

  it('catches a port without a fixed shape', () => {
    expect(rules({ inputs: [valueInfo('x', 'float32', [0])] })).toContain('port-type');
  });

  it('refuses what is not ONNX', () => {
    expect(() => lintOnnx(Uint8Array.of(255, 255, 255, 255))).toThrow(/not ONNX/);
  });
});

describe('toOnnx', () => {
  const graph = () =>
    record(({ x }) => ({ y: tf.relu(tf.add(x as tf.Tensor, 1)) }), { x: { shape: [2] } });

  it('keeps the names and states IR 8, opset 17 and the metadata', () => {
    const model = decodeModel(
      toOnnx(graph(), { profile: 'float32', metadata: { release: 'today' } }),
    );
    expect([Number(model.irVersion), Number(model.opsetImport?.[0]?.version)]).toEqual([8, 17]);
    expect(model.graph?.input?.map((port) => port.name)).toEqual(['x']);
    expect(model.graph?.output?.map((port) => port.name)).toEqual(['y']);
    expect(model.metadataProps).toMatchObject([{ key: 'release', value: 'today' }]);
  });

  it('gives equal bytes for equal graphs', () => {
    expect(toOnnx(graph(), { profile: 'float32' })).toEqual(
      toOnnx(graph(), { profile: 'float32' }),
    );
  });
});
