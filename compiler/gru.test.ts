/** A recurrence of any size, with any mask, in every form that a target has for it. */
import * as tf from '@tensorflow/tfjs';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { expandComposites } from './graph/expand.ts';
import { interpreter } from './graph/interpret.ts';
import type { Graph } from './graph/ir.ts';
import { countOperations } from './graph/print.ts';
import { lintOnnx } from './onnx/lint.ts';
import { toOnnx } from './onnx/write.ts';
import { loadTflite } from './runtimes/litert.ts';
import { loadOnnx } from './runtimes/onnxruntime.ts';
import type { LoadedModel } from './runtimes/runtime.ts';
import { deviation } from './testing/deviation.ts';
import { type GruSizes, gruGraph, gruRow } from './testing/gru-subject.ts';
import { largestError, ROUNDING_TARGETS } from './testing/parity.ts';
import { lintTflite } from './tflite/lint.ts';
import { toTflite } from './tflite/write.ts';

const TOLERANCE = 1e-5;
const RUNS = 30;

/** Lengths on both sides of whole turns of a loop. */
const sizes = fc.record<GruSizes>({
  batch: fc.integer({ min: 1, max: 3 }),
  steps: fc.integer({ min: 1, max: 23 }),
  width: fc.integer({ min: 1, max: 6 }),
  units: fc.integer({ min: 1, max: 5 }),
  mask: fc.constantFrom('none', 'choice', 'blend'),
  start: fc.constantFrom('input', 'zeros'),
  seed: fc.nat(),
});

type Open = (graph: Graph) => Promise<Pick<LoadedModel, 'run'>> | Pick<LoadedModel, 'run'>;

const interpreted: Open = (graph) => {
  const { run } = interpreter(graph);
  return { run: async (inputs) => run(inputs) };
};

const tflite =
  (recurrence: 'unrolled' | 'while'): Open =>
  (graph) => {
    const file = toTflite(graph, { profile: 'float32', recurrence });
    expect(lintTflite(file)).toEqual([]);
    return loadTflite(file);
  };

const forms: Record<string, Open> = {
  'in the interpreter': interpreted,
  'expanded, with the mask in every step': (graph) => interpreted(expandComposites(graph)),
  'expanded, with the mask among the inputs': (graph) =>
    interpreted(expandComposites(graph, { padding: 'column' })),
  'in ONNX Runtime': (graph) => {
    const file = toOnnx(graph, { profile: 'float32' });
    expect(lintOnnx(file)).toEqual([]);
    return loadOnnx(file);
  },
  'in LiteRT, unrolled': tflite('unrolled'),
  'in LiteRT, as a loop': tflite('while'),
};

beforeAll(async () => {
  await tf.setBackend('cpu');
});

describe('a recurrence equals tfjs', () => {
  it.each(Object.entries(forms))('%s', async (_, open) => {
    await fc.assert(
      fc.asyncProperty(sizes, async (drawn) => {
        const graph = gruGraph(drawn);
        expect(countOperations(graph).gru).toBe(1);
        const { inputs, wanted } = gruRow(drawn);
        const model = await open(graph);
        const error = largestError(wanted, await model.run(inputs));
        if ('dispose' in model) await (model as LoadedModel).dispose();
        expect(error).toBeLessThanOrEqual(TOLERANCE);
      }),
      { seed: 7, numRuns: RUNS },
    );
  });
});

describe('a recurrence stays within the steps of its profile', () => {
  it.each(ROUNDING_TARGETS)('in %s', async (target) => {
    for (const mask of ['none', 'choice', 'blend'] as const) {
      const drawn: GruSizes = {
        ...{ batch: 2, steps: 7, width: 5, units: 4, mask, start: 'input', seed: 9 },
      };
      const { inputs, wanted } = gruRow(drawn);
      const others = [1, 2, 3, 4].map((seed) => gruRow({ ...drawn, seed }).inputs);
      const rows = [inputs, ...others];
      const prepared = { graph: gruGraph(drawn), rows, wanted: [wanted], scale: 1 };
      const { outside, error } = await deviation(prepared, target);
      expect(outside, mask).toBe(0);
      expect(error, mask).toBeLessThan(0.03);
    }
  });
});
