/**
 * From a checkpoint of request uplift to what a bundle carries: `decide` as ONNX and TFLite, its
 * threshold for the request budget, parity, golden vectors, and item rows of its own unless it reads
 * the reranker's.
 */
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import type { RunOptions } from '../../lib/progress.ts';
import { type BackendKind, useBackend } from '../../models/engine/backend.ts';
import { loadWeights, readDescription } from '../../models/engine/checkpoint.ts';
import { Dataset } from '../../models/engine/dataset.ts';
import { type Threshold, thresholdForBudget } from '../../models/uplift/budget.ts';
import {
  DECIDE_MASKS,
  type DecideInputs,
  decide,
  decideShapes,
  type UpliftConfig,
  upliftConfig,
} from '../../models/uplift/model.ts';
import { MINIMUM_ROWS, PARITY_TOLERANCES } from '../parity/check.ts';
import { chooseProfile, mayShareRows } from '../quantize/choose.ts';
import { readShardIndex } from '../shards/index-file.ts';
import { openShards } from '../shards/open.ts';
import { type CompileInput, compileFloat, compileInt8 } from './compile-entry.ts';
import { drawDecisions, trainedAuc, treatedAuc, uplifts } from './decisions.ts';
import { type EntryPoint, float32Inputs, type TensorMap } from './entry-point.ts';
import type { ExportSummary } from './export-reranker.ts';
import { entryParity, modelVersion, writePart } from './finish.ts';
import { type ItemRows, readItemRows, storeItemRows } from './item-rows.ts';
import { onPhone } from './on-phone.ts';
import { drawOverDays } from './parity-rows.ts';

export interface ExportUpliftInput extends RunOptions {
  tensorsDir: string;
  checkpointDir: string;
  /** Existing folder; becomes a part of a bundle. */
  outDir: string;
  trainDates: string[];
  /** The loss of int8 and the threshold are taken from this day, and parity as far as it has the rows. */
  validDate: string;
  seed: number;
  /** ρ: share of decisions that may become a request. */
  budget: number;
  /** Part of the reranker: when the uplift model reads the same item rows, it brings none. */
  rerankerPart?: string;
  /** What computes the trained model. @default 'cpu' */
  backend?: BackendKind;
  /** Decisions for the calibration. @default 256 */
  calibrationRows?: number;
  /** Rows of the parity table. @default 500 */
  parityRows?: number;
  /** Decisions that the loss of int8 and the threshold are taken from. @default 10,000 */
  evaluationRows?: number;
}

const MODEL = 'uplift';

/** @throws EdgeloomError as `exportReranker`, and `bad-budget` */
export async function exportUplift(
  input: ExportUpliftInput,
): Promise<ExportSummary & { threshold: number; budgetUsed: number }> {
  await useBackend(input.backend ?? 'cpu');
  const description = await readDescription(input.checkpointDir);
  const config = upliftConfig.parse(description.config);
  const weights = await loadWeights(input.checkpointDir);
  const training = await Dataset.open(input.tensorsDir, 'decisions', input.trainDates);
  const validation = await Dataset.open(input.tensorsDir, 'decisions', [input.validDate]);
  try {
    return await exportLoaded(input, config, weights, training, validation);
  } finally {
    tf.dispose(weights);
    await training.close();
    await validation.close();
  }
}

async function exportLoaded(
  input: ExportUpliftInput,
  config: UpliftConfig,
  weights: TensorMap,
  training: Dataset,
  validation: Dataset,
): Promise<ExportSummary & { threshold: number; budgetUsed: number }> {
  const { outDir, seed, signal, onProgress } = input;
  const options = { signal, onProgress };
  const version = await modelVersion(input.checkpointDir, MODEL, config);
  const rows = await readItemRows(input.tensorsDir, config.fields, weights);
  const draw = (dataset: Dataset, c: UpliftConfig, w: TensorMap, count: number) =>
    drawDecisions(dataset, c, w, count, seed, options);
  const evaluated = input.evaluationRows ?? 10_000;
  const aucWith = async (table: ItemRows): Promise<number | null> => {
    const on = onPhone(config, weights, table);
    try {
      const decisions = await draw(validation, on.config, on.weights, evaluated);
      return await trainedAuc(decideEntry(on.config, on.weights), decisions, options);
    } finally {
      on.weights['embedding/item']!.dispose();
    }
  };
  // One row per item on both sides: what remains is the loss by number formats.
  const trained = await aucWith(rows);
  const stored = await itemRows(input, rows, version, async (decoded) => {
    const auc = await aucWith(decoded);
    return trained === null || auc === null ? null : trained - auc;
  });
  const phone = onPhone(config, weights, stored.decoded);
  const entry = decideEntry(phone.config, phone.weights);
  const compile: CompileInput = { model: MODEL, outDir, weights: phone.weights };
  onProgress?.({ message: 'compiling decide' });
  const { graph, onnx, float32 } = await compileFloat(compile, entry);
  const drawn = (dataset: Dataset, count: number) =>
    draw(dataset, phone.config, phone.weights, count);
  const calibration = await drawn(training, input.calibrationRows ?? 256);
  const calibrationInputs = calibration.map(({ inputs }) => inputs);
  const int8 = await compileInt8(compile, entry, graph, calibrationInputs, options);

  const decisions = await drawn(validation, evaluated);
  const days = { ...input, family: 'decisions' } as const;
  const compared = await drawOverDays(days, input.parityRows ?? MINIMUM_ROWS, drawn);
  const held = compared.map(({ inputs }) => inputs);
  const files = [onnx, float32, int8];
  const parity = await entryParity(
    { entry, files, rows: held, tolerances: PARITY_TOLERANCES },
    options,
  );
  const values = {
    float32: await uplifts(float32, decisions, options),
    int8: await uplifts(int8, decisions, options),
  };
  const measured = treatedAuc(decisions, values.float32);
  const choice = chooseProfile({
    metric: 'AUC of orders among the decisions that asked',
    trained,
    int8: treatedAuc(decisions, values.int8).auc,
    rows: measured.rows,
    int8Parity: parity.every(({ profile, passed }) => profile !== 'int8' || passed),
    int8Lint: int8.findings.length === 0,
  });
  const threshold = thresholdForBudget(values[choice.profile], input.budget);
  await writePart(
    {
      outDir,
      model: MODEL,
      version,
      choice,
      reasons: [stored.reason],
      files,
      entries: [{ entry, rows: held }],
      parity,
      tolerances: PARITY_TOLERANCES,
      embeddings: stored.files,
      config: phoneConfig(config, threshold, stored),
    },
    options,
  );
  for (const file of files) await file.model.dispose();
  phone.weights['embedding/item']!.dispose();
  return {
    model: MODEL,
    version,
    profile: choice.profile,
    trained,
    float32: measured.auc,
    int8: treatedAuc(decisions, values.int8).auc,
    loss: choice.loss,
    rowDtype: stored.embeddings.dtype,
    evaluationRows: measured.rows,
    threshold: threshold.threshold,
    budgetUsed: threshold.used,
  };
}

