import * as tf from '@tensorflow/tfjs';
import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import { countOperations, printGraph, record } from '../../compiler/index.ts';
import { Random } from '../../lib/random.ts';
import { useBackend } from '../engine/backend.ts';
import { availableBackends } from '../engine/test-backends.ts';
import type { Tensors } from '../engine/types.ts';
import {
  type GruWeights,
  gru,
  gruCell,
  gruInit,
  gruWeights,
  plainGru,
  stackedGru,
  stackedGruCell,
  stackedGruInit,
} from './gru.ts';

const backends = await availableBackends();

function randomTensor(shape: number[], random: Random): tf.Tensor {
  const size = shape.reduce((a, b) => a * b, 1);
  return tf.tensor(
    Float32Array.from({ length: size }, () => random.normal(0, 0.7)),
    shape,
  );
}

/** Masks with gaps and empty rows, not only right padding. */
function randomMask(batch: number, steps: number, random: Random): tf.Tensor2D {
  return tf.tensor2d(
    Float32Array.from({ length: batch * steps }, () => (random.chance(0.6) ? 1 : 0)),
    [batch, steps],
  );
}

/** The same unit written step by step from the formula, differentiated by tfjs. */
function composed(x: tf.Tensor3D, mask: tf.Tensor2D, w: GruWeights, h0: tf.Tensor2D): tf.Tensor3D {
  let h = h0;
  const states: tf.Tensor2D[] = [];
  const [batch, steps, inputs] = x.shape;
  for (let t = 0; t < steps; t++) {
    const xt = tf.slice(x, [0, t, 0], [batch, 1, inputs]).reshape<tf.Tensor2D>([batch, inputs]);
    const gates = tf.sigmoid(
      tf.add(tf.matMul(tf.concat([xt, h], 1) as tf.Tensor2D, w.gatesKernel), w.gatesBias),
    );
    const [r, u] = tf.split(gates, 2, 1) as [tf.Tensor2D, tf.Tensor2D];
    const c = tf.tanh(
      tf.add(
        tf.matMul(tf.concat([xt, tf.mul(r, h)], 1) as tf.Tensor2D, w.stateKernel),
        w.stateBias,
      ),
    );
    const next = tf.add(tf.mul(u, h), tf.mul(tf.sub(1, u), c));
    const m = tf.slice(mask, [0, t], [-1, 1]);
    h = tf.where(tf.cast(m, 'bool'), next, h) as tf.Tensor2D;
    states.push(h);
  }
  return tf.stack(states, 1) as tf.Tensor3D;
}

type Gru = typeof composed;

/** States and the gradients of Σ states·direction with respect to every input, as plain numbers. */
function valuesAndGradients(
  run: Gru,
  x: tf.Tensor3D,
  mask: tf.Tensor2D,
  w: GruWeights,
  h0: tf.Tensor2D,
  direction: tf.Tensor,
): number[][] {
  const names = ['gatesKernel', 'gatesBias', 'stateKernel', 'stateBias'] as const;
  const gradients = tf.grads((...inputs: tf.Tensor[]) => {
    const [xi, hi, ...ws] = inputs;
    const weights = Object.fromEntries(names.map((n, i) => [n, ws[i]])) as unknown as GruWeights;
    return tf.sum(
      tf.mul(run(xi as tf.Tensor3D, mask, weights, hi as tf.Tensor2D), direction),
    ) as tf.Scalar;
  })([x, h0, ...names.map((n) => w[n])]);
  return [run(x, mask, w, h0), ...gradients].map((t) => Array.from(t.dataSync()));
}

function largestDifference(a: number[][], b: number[][]): number {
  let largest = 0;
  a.forEach((values, i) => {
    expect(values.length).toBe(b[i]!.length);
    values.forEach((v, j) => {
      largest = Math.max(largest, Math.abs(v - b[i]![j]!));
    });
  });
  return largest;
}

describe('gru in an export', () => {
  it('is one operation a layer, which knows its mask of 0 and 1 and its weights by name', async () => {
    await useBackend('cpu');
    const weights = stackedGruInit('g', 2, 3, 4, Random.of(6));
    const graph = record(
      ({ x, mask }) => ({
        states: stackedGru(weights, 'g', 2, x as tf.Tensor3D, mask as tf.Tensor2D),
      }),
      { x: { shape: [1, 5, 3] }, mask: { shape: [1, 5] } },
      { weights, masks: ['mask'] },
    );
    expect(countOperations(graph)).toEqual({ gru: 2 });
    expect(printGraph(graph)).toMatch(
      /gru\(x, .*g\/0\/gates\/kernel, .*, mask\) \{ mask: "choice" \}/,
    );
  });
});

