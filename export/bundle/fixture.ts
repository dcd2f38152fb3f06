/** A small bundle for tests: real shards, golden vectors of y = 2x, model files of plain bytes. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { writeShards } from '../shards/write.ts';
import { type BuildBundleInput, type BundleMeta, buildBundle } from './build.ts';
import { writeGolden } from './golden.ts';
import type { Manifest } from './manifest.ts';
import { PART_FILE, type Part } from './part.ts';

export const META: BundleMeta = {
  label: '2022-04-30',
  dataset: { name: 'toy', simulated: true, description: 'Made for tests.' },
  lineage: {
    run: 'daily/2022-04-30',
    dates: { training: ['2022-04-28', '2022-04-29'], validation: '2022-04-30' },
    commit: 'unknown',
    inputs: { logs: 'a'.repeat(64) },
  },
  metrics: {},
  gates: [],
  skipped: [{ stage: 'uplift', reason: 'the log has no randomised decisions' }],
};

/** An export folder of a model with one entry point `double`. */
export async function writePart(
  folder: string,
  change: Partial<Part> = {},
  weights = 'weights',
): Promise<void> {
  const model = change.model ?? 'reranker';
  const version = change.version ?? 'v1';
  const float32 = (values: number[]) => ({
    shape: [values.length],
    data: Float32Array.from(values),
  });
  await mkdir(join(folder, model), { recursive: true });
  await writeFile(join(folder, `${model}/double.int8.tflite`), `tflite ${weights}`);
  await writeFile(join(folder, `${model}/double.onnx`), `onnx ${weights}`);
  await writeFile(join(folder, `${model}/double.float32.tflite`), 'stays behind');
  await writeFile(join(folder, `${model}/config.json`), '{}\n');
  const golden = await writeGolden(
    folder,
    model,
    'double',
    [{ inputs: { x: float32([1, 2]) }, outputs: { y: float32([2, 4]) } }],
    { float32: 1e-4, int8: 0.1 },
  );
  const table = await writeShards({
    ids: ['a', 'b'],
    vectors: Float32Array.of(1, 2),
    unknown: Float32Array.of(0),
    model,
    modelVersion: version,
    outDir: join(folder, 'embeddings'),
    parquet: false,
  });
  const part: Part = {
    model,
    version,
    entries: ['double'],
    chosenProfile: 'int8',
    reasons: ['int8 ships: it loses nothing.'],
    minimumRuntimes: { tflite: '2.3.0', onnxOpset: 17 },
    files: [
      {
        path: `${model}/double.int8.tflite`,
        role: 'model',
        model,
        entry: 'double',
        format: 'tflite',
        profile: 'int8',
      },
      {
        path: `${model}/double.onnx`,
        role: 'model',
        model,
        entry: 'double',
        format: 'onnx',
        profile: 'float32',
      },
      { path: `${model}/config.json`, role: 'model', model },
      { path: golden, role: 'golden', model, entry: 'double' },
      { path: 'embeddings/index.json', role: 'embeddings' },
      ...table.shards.map(({ path }) => ({
        path: `embeddings/${path}`,
        role: 'embeddings' as const,
        model,
      })),
    ],
    ...change,
  };
  await writeFile(join(folder, PART_FILE), JSON.stringify(part));
}

/** Builds a bundle at `root/bundle<name>` from one part. */
export async function buildToyBundle(
  root: string,
  name = '',
  weights = 'weights',
  change: Partial<BuildBundleInput> = {},
): Promise<{ dir: string; manifest: Manifest }> {
  const part = join(root, `part${name}`);
  await writePart(part, {}, weights);
  const features = join(root, `features${name}.json`);
  await writeFile(features, '{"version":1}\n');
  const dir = join(root, `bundle${name}`);
  const manifest = await buildBundle({
    parts: [part],
    features,
    outDir: dir,
    meta: META,
    documents: async () => ({ card: '# Card\n', report: '<!doctype html>\n' }),
    ...change,
  });
  return { dir, manifest };
}
