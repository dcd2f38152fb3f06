import { describe, expect, it } from 'vitest';
import { lintOnnx } from './lint.ts';
import {
  encodeModel,
  type ModelParts,
  type NodeProto,
  nodeProto,
  type TensorProto,
  tensorProto,
  valueInfo,
} from './proto.ts';

const scale = (name: string, ...values: number[]): TensorProto =>
  tensorProto(name, 'float32', values.length > 1 ? [values.length] : [], Float32Array.from(values));
const zero = (name: string, ...values: number[]): TensorProto =>
  tensorProto(name, 'int8', values.length > 1 ? [values.length] : [], Int8Array.from(values));

/** x → int8 → transposed → Gemm with a scale per row and an int32 bias → int8 → y. */
const nodes = {
  quantise: nodeProto('QuantizeLinear', ['x', 'xs', 'xz'], ['xq']),
  move: nodeProto('Transpose', ['xq'], ['xt'], { perm: [1, 0] }),
  input: nodeProto('DequantizeLinear', ['xt', 'xs', 'xz'], ['xd']),
  weights: nodeProto('DequantizeLinear', ['w', 'ws', 'wz'], ['wd'], { axis: 0 }),
  bias: nodeProto('DequantizeLinear', ['b', 'bs'], ['bd'], { axis: 0 }),
  product: nodeProto('Gemm', ['xd', 'wd', 'bd'], ['g'], { transB: 1 }),
  round: nodeProto('QuantizeLinear', ['g', 'ys', 'xz'], ['gq']),
  output: nodeProto('DequantizeLinear', ['gq', 'ys', 'xz'], ['y']),
};
const tensors = {
  xs: scale('xs', 0.5),
  xz: zero('xz', -128),
  w: tensorProto('w', 'int8', [2, 3], Int8Array.of(1, 2, 3, 4, 5, 6)),
  ws: scale('ws', 0.25, 0.5),
  wz: zero('wz', 0, 0),
  b: tensorProto('b', 'int32', [2], Int32Array.of(1, 2)),
  bs: scale('bs', 0.125, 0.25),
  ys: scale('ys', 2),
};

function rules(
  change: {
    nodes?: Partial<Record<keyof typeof nodes, NodeProto>>;
    tensors?: Partial<Record<keyof typeof tensors, TensorProto>>;
  } = {},
): string[] {
  const model: ModelParts = {
    name: 'int8',
    nodes: Object.values({ ...nodes, ...change.nodes }),
    initializers: Object.values({ ...tensors, ...change.tensors }),
    inputs: [valueInfo('x', 'float32', [3, 2])],
    outputs: [valueInfo('y', 'float32', [2, 2])],
    metadata: {},
  };
  return [...new Set(lintOnnx(encodeModel(model)).map((finding) => finding.rule))];
}

describe('the int8 rules', () => {
  it('find nothing in a clean file', () => {
    expect(rules()).toEqual([]);
  });

  it.each<[string, Parameters<typeof rules>[0]]>([
    ['a scale that is not positive', { tensors: { xs: scale('xs', 0) } }],
    [
      'a scale that is not a constant',
      { nodes: { round: nodeProto('QuantizeLinear', ['g', 'x', 'xz'], ['gq']) } },
    ],
    [
      'scales that are not one a row',
      { tensors: { ws: scale('ws', 1, 1, 1), wz: zero('wz', 0, 0, 0) } },
    ],
    ['rows with a zero point', { tensors: { wz: zero('wz', 0, 1) } }],
    ['fewer zero points than scales', { tensors: { wz: zero('wz', 0) } }],
    [
      'a zero point of another type',
      { tensors: { wz: tensorProto('wz', 'uint8', [2], Uint8Array.of(0, 0)) } },
    ],
    [
      'a missing zero point',
      { nodes: { round: nodeProto('QuantizeLinear', ['g', 'ys'], ['gq']) } },
    ],
  ])('catch %s', (_, change) => {
    expect(rules(change)).toContain('quantization-parameters');
  });

  it('catch a tensor that is read in other parameters than it was written in', () => {
    const output = nodeProto('DequantizeLinear', ['gq', 'xs', 'xz'], ['y']);
    expect(rules({ nodes: { output } })).toContain('same-parameters');
    const moved = nodeProto('DequantizeLinear', ['xt', 'ys', 'xz'], ['xd']);
    expect(rules({ nodes: { input: moved } })).toContain('same-parameters');
  });

  it('catch a concatenation of tensors in different parameters', () => {
    const output = nodeProto('Concat', ['xq', 'gq'], ['y'], { axis: 0 });
    expect(rules({ nodes: { output } })).toContain('same-parameters');
  });

  it('catch int8 that an operator of float32 reads', () => {
    const move = nodeProto('Sigmoid', ['xq'], ['xt']);
    expect(rules({ nodes: { move } })).toContain('mixed-types');
  });

  it('catch a bias whose scale is not the product of the other two', () => {
    expect(rules({ tensors: { bs: scale('bs', 0.125, 0.5) } })).toContain('bias-scale');
  });
});
