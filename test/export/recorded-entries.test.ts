/**
 * The phones' entry points, recorded with random weights at real size: each file is linted, run in
 * its runtime and compared with tfjs. Prints bytes, nodes and times, which the docs quote.
 */
import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import { countOperations, record } from '../../compiler/index.ts';
import {
  build,
  expected,
  largestError,
  ROUNDING_TARGETS,
  randomInputs,
  relativeRms,
  type Target,
} from '../../compiler/testing/parity.ts';
import { Random } from '../../lib/random.ts';
import { phoneEntries } from './entries.ts';

const FLOAT_TOLERANCE = 1e-5;
/** Relative to the RMS of the outputs, over random weights and inputs. */
const LARGEST_RMS = { int8: 0.15, onnxInt8: 0.15, hybrid: 0.05, onnxDynamic: 0.05, float16: 2e-3 };
const CALIBRATION_ROWS = 100;
const TESTED_ROWS = 20;

beforeAll(async () => {
  await tf.setBackend('cpu');
});

it('the entries over a sequence are recorded with their recurrences whole', () => {
  const recurrences = (name: string): number | undefined => {
    const { run, inputs, masks } = phoneEntries[name]!();
    return countOperations(record(run, inputs, { masks })).gru;
  };
  expect(['rerank', 'decide'].map(recurrences)).toEqual([1, 4]);
});

async function measure(name: string, target: Target) {
  const subject = phoneEntries[name]!();
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

describe.each(Object.keys(phoneEntries))('%s', (name) => {
  it.each(['interpreter', 'onnx', 'tflite'] as const)('equals tfjs in %s', async (target) => {
    expect((await measure(name, target)).worst).toBeLessThanOrEqual(FLOAT_TOLERANCE);
  });

  it.each(ROUNDING_TARGETS)('stays near tfjs in %s', async (target) => {
    expect((await measure(name, target)).rms).toBeLessThanOrEqual(LARGEST_RMS[target]);
  });
});
