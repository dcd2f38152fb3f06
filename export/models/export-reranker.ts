/**
 * From a checkpoint of the reranker to what a bundle carries: item rows, one-step encoders and the
 * scorer as ONNX and TFLite (float32 and int8), parity on real rows, golden vectors, and the choice
 * of what ships. Needs no native TensorFlow; with it, the trained model's side of parity is faster.
 */
import * as tf from '@tensorflow/tfjs';
import type { RunOptions } from '../../lib/progress.ts';
import { type BackendKind, useBackend } from '../../models/engine/backend.ts';
import { loadWeights, readDescription } from '../../models/engine/checkpoint.ts';
import { Dataset } from '../../models/engine/dataset.ts';
import { type RerankerConfig, rerankerConfig } from '../../models/reranker/model.ts';
import { MINIMUM_ROWS, PARITY_TOLERANCES, type ParityResult } from '../parity/check.ts';
import { chooseProfile, chooseRowDtype, type ProfileChoice } from '../quantize/choose.ts';
import { type EncodedSlate, type Encoders, encodeSlates, score, stepRows } from './chain.ts';
import {
  type CompileInput,
  compileFloat,
  compileInt8,
  type FloatFiles,
  type ModelFile,
} from './compile-entry.ts';
import type { TensorMap } from './entry-point.ts';
import { entryParity, modelVersion, writePart } from './finish.ts';
import { type ItemRows, readItemRows, storeItemRows } from './item-rows.ts';
import { oneByOne, openForMany } from './many-calls.ts';
import { onPhone } from './on-phone.ts';
import { drawOverDays, enoughForParity, slatesForParity } from './parity-rows.ts';
import { type RerankerEntry, rerankerEntries } from './reranker-entries.ts';
import { drawSlates, type Slate, untilJudged, withItemRows } from './slates.ts';

export interface ExportRerankerInput extends RunOptions {
  tensorsDir: string;
  checkpointDir: string;
  /** Existing folder; becomes a part of a bundle. */
  outDir: string;
  /** int8 is calibrated on slates of these days. */
  trainDates: string[];
  /** The loss of int8 is measured on this day, and parity as far as it has the rows. */
  validDate: string;
  seed: number;
  /** What computes the trained model. @default 'cpu' */
  backend?: BackendKind;
  /** Slates for the calibration. @default 256 */
  calibrationRows?: number;
  /** Rows of the parity table. @default 500 */
  parityRows?: number;
  /** Slates that AUC is measured on. @default as many as hold 6,000 exposed candidates, at most 1,500 */
  evaluationRows?: number;
}

export interface ExportSummary {
  [key: string]: string | number | null;
  model: string;
  version: string;
  profile: string;
  /** AUC or the like, of the trained model on exact item rows, and of its files on the rows that ship. */
  trained: number | null;
  float32: number | null;
  int8: number | null;
  loss: number | null;
  rowDtype: string;
  evaluationRows: number;
}

/** AUC is measured on slates with this many exposed candidates, if that many slates hold them. */
const ENOUGH_JUDGED = 6000;
const MAX_EVALUATED = 1500;
/** Slates that are looked through for page views, per row of the parity table. */
const SEARCHED = 4;
const ORDER: RerankerEntry[] = ['encodeExposureStep', 'encodePageViewStep', 'rerank'];

/**
 * @throws EdgeloomError `bad-checkpoint`, `bad-tensors`, `no-samples`, `export-lint`,
 *   `parity-failed`, `unsupported-op`
 */
export async function exportReranker(input: ExportRerankerInput): Promise<ExportSummary> {
  await useBackend(input.backend ?? 'cpu');
  const description = await readDescription(input.checkpointDir);
  const config = rerankerConfig.parse(description.config);
  const weights = await loadWeights(input.checkpointDir);
  const training = await Dataset.open(input.tensorsDir, 'rerank', input.trainDates);
  const validation = await Dataset.open(input.tensorsDir, 'rerank', [input.validDate]);
  try {
    return await exportLoaded(input, config, weights, training, validation);
  } finally {
    tf.dispose(weights);
    await training.close();
    await validation.close();
  }
}

