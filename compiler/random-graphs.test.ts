/**
 * Random compositions of operations: no target may give a wrong number or crash, and what it cannot
 * express is refused by name. EDGELOOM_RANDOM_GRAPHS sets how many; 200 unless told. The bench
 * `random-graphs` runs 1,000.
 */
import * as tf from '@tensorflow/tfjs';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { calibrate } from './graph/calibrate.ts';
import { furthestOutside, outputBounds } from './testing/bounds.ts';
import { deviation, prepare } from './testing/deviation.ts';
import { load } from './testing/parity.ts';
import { outcomes } from './testing/tally.ts';
import { planQuantization } from './tflite/plan.ts';
import { perRowOrOne } from './tflite/quantize.ts';
import type { NamedTensors } from './trace/record.ts';

const GRAPHS = Number(process.env.EDGELOOM_RANDOM_GRAPHS ?? 200);
const MS_PER_GRAPH = 2000;

beforeAll(async () => {
  await tf.setBackend('cpu');
});

describe('every target', () => {
  it.each([0, 1, 2, 3])(
    'gives a right number or refuses by name (quarter %i of the graphs)',
    async (quarter) => {
      await fc.assert(
        fc.asyncProperty(fc.integer({ min: 0, max: 1e9 }), async (seed) => {
          for (const [target, outcome] of await outcomes(seed)) {
            expect(outcome, target).toMatchObject({
              kind: expect.stringMatching(/^(right|refused)$/),
            });
          }
        }),
        { seed: 4 + quarter, numRuns: Math.ceil(GRAPHS / 4), endOnFailure: true },
      );
    },
    60_000 + GRAPHS * MS_PER_GRAPH,
  );
});

describe('the bounds', () => {
  it('are narrow enough to say something about most graphs', async () => {
    const widths: number[] = [];
    for (let seed = 0; widths.length < 40; seed++) {
      const results = await outcomes(seed, ['int8']);
      const outcome = results.get('int8');
      if (outcome?.kind === 'right') widths.push(outcome.found.width);
    }
    // Half the magnitude: zeros, or a sign turned round, lie outside.
    expect(widths.sort((a, b) => a - b)[20]).toBeLessThan(0.5);
  });

  it('are left by files with other step sizes', async () => {
    const w = tf.tensor2d([0.5, -0.25, 1, 0.75], [2, 2]);
    const subject = {
      inputs: { x: { shape: [3, 2] } },
      run: ({ x }: NamedTensors) => ({ y: tf.matMul(x as tf.Tensor2D, w) }),
    };
    const prepared = prepare(subject, 1);
    for (const target of ['int8', 'onnxInt8'] as const) {
      expect((await deviation(prepared, target)).outside).toBe(0);
      // Calibrated on half the range: what is beyond saturates.
      const halved = prepared.rows.map(({ x }) => ({ x: (x as Float32Array).map((v) => v / 2) }));
      const { model } = await load(prepared.graph, target, halved);
      const plan = planQuantization(prepared.graph, calibrate(prepared.graph, prepared.rows));
      const rows = prepared.rows.slice(0, 10);
      const outside = await Promise.all(
        rows.map(async (row) => {
          const bounds = outputBounds(
            prepared.graph,
            { profile: 'int8', plan, dense: perRowOrOne },
            row,
          );
          return furthestOutside(bounds, await model.run(row));
        }),
      );
      await model.dispose();
      expect(Math.max(...outside)).toBeGreaterThan(0.01);
    }
  });
});
