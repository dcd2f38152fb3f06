import * as tf from '@tensorflow/tfjs';
import { expect, it } from 'vitest';
import { useBackend } from '../engine/backend.ts';
import { type CohortChoice, int8Loss } from './int8-loss.ts';
import { fusedScorer } from './predict.ts';
import type { RerankerParts } from './reranker-parts.ts';

// A reranker of one weight: logit = w · x.
const reranker = {
  inputs: { x: { shape: [2], dtype: 'float32' } },
  encode: (_weights: unknown, batch: unknown) => batch,
  logits: (weights: Record<string, tf.Tensor>, encoded: Record<string, tf.Tensor>) =>
    tf.mul(encoded.x!, weights['head/w/kernel']!),
} as unknown as RerankerParts;

const weight = (value: number) => ({ 'head/w/kernel': tf.scalar(value) });

/** Two slates of two candidates; the click is on the larger x, and the gate lets all of ΔW through. */
function cohort(delta: number, deltaInt8: number, clicks = [0, 1, 1, 0]): CohortChoice {
  return {
    day: {
      rows: 2,
      user: Int32Array.from([0, 1]),
      columns: {
        x: { shape: [2, 2], data: Float32Array.from([1, 2, 2, 1]) },
        label_mask: { shape: [2, 2], data: Float32Array.from([1, 1, 1, 1]) },
        label_click: { shape: [2, 2], data: Float32Array.from(clicks) },
        slate: { shape: [2], data: Int32Array.from([0, 1]) },
      },
    },
    delta: weight(delta),
    deltaInt8: weight(deltaInt8),
    gatesOf: () => Float32Array.from([1]),
  };
}

const loss = async (...cohorts: CohortChoice[]) => {
  await useBackend('cpu');
  const meta = weight(0);
  const [any] = [...cohorts, cohort(1, 1)];
  const { day, delta } = any!;
  const scorer = await fusedScorer({ reranker, meta, layers: ['head/w'], delta, day });
  return int8Loss(scorer, cohorts);
};

it('is the GAUC that rounding costs, over all cohorts', async () => {
  expect(await loss(cohort(1, 1))).toBe(0);
  // w of the int8 file has the other sign: its order is wrong in every slate, GAUC 1 falls to 0.
  expect(await loss(cohort(1, -1))).toBe(1);
  expect(await loss(cohort(1, -1), cohort(1, 1))).toBe(0.5);
});

it('is null when no slate has both classes', async () => {
  expect(await loss()).toBeNull();
  expect(await loss(cohort(1, -1, [1, 1, 0, 0]))).toBeNull();
});
