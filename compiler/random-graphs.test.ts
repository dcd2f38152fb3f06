/**
 * Random compositions of operations: no target may give a wrong number or crash, and what it cannot
 * express is refused by name. EDGELOOM_RANDOM_GRAPHS sets how many; 200 unless told. The bench
 * `random-graphs` runs 1,000.
 */
import * as tf from '@tensorflow/tfjs';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { outcomes } from './testing/tally.ts';

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
            if (outcome.kind === 'refused') expect(outcome.why).toMatch(/operation \w+|^\w+ of \[/);
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
    expect(widths.sort((a, b) => a - b)[20]).toBeLessThan(0.2);
  });
});