/** `uplift` [1, 1]: the uplift logit of one decision. */
export const decideEntry = (config: UpliftConfig, weights: TensorMap): EntryPoint => ({
  name: 'decide',
  inputs: float32Inputs(decideShapes(config)),
  masks: DECIDE_MASKS,
  run: (inputs) => ({ uplift: decide(config, weights, inputs as unknown as DecideInputs) }),
});

interface StoredRows {
  files: string[];
  decoded: ItemRows;
  reason: string;
  embeddings: { model: string; modelVersion: string; width: number; dtype: string };
}

/**
 * The reranker's rows where both models were trained on the same tables and int8 rows cost this one
 * no more than they may, else own ones.
 */
async function itemRows(
  input: ExportUpliftInput,
  rows: ItemRows,
  version: string,
  lossOn: (decoded: ItemRows) => Promise<number | null>,
): Promise<StoredRows> {
  const shared = input.rerankerPart && (await sharedRows(input.rerankerPart, rows));
  const why = shared ? ': the int8 rows of the reranker cost it too much AUC' : '';
  if (shared) {
    const { dtype } = shared.embeddings;
    const loss = dtype === 'int8' ? await lossOn(shared.decoded) : null;
    if (mayShareRows(dtype, loss)) return shared;
  }
  const dtype = 'float16';
  const place = { outDir: input.outDir, model: MODEL, modelVersion: version, dtype } as const;
  return {
    ...(await storeItemRows(rows, place, input)),
    reason: `Its item rows are its own, float16${why}.`,
    embeddings: { model: MODEL, modelVersion: version, width: rows.width, dtype },
  };
}

/** Rows of the reranker's part when they stand for these very tables, else null. */
async function sharedRows(part: string, rows: ItemRows): Promise<StoredRows | null> {
  const folder = join(part, 'embeddings');
  const { tables } = await readShardIndex(folder);
  const table = tables[0];
  if (tables.length !== 1 || !table || table.width !== rows.width) return null;
  if (table.rows !== rows.ids.length) return null;
  const shards = await openShards(folder);
  try {
    const decoded = new Float32Array(rows.table.length);
    decoded.set(table.unknown);
    decoded.set(await shards.lookup(rows.ids), rows.width);
    const bound = table.quantisation.maxAbsError * (1 + 1e-6);
    const same = decoded.every((value, i) => Math.abs(value - rows.table[i]!) <= bound);
    if (!same) return null;
    const { model, modelVersion, width, dtype } = table;
    return {
      files: [],
      decoded: { ...rows, table: decoded },
      reason: `It reads the item rows of ${model} (${modelVersion}).`,
      embeddings: { model, modelVersion, width, dtype },
    };
  } finally {
    await shards.close();
  }
}

/** What a phone must know to call `decide` and to act on its answer. */
function phoneConfig(
  { since, sessionClicks, unexposed, label }: UpliftConfig,
  { threshold, budget, used, rows }: Threshold,
  { embeddings }: StoredRows,
): Record<string, unknown> {
  return {
    sizes: { since, sessionClicks, unexposed, itemVector: embeddings.width },
    embeddings,
    rule: {
      // JSON has no −∞: a budget of everything asks at any value.
      ask: 'when uplift > threshold',
      threshold: Math.max(threshold, -Number.MAX_VALUE),
      budget,
      used,
      rows,
    },
    outcome: label,
  };
}
