/**
 * The phones' entry points, recorded with random weights at real size: each file is linted, run in
 * its runtime and compared with tfjs. Prints bytes, nodes and times, which the docs quote.
 */
import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import {
  countOperations,
  type InputType,
  type NamedTensors,
  record,
} from '../../compiler/index.ts';
import {
  build,
  expected,
  largestError,
  ROUNDING_TARGETS,
  randomInputs,
  relativeRms,
  type Subject,
  type Target,
} from '../../compiler/testing/parity.ts';
import { Random } from '../../lib/random.ts';
import {
  encodeExposureStep,
  encodePageViewStep,
  init,
  rerank,
  rerankerConfig,
} from '../../models/reranker/model.ts';
import { decide, decideShapes, upliftConfig, upliftModel } from '../../models/uplift/model.ts';

const FLOAT_TOLERANCE = 1e-5;
/** Relative to the RMS of the outputs, over random weights and inputs. */
const LARGEST_RMS = { int8: 0.15, onnxInt8: 0.15, hybrid: 0.05, onnxDynamic: 0.05, float16: 2e-3 };
const CALIBRATION_ROWS = 100;
const TESTED_ROWS = 20;

const fields = [
  { name: 'item', rows: 50, width: 16 },
  { name: 'category', rows: 9, width: 8 },
  { name: 'brand', rows: 9, width: 8 },
  { name: 'creator', rows: 9, width: 8 },
];
const P = 40;

const reranker = rerankerConfig.parse({
  fields,
  candidates: 50,
  exposures: 32,
  pageViews: 16,
  exposureAction: 45,
  pageViewAction: 40,
  exposureDecay: 8,
  pageViewDecay: 8,
  dense: 3,
  context: 30,
});
const H = reranker.hidden;

/** Renames outputs that are called like the inputs that they replace on the phone. */
const next = (states: NamedTensors): NamedTensors =>
  Object.fromEntries(Object.entries(states).map(([name, state]) => [`next_${name}`, state]));

function encoder(action: number, run: typeof encodeExposureStep, weights: NamedTensors): Subject {
  return {
    run: (inputs) => next(run(reranker, weights, inputs)),
    inputs: {
      item_vec: { shape: [1, P] },
      action: { shape: [1, action] },
      state_item: { shape: [1, H] },
      state_action: { shape: [1, H] },
    },
  };
}

function rerankSubject(weights: NamedTensors): Subject {
  const { candidates: N, exposures, pageViews, dense, context } = reranker;
  const sequence = (prefix: string, K: number, decay: number): Record<string, InputType> => ({
    [`${prefix}_item_state`]: { shape: [1, K, H] },
    [`${prefix}_action_state`]: { shape: [1, K, H] },
    [`${prefix}_decay`]: { shape: [1, K, decay] },
    [`${prefix}_mask`]: { shape: [1, K] },
  });
  return {
    run: (inputs) => ({ scores: rerank(reranker, weights, inputs) }),
    inputs: {
      cand_vec: { shape: [1, N, P] },
      cand_dense: { shape: [1, N, dense] },
      cand_mask: { shape: [1, N] },
      ...sequence('exp', exposures, reranker.exposureDecay),
      ...sequence('pv', pageViews, reranker.pageViewDecay),
      context: { shape: [1, context] },
    },
  };
}

function decideSubject(): Subject {
  const config = upliftConfig.parse({
    fields,
    since: 16,
    sessionClicks: 8,
    unexposed: 16,
    exposureAction: 45,
    pageViewAction: 40,
    exposureDecay: 8,
    pageViewDecay: 8,
    context: 30,
  });
  const weights = upliftModel(config).init(3);
  const shapes = Object.entries(decideShapes(config));
  // The output layer starts at zero; random weights make its output worth comparing.
  const random = Random.of(8, 'uplift-out');
  const size = weights['uplift/out/kernel']!.shape;
  const values = Float32Array.from({ length: size[0]! }, () => random.normal(0, 0.3));
  weights['uplift/out/kernel'] = tf.tensor(values, size);
  return {
    run: (inputs) => ({ uplift: decide(config, weights, inputs as never) }),
    inputs: Object.fromEntries(shapes.map(([name, shape]) => [name, { shape }])),
  };
}

const subjects: Record<string, () => Subject> = {
  encodeExposureStep: () => encoder(45, encodeExposureStep, init(reranker, 1)),
  encodePageViewStep: () => encoder(40, encodePageViewStep, init(reranker, 1)),
  rerank: () => rerankSubject(init(reranker, 1)),
  decide: () => decideSubject(),
};

beforeAll(async () => {
  await tf.setBackend('cpu');
});

it('the entries over a sequence are recorded with their recurrences whole', () => {
  const recurrences = (name: string): number | undefined => {
    const { run, inputs } = subjects[name]!();
    return countOperations(record(run, inputs)).gru;
  };
  expect(['rerank', 'decide'].map(recurrences)).toEqual([1, 4]);
});

async function measure(name: string, target: Target) {
  const subject = subjects[name]!();
  const rows = Array.from({ length: CALIBRATION_ROWS }, (_, i) =>
    randomInputs(subject, Random.of(5, name, i)),
  );
  let start = performance.now();
  const built = await build(subject, target, rows);
  const builtMs = performance.now() - start;
  const pairs = [];
  let runMs = 0;
  for (const inputs of rows.slice(0, TESTED_ROWS)) {
    const wanted = expected(subject, inputs);
    start = performance.now();
    pairs.push([wanted, await built.model.run(inputs)] as const);
    runMs += (performance.now() - start) / TESTED_ROWS;
  }
  await built.model.dispose();
  const worst = Math.max(...pairs.map(([wanted, got]) => largestError(wanted, got)));
  const rms = relativeRms(pairs.map(([wanted, got]) => [wanted, got]));
  console.info(
    `${name} ${target}: ${built.graph.nodes.length} nodes, ${built.bytes} bytes, built in ` +
      `${builtMs.toFixed(0)} ms, run in ${runMs.toFixed(2)} ms, largest error ` +
      `${worst.toExponential(1)}, relative RMS ${rms.toExponential(1)}`,
  );
  return { worst, rms };
}

describe.each(Object.keys(subjects))('%s', (name) => {
  it.each(['interpreter', 'onnx', 'tflite'] as const)('equals tfjs in %s', async (target) => {
    expect((await measure(name, target)).worst).toBeLessThanOrEqual(FLOAT_TOLERANCE);
  });

  it.each(ROUNDING_TARGETS)('stays near tfjs in %s', async (target) => {
    expect((await measure(name, target)).rms).toBeLessThanOrEqual(LARGEST_RMS[target]);
  });
});
