/** Random graphs through every exporter profile and runtime: wrong numbers, crashes, refusals. */
import * as tf from '@tensorflow/tfjs';
import { ALL_TARGETS, outcomes } from '../compiler/testing/tally.ts';
import type { Bench, BenchLine } from './types.ts';

const GRAPHS = 1000;
/** Bounds this much wider than the numbers say little. */
const WIDE = 1;

const RUNTIME = {
  interpreter: 'none (reference interpreter)',
  onnx: 'ONNX Runtime, float32',
  onnxInt8: 'ONNX Runtime, int8',
  onnxDynamic: 'ONNX Runtime, dynamic',
  tflite: 'LiteRT, float32',
  int8: 'LiteRT, int8',
  float16: 'LiteRT, float16',
  hybrid: 'LiteRT, hybrid',
} as const;

const median = (values: number[]): number | null =>
  values.sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? null;

export const bench: Bench = {
  name: 'random-graphs',
  describe: '1,000 random graphs in every profile and runtime [graphs] [first seed]',
  async run(args) {
    await tf.setBackend('cpu');
    const graphs = Number(args[0] ?? GRAPHS);
    const first = Number(args[1] ?? 0);
    const found = ALL_TARGETS.map((target) => ({
      target,
      right: 0,
      wrong: [] as number[],
      crashed: [] as number[],
      refused: {} as Record<string, number>,
      errors: [] as number[],
      wide: 0,
    }));
    for (let seed = first; seed < first + graphs; seed++) {
      const results = await outcomes(seed);
      for (const tally of found) {
        const outcome = results.get(tally.target);
        if (outcome?.kind === 'refused') {
          tally.refused[outcome.name] = (tally.refused[outcome.name] ?? 0) + 1;
        } else if (outcome?.kind === 'crashed') tally.crashed.push(seed);
        else if (outcome) {
          if (outcome.kind === 'wrong') tally.wrong.push(seed);
          else tally.right++;
          tally.errors.push(outcome.found.error);
          if (outcome.found.width >= WIDE) tally.wide++;
        }
      }
    }
    return found.map(
      ({ target, right, wrong, crashed, refused, errors, wide }): BenchLine => ({
        figure: `random graphs with a wrong number or a crash, ${RUNTIME[target]}`,
        value: wrong.length + crashed.length,
        unit: 'graphs',
        target: '0',
        peer: 'tfjs',
        data: `generated, seeds ${first} to ${first + graphs - 1}`,
        n: graphs,
        extra: { right, wrong, crashed, refused, medianError: median(errors), wideBounds: wide },
      }),
    );
  },
};
