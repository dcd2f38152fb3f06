import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import { Random } from '../../lib/random.ts';
import { useBackend } from '../engine/backend.ts';
import { availableBackends } from '../engine/test-backends.ts';
import { deltaWeights, fuse, fusedLayers, layerOf, splitWeights } from './fused-weights.ts';

const backends = await availableBackends();

/** Two fused layers, a table and a GRU; every value of the tuned copy differs. */
function pair() {
  const random = Random.of(1, 'pair');
  const draw = (...shape: number[]) => {
    const size = shape.reduce((a, b) => a * b, 1);
    return tf.tensor(
      Array.from({ length: size }, () => random.normal()),
      shape,
    );
  };
  const one = () => ({
    'embedding/item': draw(4, 2),
    'exposure/item/0/gates/kernel': draw(3, 2),
    'attention/exposure/query/kernel': draw(2, 3),
    'head/0/kernel': draw(3, 2),
    'head/0/bias': draw(2),
  });
  return { meta: one(), tuned: one() };
}

describe('fused weights', () => {
  beforeAll(() => useBackend(backends[0]!));

  it('are the attentions and the head, one layer per kernel and its bias', () => {
    const { meta } = pair();
    expect(fusedLayers(Object.keys(meta))).toEqual(['attention/exposure/query', 'head/0']);
    expect(layerOf('head/0/bias')).toBe('head/0');
    expect(Object.keys(splitWeights(meta).frozen)).toEqual([
      'embedding/item',
      'exposure/item/0/gates/kernel',
    ]);
  });

  it.each([
    [0, 'the meta model', 'meta'],
    [1, 'the fine-tuned model', 'tuned'],
  ] as const)('with every gate %d are those of %s', (gate, _, which) => {
    const both = pair();
    const delta = deltaWeights(both.meta, both.tuned);
    const layers = fusedLayers(Object.keys(both.meta));
    const fused = fuse(both.meta, delta, layers, tf.fill([2], gate));
    for (const name of Object.keys(delta)) {
      const expected = both[which][name as 'head/0/kernel'].dataSync();
      // W_m + 0·ΔW is W_m to the bit; W_m + (W_p − W_m) may round once.
      fused[name]!.dataSync().forEach((value, i) => {
        expect(Math.abs(value - expected[i]!)).toBeLessThanOrEqual(gate === 0 ? 0 : 3e-7);
      });
    }
    expect(fused['embedding/item']).toBe(both.meta['embedding/item']);
  });

  it('move each layer by its own gate', () => {
    const { meta, tuned } = pair();
    const delta = deltaWeights(meta, tuned);
    const layers = fusedLayers(Object.keys(meta));
    const fused = fuse(meta, delta, layers, tf.tensor1d([0, 0.5]));
    expect([...fused['attention/exposure/query/kernel']!.dataSync()]).toEqual([
      ...meta['attention/exposure/query/kernel'].dataSync(),
    ]);
    const bias = [meta, tuned].map((weights) => weights['head/0/bias'].dataSync());
    expect(fused['head/0/bias']!.dataSync()[0]).toBeCloseTo((bias[0]![0]! + bias[1]![0]!) / 2, 6);
  });
});
