import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import { calibrate } from '../graph/calibrate.ts';
import { type GruSizes, gruGraph, gruRow } from '../testing/gru-subject.ts';
import { readModel } from './read.ts';
import { lowerToTflite, toTflite } from './write.ts';

const sizes: GruSizes = {
  ...{ batch: 1, steps: 48, width: 4, units: 8, seed: 2 },
  ...{ mask: 'choice', start: 'zeros' },
};

type Form = 'unrolled' | 'while' | 'auto';
const lowered = (changed: Partial<GruSizes>, recurrence?: Form) =>
  lowerToTflite(gruGraph({ ...sizes, ...changed }), {
    profile: 'float32',
    ...(recurrence ? { recurrence } : {}),
  });
const loops = (model: ReturnType<typeof lowered>): number =>
  model.operators.filter(({ op }) => op === 'WHILE').length;

beforeAll(async () => {
  await tf.setBackend('cpu');
});

describe('a recurrence in TFLite', () => {
  it('is unrolled or a loop, as asked', () => {
    const [unrolled, loop] = [lowered({ steps: 3 }, 'unrolled'), lowered({ steps: 3 }, 'while')];
    expect([loops(unrolled), unrolled.functions.length]).toEqual([0, 0]);
    expect([loops(loop), loop.functions.map(({ name }) => name)]).toEqual([
      1,
      ['condition', 'body'],
    ]);
  });

  it('loops from 32 steps on unless told', () => {
    expect([31, 32].map((steps) => loops(lowered({ steps })))).toEqual([0, 1]);
    expect([31, 32].map((steps) => loops(lowered({ steps }, 'auto')))).toEqual([0, 1]);
  });

  it('takes no more bytes for more turns', () => {
    const bytes = (steps: number, recurrence: Form): number =>
      toTflite(gruGraph({ ...sizes, steps }), { profile: 'float32', recurrence }).length;
    expect(Math.abs(bytes(100, 'while') - bytes(50, 'while'))).toBeLessThan(64);
    expect(bytes(50, 'while')).toBeLessThan(bytes(50, 'unrolled') / 2);
  });

  it('states the runtime that has the operators of the loop', () => {
    expect(lowered({}, 'while').minRuntime).toBe('2.9.0');
    expect(lowered({}, 'unrolled').minRuntime).not.toBe('2.9.0');
  });

  it('has its subgraphs in the file, with four variables around the loop', () => {
    const file = toTflite(gruGraph(sizes), { profile: 'float32', recurrence: 'while' });
    const { functions } = readModel(file);
    expect(functions.map(({ inputs, outputs }) => [inputs.length, outputs.length])).toEqual([
      [4, 1],
      [4, 4],
    ]);
  });

  it('is unrolled in int8, calibrated on the graph that has the recurrence whole', () => {
    const graph = gruGraph({ ...sizes, steps: 40 });
    const calibration = calibrate(graph, [gruRow({ ...sizes, steps: 40 }).inputs]);
    const model = lowerToTflite(graph, { profile: 'int8', calibration });
    expect([loops(model), model.functions]).toEqual([0, []]);
    const products = model.operators.filter(({ op }) => op === 'FULLY_CONNECTED');
    expect(products.every(({ inputs }) => model.tensors[inputs[0]!]?.type === 'INT8')).toBe(true);
  });
});
