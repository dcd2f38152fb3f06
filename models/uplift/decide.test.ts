import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import { interpreter } from '../../compiler/graph/interpret.ts';
import { record } from '../../compiler/trace/record.ts';
import { Random } from '../../lib/random.ts';
import { useBackend } from '../engine/backend.ts';
import {
  DECIDE_MASKS,
  type DecideInputs,
  decide,
  decideShapes,
  upliftConfig,
  upliftModel,
} from './model.ts';

const config = upliftConfig.parse({
  fields: [{ name: 'item', rows: 9, width: 4 }],
  since: 16,
  sessionClicks: 8,
  unexposed: 16,
  exposureAction: 7,
  pageViewAction: 6,
  exposureDecay: 3,
  pageViewDecay: 4,
  context: 5,
  mlp: [8],
});

describe('decide as a graph', () => {
  beforeAll(() => useBackend('cpu'));

  it('records as one graph of fixed shapes that computes what the model computes', () => {
    const weights = upliftModel(config).init(1);
    const random = Random.of(1, 'inputs');
    // UpliftNet starts at 0; move its last layer, or every answer would be equal.
    weights['uplift/out/kernel'] = tf.randomNormal([config.mlp.at(-1)!, 1], 0, 1, 'float32', 3);
    const shapes = decideShapes(config);
    const graph = record(
      (inputs) => ({ uplift: decide(config, weights, inputs as unknown as DecideInputs) }),
      Object.fromEntries(Object.entries(shapes).map(([name, shape]) => [name, { shape }])),
      { name: 'decide', weights, masks: DECIDE_MASKS },
    );
    const run = interpreter(graph);
    for (const real of [0, 3, 8]) {
      const arrays = Object.fromEntries(
        Object.entries(shapes).map(([name, shape]) => {
          const size = shape.reduce((a, b) => a * b, 1);
          const values = Float32Array.from({ length: size }, (_, i) =>
            name.endsWith('_mask') ? Number(i < real) : random.normal(),
          );
          return [name, values];
        }),
      );
      const tensors = Object.fromEntries(
        Object.entries(arrays).map(([name, values]) => [
          name,
          tf.tensor(values, shapes[name as keyof DecideInputs]),
        ]),
      ) as unknown as DecideInputs;
      const expected = decide(config, weights, tensors).dataSync()[0]!;
      expect(run.run(arrays).uplift![0]).toBeCloseTo(expected, 4);
    }
  });
});
