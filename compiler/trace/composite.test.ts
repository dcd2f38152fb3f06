import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import { countOperations, printGraph } from '../graph/print.ts';
import { composite } from './composite.ts';
import { type NamedTensors, record } from './record.ts';

const [width, units] = [2, 1];
const weights = {
  'gru/gates/kernel': tf.ones([width + units, 2 * units]),
  'gru/gates/bias': tf.ones([2 * units]),
  'gru/state/kernel': tf.ones([width + units, units]),
  'gru/state/bias': tf.ones([units]),
};

/** The fallback is no GRU, which tells apart who ran. */
const layer = (x: tf.Tensor, kernels: tf.Tensor[] = Object.values(weights)): tf.Tensor =>
  composite('gru', [x, tf.zeros([1, units]), ...kernels], { mask: 'none' }, () =>
    tf.exp(tf.sum(x, 2, true)),
  );

const sequence = { x: { shape: [1, 3, width] } };
const one = ({ x }: NamedTensors) => ({ states: layer(x as tf.Tensor) });

beforeAll(async () => {
  await tf.setBackend('cpu');
});

describe('composite', () => {
  it('computes the fallback outside a recording', () => {
    expect(layer(tf.zeros([1, 3, width])).dataSync()).toEqual(Float32Array.of(1, 1, 1));
  });

  it('is differentiated like its fallback', () => {
    const gradient = tf.grad((x) => tf.sum(layer(x)))(tf.zeros([1, 1, width]));
    expect(Array.from(gradient.dataSync())).toEqual([1, 1]);
  });

  it('is one operation of the graph, with its weights by name', () => {
    const graph = record(one, sequence, { weights });
    expect(countOperations(graph)).toEqual({ gru: 1 });
    expect(graph.values.map((value) => value.name)).toEqual(
      expect.arrayContaining(['gru/gates/kernel', 'gru/state/kernel']),
    );
    expect(printGraph(graph)).toMatch(/states: float32\[1,3,1\] = gru\(x, .*mask: "none"/);
  });

  it('is followed by what is computed from its result', () => {
    const graph = record(({ x }) => ({ y: tf.relu(layer(x as tf.Tensor)) }), sequence);
    expect(printGraph(graph)).toMatch(/(t\d+): .* = gru\(.*\n {2}y: .* = relu\(\1\)/);
  });

  it('is recorded by its kernels when a weight depends on an input', () => {
    const run = ({ x, bias }: NamedTensors) => {
      const [gates, gatesBias, state] = Object.values(weights);
      return { states: layer(x as tf.Tensor, [gates!, gatesBias!, state!, bias!]) };
    };
    const graph = record(run, { ...sequence, bias: { shape: [units] } });
    expect(countOperations(graph)).toMatchObject({ exp: 1, sum: 1 });
    expect(countOperations(graph)).not.toHaveProperty('gru');
  });

  it('is a constant when nothing in it depends on an input', () => {
    const run = ({ x }: NamedTensors) => ({
      y: tf.add(x!, tf.sum(layer(tf.zeros([1, 3, width])))),
    });
    const graph = record(run, { x: { shape: [1] } });
    expect(printGraph(graph)).toContain('add(x, 3)');
  });

  it('refuses a fallback whose result has another shape than the operation', () => {
    const run = ({ x }: NamedTensors) => {
      const operands = [x!, tf.zeros([1, units]), ...Object.values(weights)];
      return { y: composite('gru', operands, { mask: 'none' }, () => tf.exp(x!)) };
    };
    expect(() => record(run, sequence)).toThrow(/gru: recorded float32\[1,3,1\], tfjs made/);
  });

  it('refuses a fallback that hands out one of its inputs', () => {
    const run = ({ x }: NamedTensors) => {
      const operands = [x!, tf.zeros([1, units]), ...Object.values(weights)];
      return { y: composite('gru', operands, { mask: 'none' }, () => tf.reshape(x!, [1, 6, 1])) };
    };
    expect(() => record(run, sequence)).toThrow(/gru: the fallback returned a tensor/);
  });

  it('sees kernels again after a fallback that threw', () => {
    const run = ({ x }: NamedTensors) => {
      const operands = [x!, tf.zeros([1, units]), ...Object.values(weights)];
      try {
        composite('gru', operands, { mask: 'none' }, () => {
          throw new Error('broken');
        });
      } catch {
        // What follows must be recorded all the same.
      }
      return { y: tf.exp(x!) };
    };
    expect(countOperations(record(run, sequence))).toEqual({ exp: 1 });
  });
});
