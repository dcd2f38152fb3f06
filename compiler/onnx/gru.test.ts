import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import { type GruSizes, gruGraph } from '../testing/gru-subject.ts';
import { decodeModel } from './proto.ts';
import { toOnnx } from './write.ts';

const sizes: GruSizes = {
  ...{ batch: 1, steps: 4, width: 2, units: 3, seed: 1 },
  ...{ mask: 'choice', start: 'zeros' },
};

const nodes = (changed: Partial<GruSizes>) =>
  decodeModel(toOnnx(gruGraph({ ...sizes, ...changed }), { profile: 'float32' })).graph?.node ?? [];
const operators = (changed: Partial<GruSizes>) => nodes(changed).map((node) => node.opType);

beforeAll(async () => {
  await tf.setBackend('cpu');
});

describe('a recurrence in ONNX', () => {
  it('is one GRU of any length, with the mask as a column of its input', () => {
    const masked = ['Sub', 'Unsqueeze', 'Concat', 'Reshape', 'GRU', 'Reshape'];
    expect(operators({})).toEqual(masked);
    expect(operators({ steps: 40 })).toEqual(masked);
    expect(operators({ mask: 'none' })).toEqual(['Reshape', 'GRU', 'Reshape']);
  });

  it('is all its steps, without that operator, when asked', () => {
    const file = toOnnx(gruGraph(sizes), { profile: 'float32', recurrence: 'unrolled' });
    const written = decodeModel(file).graph?.node?.map((node) => node.opType) ?? [];
    expect(written).not.toContain('GRU');
    expect(written.filter((op) => op === 'Tanh')).toHaveLength(sizes.steps);
  });

  it('moves the axis of the steps to the front only when there is more than one row', () => {
    const rows = ['Transpose', 'GRU', 'Squeeze', 'Transpose'];
    expect(operators({ batch: 2, mask: 'none' })).toEqual(rows);
  });

  it('leaves a first state of zeros out, and the optional lengths', () => {
    const inputs = (start: GruSizes['start']) =>
      nodes({ start }).find((node) => node.opType === 'GRU')?.input ?? [];
    expect(inputs('zeros')).toHaveLength(4);
    expect([inputs('input').length, inputs('input')[4]]).toEqual([6, '']);
  });

  it('is written step by step where a mask blends', () => {
    expect(operators({ mask: 'blend' })).not.toContain('GRU');
  });
});
