/** For tests: tensors with item rows and decisions, and checkpoints of untrained models. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { writeFileAtomic } from '../../lib/files.ts';
import { Random } from '../../lib/random.ts';
import { type NamedTensor, writeSafetensors } from '../../lib/safetensors.ts';
import { saveCheckpoint } from '../../models/engine/checkpoint.ts';
import { readFeatures } from '../../models/engine/features.ts';
import { TEST_DATES, TEST_SIZES, writeTestTensors } from '../../models/engine/test-tensors.ts';
import type { Model } from '../../models/engine/types.ts';
import { itemFieldsFor } from '../../models/layers/item-vector.ts';
import { rerankerConfigFor, rerankerModel } from '../../models/reranker/model.ts';
import { upliftConfigFor, upliftModel } from '../../models/uplift/model.ts';

export { TEST_DATES };

const ITEMS = 40;
const CATEGORIES = 6;

/** Adds what exports read beside samples: vocabulary, item attributes, decisions. */
export async function writeExportTensors(folder: string, rows: number): Promise<void> {
  await writeTestTensors(folder, rows);
  const item = Array.from({ length: ITEMS - 1 }, (_, i) => `item-${i + 1}`);
  await writeFileAtomic(join(folder, 'vocabulary.json'), JSON.stringify({ version: 1, item }));
  await writeSafetensors(join(folder, 'items.safetensors'), {
    category: {
      shape: [ITEMS],
      data: Int32Array.from({ length: ITEMS }, (_, i) =>
        i === 0 ? 0 : 1 + (i % (CATEGORIES - 1)),
      ),
    },
  });
  for (const date of TEST_DATES) {
    const columns = decisionColumns(rows, Random.of(5, date));
    await writeSafetensors(join(folder, 'decisions', `${date}.safetensors`), columns);
  }
}

function decisionColumns(n: number, random: Random): Record<string, NamedTensor> {
  const ints = (max: number, ...shape: number[]): NamedTensor => ({
    shape: [n, ...shape],
    data: Int32Array.from({ length: n * shape.reduce((a, b) => a * b, 1) }, () =>
      random.below(max),
    ),
  });
  const flags = (share: number, ...shape: number[]): NamedTensor => ({
    shape: [n, ...shape],
    data: Float32Array.from({ length: n * shape.reduce((a, b) => a * b, 1) }, () =>
      random.chance(share) ? 1 : 0,
    ),
  });
  const columns: Record<string, NamedTensor> = {
    context: ints(TEST_SIZES.decisionContext, 1),
    user: ints(9),
    arm: flags(0.5),
    propensity: { shape: [n], data: new Float32Array(n).fill(0.5) },
    matured: flags(1),
    label_n10: flags(0.3),
  };
  const { exposureDecay, pageViewDecay } = TEST_SIZES;
  const sequences = [
    { prefix: 'since', actions: 7, decay: exposureDecay },
    { prefix: 'sclk', actions: 4, decay: pageViewDecay },
    { prefix: 'unexposed', actions: 0, decay: 0 },
  ];
  for (const { prefix, actions, decay } of sequences) {
    const length = 2;
    columns[`${prefix}_item`] = ints(ITEMS, length);
    columns[`${prefix}_category`] = ints(CATEGORIES, length);
    columns[`${prefix}_mask`] = flags(1, length);
    if (actions === 0) continue;
    columns[`${prefix}_action`] = ints(actions, length, 1);
    columns[`${prefix}_known`] = flags(1, length);
    columns[`${prefix}_decay`] = ints(decay, length);
  }
  return columns;
}

/** A small reranker. */
export async function writeReranker(
  tensorsDir: string,
  folder: string,
  overrides: Record<string, unknown> = {},
): Promise<void> {
  const features = await readFeatures(tensorsDir);
  const widths = { item: 4, category: 3 };
  const small = { hidden: 6, attention: 5, mlp: [7], widths, ...overrides };
  await writeCheckpoint(folder, rerankerModel(rerankerConfigFor(features, small)));
}

/** A small uplift model; `withIds` gives it the id tables of {@link writeReranker}'s models. */
export async function writeUplift(
  tensorsDir: string,
  folder: string,
  withIds = false,
): Promise<void> {
  const features = await readFeatures(tensorsDir);
  const widths = { item: 4, category: 3 };
  const fields = withIds ? { fields: itemFieldsFor(features, widths) } : {};
  const config = upliftConfigFor(features, { hidden: 5, mlp: [6], widths, ...fields });
  const model = upliftModel(config);
  await writeCheckpoint(folder, model);
}

async function writeCheckpoint(folder: string, model: Model): Promise<void> {
  await mkdir(folder, { recursive: true });
  const weights = model.init(3);
  const random = Random.of(4, model.name);
  const named = Object.fromEntries(
    Object.entries(weights).map(([name, tensor]): [string, NamedTensor] => {
      // Larger than a fresh start, so that outputs differ from row to row.
      const data = (tensor.dataSync() as Float32Array).map(
        (value) => value + random.normal(0, name.startsWith('embedding/') ? 0.5 : 0.1),
      );
      return [name, { shape: tensor.shape, data }];
    }),
  );
  tf.dispose(weights);
  const description = {
    name: model.name,
    config: model.config,
    seed: 3,
    trainDates: TEST_DATES.slice(0, 1),
    validDate: TEST_DATES[1]!,
    params: {},
    backend: 'cpu',
    versions: {},
  };
  await saveCheckpoint(folder, description, named, []);
}