describe.each(backends)('gru on the %s backend', (backend) => {
  beforeEach(async () => useBackend(backend));

  it('makes the step that the formula gives by hand', () => {
    // Gates 0.5 each (all their weights are 0); c = tanh(1·1 + 0.5·0.5·2) = tanh(1.5) = 0.9051483.
    const w: GruWeights = {
      gatesKernel: tf.zeros([2, 2]),
      gatesBias: tf.zeros([2]),
      stateKernel: tf.tensor2d([[1], [2]]),
      stateBias: tf.zeros([1]),
    };
    const x = tf.tensor2d([[1]]);
    const h = tf.tensor2d([[0.5]]);
    expect(gruCell(x, h, w).dataSync()[0]).toBeCloseTo(0.5 * 0.5 + 0.5 * 0.9051483, 6);
    const states = gru(x.reshape([1, 1, 1]), tf.ones([1, 1]), w, h);
    expect(states.dataSync()[0]).toBeCloseTo(0.7025741, 6);
  });

  it('keeps the reset gate before the recurrent product of the candidate state', () => {
    // r = σ(−20) ≈ 0 forgets h inside c only; u = σ(0) = 0.5: h' = 0.5·2 + 0.5·tanh(1).
    const w: GruWeights = {
      gatesKernel: tf.zeros([2, 2]),
      gatesBias: tf.tensor1d([-20, 0]),
      stateKernel: tf.tensor2d([[1], [5]]),
      stateBias: tf.zeros([1]),
    };
    const states = gru(tf.ones([1, 1, 1]), tf.ones([1, 1]), w, tf.tensor2d([[2]]));
    expect(states.dataSync()[0]).toBeCloseTo(1 + 0.5 * Math.tanh(1), 5);
  });

  it('equals a step-by-step composition in values and in every gradient', () => {
    fc.assert(
      fc.property(
        fc.record({
          batch: fc.integer({ min: 1, max: 5 }),
          steps: fc.integer({ min: 1, max: 7 }),
          inputs: fc.integer({ min: 1, max: 6 }),
          units: fc.integer({ min: 1, max: 5 }),
          seed: fc.nat(),
        }),
        ({ batch, steps, inputs, units, seed }) =>
          tf.tidy(() => {
            const random = Random.of(seed);
            const w = gruWeights(gruInit('g', inputs, units, random), 'g');
            const x = randomTensor([batch, steps, inputs], random) as tf.Tensor3D;
            const mask = randomMask(batch, steps, random);
            const h0 = randomTensor([batch, units], random) as tf.Tensor2D;
            const direction = randomTensor([batch, steps, units], random);
            const expected = valuesAndGradients(composed, x, mask, w, h0, direction);
            const got = valuesAndGradients(gru, x, mask, w, h0, direction);
            expect(largestDifference(got, expected)).toBeLessThan(1e-5);
            const inHalves: Gru = (...inputs) => gru(...inputs, 2);
            const halves = valuesAndGradients(inHalves, x, mask, w, h0, direction);
            expect(largestDifference(halves, expected)).toBeLessThan(1e-5);
            const plain = valuesAndGradients(plainGru, x, mask, w, h0, direction);
            expect(largestDifference(plain, expected)).toBeLessThan(1e-5);
          }),
      ),
      { numRuns: backend === 'cpu' ? 15 : 40 },
    );
  });

  it('has the slope that finite differences show', () => {
    const random = Random.of(3);
    const weights = gruInit('g', 2, 3, random);
    const x = randomTensor([2, 4, 2], random) as tf.Tensor3D;
    const mask = tf.tensor2d([1, 1, 0, 1, 1, 0, 0, 0], [2, 4]);
    const value = (w: Tensors): tf.Scalar => tf.sum(tf.square(gru(x, mask, gruWeights(w, 'g'))));
    for (const [name, weight] of Object.entries(weights)) {
      const gradient = tf
        .grad((w: tf.Tensor) => value({ ...weights, [name]: w }))(weight)
        .dataSync();
      const data = Array.from(weight.dataSync());
      data.forEach((start, i) => {
        const at = (delta: number) => {
          const moved = data.slice();
          moved[i] = start + delta;
          return value({ ...weights, [name]: tf.tensor(moved, weight.shape) }).dataSync()[0]!;
        };
        const slope = (at(1e-2) - at(-1e-2)) / 2e-2;
        expect(Math.abs(slope - gradient[i]!)).toBeLessThan(2e-3);
      });
    }
  });

  it('keeps the state over masked steps, whatever they hold', () => {
    const random = Random.of(4);
    const w = gruWeights(gruInit('g', 3, 4, random), 'g');
    const x = randomTensor([2, 3, 3], random) as tf.Tensor3D;
    const junk = tf.fill([2, 2, 3], 50);
    const padded = tf.concat([x, junk], 1) as tf.Tensor3D;
    const mask = tf.tensor2d([1, 1, 1, 0, 0, 1, 1, 1, 0, 0], [2, 5]);
    const states = gru(padded, mask, w).arraySync();
    const short = gru(x, tf.ones([2, 3]), w).arraySync();
    for (const [row, series] of states.entries()) {
      expect(largestDifference(series.slice(0, 3), short[row]!)).toBeLessThan(1e-6);
      expect(largestDifference([series[3]!, series[4]!], [series[2]!, series[2]!])).toBeLessThan(
        5e-7,
      );
    }
  });

  it('steps through stacked layers to the states of the batch computation', () => {
    const random = Random.of(5);
    const layers = 3;
    const weights = stackedGruInit('g', layers, 4, 6, random);
    const x = randomTensor([2, 5, 4], random) as tf.Tensor3D;
    const batch = stackedGru(weights, 'g', layers, x, tf.ones([2, 5])).arraySync();
    let state: tf.Tensor2D = tf.zeros([2, layers * 6]);
    for (let t = 0; t < 5; t++) {
      const xt = tf.slice(x, [0, t, 0], [2, 1, 4]).reshape<tf.Tensor2D>([2, 4]);
      state = stackedGruCell(weights, 'g', layers, xt, state);
      const top = tf.slice(state, [0, (layers - 1) * 6], [2, 6]).arraySync();
      for (const row of [0, 1]) {
        top[row]!.forEach((v, i) => {
          expect(Math.abs(v - batch[row]![t]![i]!)).toBeLessThan(1e-6);
        });
      }
    }
  });
});