async function exportLoaded(
  input: ExportRerankerInput,
  config: RerankerConfig,
  weights: TensorMap,
  training: Dataset,
  validation: Dataset,
): Promise<ExportSummary> {
  const { outDir, seed, signal, onProgress } = input;
  const options = { signal, onProgress };
  const model = 'reranker';
  const version = await modelVersion(input.checkpointDir, model, config);
  const rows = await readItemRows(input.tensorsDir, config.fields, weights);
  const phone = onPhone(config, weights, rows);
  const compile: CompileInput = { model, outDir, weights: phone.weights };
  const entries = rerankerEntries(phone.config, phone.weights);
  const floats = {} as Record<RerankerEntry, FloatFiles>;
  for (const name of ORDER) {
    onProgress?.({ message: `compiling ${name}` });
    floats[name] = await compileFloat(compile, entries[name]);
  }

  // How the phone keeps item rows is settled first: everything after sees the rows that it has.
  const many = await openEncoders(outDir, floats);
  const rerank = floats.rerank.onnx.model.run;
  const parityRows = input.parityRows ?? MINIMUM_ROWS;
  const judge = (slates: Slate[]): Slate[] =>
    input.evaluationRows === undefined
      ? untilJudged(slates.slice(0, MAX_EVALUATED), ENOUGH_JUDGED)
      : slates.slice(0, input.evaluationRows);
  // Labels and items do not depend on the weights, so that one draw serves all of them.
  const drawn = await drawSlates(
    validation,
    phone.config,
    phone.weights,
    Math.max(input.evaluationRows ?? MAX_EVALUATED, SEARCHED * parityRows),
    seed,
    {
      ...options,
      enough: (slates) =>
        input.evaluationRows === undefined &&
        judge(slates).length < slates.length &&
        enoughForParity(slates, parityRows),
    },
  );
  const exactSlates = judge(drawn);
  // One row per item on both sides: what remains is the loss by number formats.
  const encode = (slates: Slate[]): Promise<EncodedSlate[]> =>
    encodeSlates(phone.config, many.encoders, slates, options);
  const exact = await score(rerank, exactSlates, await encode(exactSlates), options);
  let judged: { slates: Slate[]; encoded: EncodedSlate[] } = { slates: [], encoded: [] };
  const stored = await settleRows(input, version, rows, exact.auc, async (decoded) => {
    const slates = exactSlates.map((slate) => withItemRows(slate, decoded));
    judged = { slates, encoded: await encode(slates) };
    return await score(rerank, slates, judged.encoded, options);
  });

  const onStored = (slates: Slate[]): Slate[] =>
    slates.map((slate) => withItemRows(slate, stored.decoded));
  const forCalibration = await drawSlates(
    training,
    phone.config,
    phone.weights,
    input.calibrationRows ?? 256,
    seed,
    options,
  );
  const calibration = stepRows(await encode(onStored(forCalibration)), {
    perEntry: 1024,
    seed,
    entries,
  });
  const int8 = {} as Record<RerankerEntry, ModelFile>;
  for (const name of ORDER) {
    onProgress?.({ message: `calibrating ${name}` });
    int8[name] = await compileInt8(
      compile,
      entries[name],
      floats[name].graph,
      calibration[name],
      options,
    );
  }

  const searched = await drawOverDays(
    { ...input, family: 'rerank' },
    SEARCHED * parityRows,
    (dataset, count) => drawSlates(dataset, phone.config, phone.weights, count, seed, options),
    { first: drawn, enough: (slates) => enoughForParity(slates, parityRows) },
  );
  // Slates that were judged are encoded already.
  const known = new Map(judged.encoded.map((encoded, i) => [exactSlates[i]!, encoded]));
  const compared = slatesForParity(searched, parityRows);
  const fresh = compared.filter((slate) => !known.has(slate));
  (await encode(onStored(fresh))).forEach((encoded, i) => {
    known.set(fresh[i]!, encoded);
  });
  const held = stepRows(
    compared.map((slate) => known.get(slate)!),
    { perEntry: parityRows, seed, entries },
  );
  const parity: ParityResult[] = [];
  for (const name of ORDER) {
    const files = [floats[name].onnx, floats[name].float32, int8[name]];
    const run = {
      entry: entries[name],
      files,
      rows: held[name],
      tolerances: PARITY_TOLERANCES,
    };
    parity.push(...(await entryParity(run, options)));
  }
  const inInt8 = {
    encodeExposureStep: oneByOne(int8.encodeExposureStep.model),
    encodePageViewStep: oneByOne(int8.encodePageViewStep.model),
  };
  const quantised = await score(
    int8.rerank.model.run,
    judged.slates,
    await encodeSlates(phone.config, inInt8, judged.slates, options),
    options,
  );
  const choice: ProfileChoice = chooseProfile({
    metric: 'AUC',
    trained: exact.auc,
    int8: quantised.auc,
    rows: quantised.rows,
    int8Parity: parity.every(({ profile, passed }) => profile !== 'int8' || passed),
    int8Lint: ORDER.every((name) => int8[name].findings.length === 0),
  });

  const files = ORDER.flatMap((name) => [floats[name].onnx, floats[name].float32, int8[name]]);
  await writePart(
    {
      outDir,
      model,
      version,
      choice,
      reasons: stored.reasons,
      files,
      entries: ORDER.map((name) => ({ entry: entries[name], rows: held[name] })),
      parity,
      tolerances: PARITY_TOLERANCES,
      embeddings: stored.files,
      config: phoneConfig(config, version, rows.width, stored.dtype),
    },
    options,
  );
  await many.dispose();
  for (const file of files) await file.model.dispose();
  phone.weights['embedding/item']!.dispose();
  return {
    model,
    version,
    profile: choice.profile,
    trained: exact.auc,
    float32: stored.auc,
    int8: quantised.auc,
    loss: choice.loss,
    rowDtype: stored.dtype,
    evaluationRows: quantised.rows,
  };
}

