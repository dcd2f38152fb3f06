/** Real request decisions as a phone meets them, and how well a file orders them. */

import * as tf from '@tensorflow/tfjs';
import type { NamedArrays } from '../../compiler/index.ts';
import { EdgeloomError } from '../../lib/errors.ts';
import type { RunOptions } from '../../lib/progress.ts';
import { tensorBatches } from '../../models/engine/batch-tensors.ts';
import type { Dataset } from '../../models/engine/dataset.ts';
import { auc } from '../../models/metrics/auc.ts';
import {
  gatherInputs,
  UPLIFT_LABELS,
  type UpliftConfig,
  upliftModel,
} from '../../models/uplift/model.ts';
import type { ModelFile } from './compile-entry.ts';
import { type EntryPoint, runTrained, type TensorMap } from './entry-point.ts';
import { readTensors } from './read-tensors.ts';

export interface Decision {
  inputs: NamedArrays;
  /** Label of a decision that was made to ask, with a known outcome; null for others. */
  treatedOutcome: number | null;
}

const ROWS_PER_BATCH = 128;

export async function drawDecisions(
  dataset: Dataset,
  config: UpliftConfig,
  weights: TensorMap,
  count: number,
  seed: number,
  { signal }: RunOptions,
): Promise<Decision[]> {
  const decisions: Decision[] = [];
  const specs = upliftModel(config).inputs;
  const order = { batchSize: ROWS_PER_BATCH, shuffle: { seed, epoch: 0 } };
  for await (const { tensors, rows } of tensorBatches(dataset, specs, order)) {
    signal?.throwIfAborted();
    try {
      const columns = Object.entries(
        readTensors(() => ({ ...gatherInputs(config, weights, tensors) })),
      );
      const scalar = (name: string): Float32Array => tensors[name]!.dataSync() as Float32Array;
      const [arm, propensity, matured] = [scalar('arm'), scalar('propensity'), scalar('matured')];
      const label = scalar(UPLIFT_LABELS[config.label]);
      for (let row = 0; row < rows && decisions.length < count; row++) {
        const drawn = propensity[row]! > 0 && propensity[row]! < 1 && matured[row] === 1;
        decisions.push({
          inputs: Object.fromEntries(
            columns.map(([name, data]) => {
              const width = data.length / rows;
              return [name, data.slice(row * width, (row + 1) * width)];
            }),
          ),
          treatedOutcome: drawn && arm[row] === 1 ? label[row]! : null,
        });
      }
    } finally {
      tf.dispose(tensors);
    }
    if (decisions.length >= count) break;
  }
  if (decisions.length === 0) {
    throw new EdgeloomError({
      code: 'no-samples',
      what: 'There are no decisions on the days of the export',
      fix: 'choose other days, or skip uplift',
    });
  }
  return decisions;
}

export async function uplifts(
  { model, path }: ModelFile,
  decisions: Decision[],
  { signal, onProgress }: RunOptions,
): Promise<Float64Array> {
  const values = new Float64Array(decisions.length);
  for (const [i, { inputs }] of decisions.entries()) {
    signal?.throwIfAborted();
    if (i % 50 === 0)
      onProgress?.({ message: `deciding with ${path}`, fraction: i / decisions.length });
    values[i] = (await model.run(inputs)).uplift![0]!;
  }
  return values;
}

export async function trainedAuc(
  entry: EntryPoint,
  decisions: Decision[],
  options: RunOptions,
): Promise<number | null> {
  const asked = decisions.filter(({ treatedOutcome }) => treatedOutcome !== null);
  const outputs = await runTrained(
    entry,
    asked.map(({ inputs }) => inputs),
    options,
  );
  return treatedAuc(
    asked,
    Float64Array.from(outputs, ({ uplift }) => uplift![0]!),
  ).auc;
}

export function treatedAuc(
  decisions: Decision[],
  values: ArrayLike<number>,
): { auc: number | null; rows: number } {
  const asked = [...decisions.keys()].filter((i) => decisions[i]!.treatedOutcome !== null);
  const value = auc(
    asked.map((i) => values[i]!),
    asked.map((i) => decisions[i]!.treatedOutcome!),
  );
  return { auc: Number.isFinite(value) ? value : null, rows: asked.length };
}
