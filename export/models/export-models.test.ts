import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { NamedArrays } from '../../compiler/index.ts';
import { loadWeights, readDescription } from '../../models/engine/checkpoint.ts';
import { Dataset } from '../../models/engine/dataset.ts';
import { predictAll } from '../../models/engine/predict.ts';
import { eagerScorer } from '../../models/engine/scorer.ts';
import { rerankerConfig, rerankerModel } from '../../models/reranker/model.ts';
import { buildBundle } from '../bundle/build.ts';
import { META } from '../bundle/fixture.ts';
import { checkGolden } from '../bundle/golden.ts';
import { readPart } from '../bundle/part.ts';
import { openShards } from '../shards/open.ts';
import { encodeSlates } from './chain.ts';
import { type EntryPoint, runTrained } from './entry-point.ts';
import { exportReranker } from './export-reranker.ts';
import { exportUplift } from './export-uplift.ts';
import { TEST_DATES, writeExportTensors, writeReranker, writeUplift } from './fixture.ts';
import { readItemRows } from './item-rows.ts';
import { onPhone } from './on-phone.ts';
import { rerankerEntries } from './reranker-entries.ts';
import { drawSlates } from './slates.ts';

const ROWS = 60;
let root: string;
let tensorsDir: string;
let checkpointDir: string;
beforeAll(async () => {
  await tf.setBackend('cpu');
  root = await mkdtemp(join(tmpdir(), 'export-'));
  tensorsDir = join(root, 'tensors');
  checkpointDir = join(root, 'reranker');
  await writeExportTensors(tensorsDir, ROWS);
  await writeReranker(tensorsDir, checkpointDir);
});
afterAll(async () => {
  await rm(root, { recursive: true, force: true });
});

const days = { trainDates: TEST_DATES.slice(0, 1), validDate: TEST_DATES[1]!, seed: 1 };
const rows = { calibrationRows: 40, parityRows: 50, evaluationRows: 60 };

async function exported(name: string): Promise<string> {
  const outDir = join(root, name);
  await mkdir(outDir);
  await exportReranker({ tensorsDir, checkpointDir, outDir, ...days, ...rows });
  return outDir;
}

describe('export of the reranker', () => {
  it.each([true, false])(
    'steps and scorer compute what the model computes on whole slates (actions: %s)',
    async (useActions) => {
      const folder = join(root, `chain-${useActions}`);
      await writeReranker(tensorsDir, folder, { useActions, layers: 2 });
      const config = rerankerConfig.parse((await readDescription(folder)).config);
      const weights = await loadWeights(folder);
      const dataset = await Dataset.open(tensorsDir, 'rerank', [TEST_DATES[1]!]);
      const whole = await predictAll(eagerScorer(rerankerModel(config), weights), dataset, 16);
      const phone = onPhone(
        config,
        weights,
        await readItemRows(tensorsDir, config.fields, weights),
      );
      const entries = rerankerEntries(phone.config, phone.weights);
      const call = (entry: EntryPoint) => (calls: NamedArrays[]) => runTrained(entry, calls);
      const encoders = {
        encodeExposureStep: call(entries.encodeExposureStep),
        encodePageViewStep: call(entries.encodePageViewStep),
      };
      // The model's own scores by slate, found again by what the draw shuffles along.
      const slates = await drawSlates(dataset, config, weights, ROWS, 1);
      const N = config.candidates;
      const found = new Map<string, Float32Array>();
      const dense = (await dataset.readColumns(['cand_dense'])).cand_dense!.data;
      for (let row = 0; row < ROWS; row++) {
        found.set(
          String(dense.slice(row * N * 2, (row + 1) * N * 2)),
          whole.slice(row * N, (row + 1) * N),
        );
      }
      await dataset.close();
      const encoded = await encodeSlates(phone.config, encoders, slates.slice(0, 10));
      for (const [i, slate] of slates.slice(0, 10).entries()) {
        const [called] = await call(entries.rerank)([encoded[i]!.inputs]);
        const { scores } = called!;
        const expected = found.get(String(slate.inputs.cand_dense))!;
        slate.inputs.cand_mask!.forEach((mask, n) => {
          expect(scores![n]).toBeCloseTo(mask === 1 ? expected[n]! : 0, 5);
        });
      }
    },
  );

  it('makes a part that becomes a bundle whose golden vectors hold in both runtimes', async () => {
    const part = await exported('part');
    const bundle = join(root, 'bundle');
    const manifest = await buildBundle({
      parts: [part],
      features: join(tensorsDir, 'features.json'),
      outDir: bundle,
      meta: META,
      documents: async () => ({ card: '', report: '' }),
    });
    expect(Object.keys(manifest.models)).toEqual(['reranker']);
    const golden = await checkGolden(bundle);
    expect(golden).toHaveLength(6);
    expect(golden.filter(({ passed }) => !passed)).toEqual([]);
    const shards = await openShards(join(bundle, 'embeddings'), {
      modelVersion: manifest.models.reranker!.version,
    });
    expect(shards.table.rows).toBe(39);
    await shards.close();
  });

  it('gives equal bytes for equal inputs', async () => {
    const [first, second] = [await exported('first'), await exported('second')];
    const { files } = await readPart(first);
    expect((await readPart(second)).files).toEqual(files);
    for (const { path } of [...files, { path: 'part.json' }, { path: 'parity.json' }]) {
      expect((await readFile(join(second, path))).equals(await readFile(join(first, path)))).toBe(
        true,
      );
    }
  });

  it('refuses tensors that the model was not trained on', async () => {
    const other = join(root, 'other');
    await writeExportTensors(other, 10);
    await writeFile(join(other, 'vocabulary.json'), JSON.stringify({ version: 1, item: ['a'] }));
    const outDir = join(root, 'refused');
    await mkdir(outDir);
    const run = exportReranker({ tensorsDir: other, checkpointDir, outDir, ...days, ...rows });
    await expect(run).rejects.toMatchObject({ code: 'bad-tensors' });
  });
});

