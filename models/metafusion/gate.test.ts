import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import { useBackend } from '../engine/backend.ts';
import { fitNormalisation, type GateConfig, gateInit, gateInput, gates } from './gate.ts';

const config: GateConfig = {
  statistics: ['variance', 'days'],
  mean: [1, 10],
  std: [2, 5],
  cohorts: ['cohort-0', 'cohort-1'],
  layers: ['head/0', 'head/out', 'attention/exposure/query'],
  hidden: 2,
};

describe('gate', () => {
  beforeAll(() => useBackend('cpu'));

  it('normalises the statistics, clips them and appends the cohort', () => {
    expect(gateInput(config, [3, 5], 1)).toEqual([1, -1, 0, 1]);
    expect(gateInput(config, [1000, -1000], 0)).toEqual([3, -3, 1, 0]);
    expect(gateInput(config, [Number.NaN, 10], 0)).toEqual([0, 0, 1, 0]);
  });

  it('fits mean and population deviation, and leaves a constant alone', () => {
    const { mean, std } = fitNormalisation([
      [1, 7],
      [3, 7],
    ]);
    expect(mean).toEqual([2, 7]);
    expect(std).toEqual([1, 1]);
  });

  it('starts at one half for every layer and user', () => {
    const z = tf.tensor2d([gateInput(config, [3, 5], 1), gateInput(config, [0, 0], 0)]);
    expect([...gates(gateInit(config, 1), z).dataSync()]).toEqual(Array(6).fill(0.5));
  });

  it('computes each layer from its own hidden units', () => {
    // Hidden units 2 and 3 belong to layer 1: only its gate moves.
    const weights = {
      'gate/hidden/kernel': tf.zeros([4, 6]),
      'gate/hidden/bias': tf.tensor1d([0, 0, 1, 2, 0, 0]),
      'gate/out/kernel': tf.tensor2d([
        [5, 5],
        [1, -2],
        [5, 5],
      ]),
      'gate/out/bias': tf.tensor1d([0, 0.25, 0]),
    };
    const out = gates(weights, tf.zeros([1, 4])).dataSync();
    const score = Math.tanh(1) - 2 * Math.tanh(2) + 0.25;
    expect(out[0]).toBe(0.5);
    expect(out[1]).toBeCloseTo(1 / (1 + Math.exp(-score)), 6);
    expect(out[2]).toBe(0.5);
  });
});