/** The float encoders, each for many behaviours at once. */
async function openEncoders(
  outDir: string,
  floats: Record<RerankerEntry, FloatFiles>,
): Promise<{ encoders: Encoders; dispose(): Promise<void> }> {
  const exposures = await openForMany(outDir, floats.encodeExposureStep.onnx);
  const pageViews = await openForMany(outDir, floats.encodePageViewStep.onnx);
  return {
    encoders: { encodeExposureStep: exposures.run, encodePageViewStep: pageViews.run },
    dispose: async () => {
      await exposures.dispose();
      await pageViews.dispose();
    },
  };
}

/** int8 rows, or float16 ones when int8 loses too much. */
async function settleRows(
  input: ExportRerankerInput,
  modelVersionName: string,
  rows: ItemRows,
  exactAuc: number | null,
  measure: (decoded: ItemRows) => Promise<{ auc: number | null; rows: number }>,
): Promise<{
  dtype: 'int8' | 'float16';
  reasons: string[];
  files: string[];
  decoded: ItemRows;
  auc: number | null;
}> {
  const store = (dtype: 'int8' | 'float16') =>
    storeItemRows(
      rows,
      { outDir: input.outDir, model: 'reranker', modelVersion: modelVersionName, dtype },
      input,
    );
  const first = await store('int8');
  const measured = await measure(first.decoded);
  const { dtype, reason } = chooseRowDtype(exactAuc, measured.auc, measured.rows);
  if (dtype === 'int8') return { dtype, reasons: [reason], ...first, auc: measured.auc };
  const second = await store(dtype);
  const { auc } = await measure(second.decoded);
  return { dtype, reasons: [reason], ...second, auc };
}

/** What a phone must know to call the files rightly. */
function phoneConfig(
  config: RerankerConfig,
  version: string,
  width: number,
  dtype: string,
): Record<string, unknown> {
  const { hidden, layers, candidates, exposures, pageViews, useActions } = config;
  return {
    sizes: { hidden, layers, candidates, exposures, pageViews, itemVector: width },
    usesActions: useActions,
    embeddings: { model: 'reranker', modelVersion: version, width, dtype },
    state: {
      boundary: 'zeros before the oldest of the behaviours that are kept',
      kept: { encodeExposureStep: exposures, encodePageViewStep: pageViews },
      whenFull: 'drop the oldest and encode the kept ones again from zeros',
      encoding: `the last ${hidden} numbers of next_item and next_action after each step`,
      padding: 'zeros, after the behaviours, with mask 0',
    },
  };
}