describe('export of request uplift', () => {
  it('makes a part with a threshold that keeps the budget, and item rows of its own', async () => {
    const checkpoint = join(root, 'uplift');
    await writeUplift(tensorsDir, checkpoint);
    const outDir = join(root, 'uplift-part');
    await mkdir(outDir);
    const summary = await exportUplift({
      tensorsDir,
      checkpointDir: checkpoint,
      outDir,
      ...days,
      ...rows,
      budget: 0.25,
    });
    expect(summary.budgetUsed).toBeLessThanOrEqual(0.25);
    expect(summary.float32).toBeCloseTo(summary.trained!, 6);
    const config = JSON.parse(await readFile(join(outDir, 'uplift/config.json'), 'utf8'));
    expect(config.rule.threshold).toBe(summary.threshold);
    expect(config.embeddings.model).toBe('uplift');
  });

  it('shares the item rows of a reranker that has the same tables, and no others', async () => {
    const reranker = await exported('owner');
    const checkpoint = join(root, 'uplift-shared');
    await writeUplift(tensorsDir, checkpoint, true);
    const run = async (name: string): Promise<string> => {
      const outDir = join(root, name);
      await mkdir(outDir);
      await exportUplift({
        tensorsDir,
        checkpointDir: checkpoint,
        outDir,
        ...days,
        ...rows,
        budget: 0.5,
        rerankerPart: reranker,
      });
      return JSON.parse(await readFile(join(outDir, 'uplift/config.json'), 'utf8')).embeddings
        .model;
    };
    expect(await run('own-tables')).toBe('uplift');
    await copyTables(checkpointDir, checkpoint);
    expect(await run('same-tables')).toBe('reranker');
  });
});

/** Gives a checkpoint the id tables of another. */
async function copyTables(from: string, to: string): Promise<void> {
  const { SafetensorsFile, writeSafetensors } = await import('../../lib/safetensors.ts');
  const source = await SafetensorsFile.open(join(from, 'weights.safetensors'));
  const target = await SafetensorsFile.open(join(to, 'weights.safetensors'));
  const weights = await target.readAll();
  for (const name of source.names()) {
    if (name.startsWith('embedding/')) weights[name] = await source.read(name);
  }
  await source.close();
  await target.close();
  await writeSafetensors(join(to, 'weights.safetensors'), weights);
}
