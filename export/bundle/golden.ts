/** Golden vectors: inputs with the outputs that every correct port must reach. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { type LoadedModel, loadOnnx, loadTflite, type NamedArrays } from '../../compiler/index.ts';
import { EdgeloomError } from '../../lib/errors.ts';
import { writeFileAtomic } from '../../lib/files.ts';
import type { RunOptions } from '../../lib/progress.ts';
import { compareOutputs, type ModelFunction, type OutputPair } from '../parity/compare.ts';
import type { BundleFile } from './manifest.ts';
import { verifyBundle } from './verify.ts';

const goldenTensor = z.strictObject({
  dtype: z.enum(['float32', 'int32']),
  shape: z.array(z.int().nonnegative()),
  data: z.array(z.number()),
});

const goldenVector = z.strictObject({
  inputs: z.record(z.string(), goldenTensor),
  outputs: z.record(z.string(), goldenTensor),
  tolerance: z.strictObject({
    float32: z.number().positive().describe('Largest absolute difference of a float file.'),
    int8: z.number().positive().describe('Largest relative RMS difference of an int8 file.'),
  }),
});

export const goldenFileSchema = z.array(goldenVector).min(1);
export type GoldenVector = z.infer<typeof goldenVector>;

/** `golden/<model>.<entry>.json` */
export const goldenPath = (model: string, entry: string): string => `golden/${model}.${entry}.json`;

export interface Tensor {
  shape: number[];
  /** Row-major. */
  data: Float32Array | Int32Array;
}

/** By the names of the TFLite signature and of the ONNX graph. */
export type Tensors = Record<string, Tensor>;

const arraysOf = (tensors: Tensors): NamedArrays =>
  Object.fromEntries(Object.entries(tensors).map(([name, { data }]) => [name, data]));

type Loaders = Record<
  NonNullable<BundleFile['format']>,
  (bytes: Uint8Array) => Promise<LoadedModel>
>;

/** The shortest number of at most nine digits, which is enough to give back any float32. */
const exactDecimal = (value: number): number => Number(value.toPrecision(9));

export interface GoldenCase {
  inputs: Tensors;
  outputs: Tensors;
}

/** Writes golden vectors of one entry point under `dir`; returns the path inside it. */
export async function writeGolden(
  dir: string,
  model: string,
  entry: string,
  cases: GoldenCase[],
  tolerance: GoldenVector['tolerance'],
): Promise<string> {
  const plain = (tensors: Tensors): GoldenVector['inputs'] =>
    Object.fromEntries(
      Object.entries(tensors).map(([name, { shape, data }]) => [
        name,
        {
          dtype: data instanceof Int32Array ? 'int32' : 'float32',
          shape,
          data: Array.from(data, exactDecimal),
        },
      ]),
    );
  const vectors: GoldenVector[] = cases.map(({ inputs, outputs }) => ({
    inputs: plain(inputs),
    outputs: plain(outputs),
    tolerance,
  }));
  const path = goldenPath(model, entry);
  await writeFileAtomic(join(dir, path), `${JSON.stringify(goldenFileSchema.parse(vectors))}\n`);
  return path;
}

/** @throws EdgeloomError `bad-golden` */
export async function readGolden(
  path: string,
): Promise<(GoldenCase & Pick<GoldenVector, 'tolerance'>)[]> {
  const typed = (tensors: GoldenVector['inputs']): Tensors =>
    Object.fromEntries(
      Object.entries(tensors).map(([name, { dtype, shape, data }]) => [
        name,
        { shape, data: dtype === 'int32' ? Int32Array.from(data) : Float32Array.from(data) },
      ]),
    );
  try {
    const vectors = goldenFileSchema.parse(JSON.parse(await readFile(path, 'utf8')));
    return vectors.map(({ inputs, outputs, tolerance }) => ({
      inputs: typed(inputs),
      outputs: typed(outputs),
      tolerance,
    }));
  } catch (error) {
    throw new EdgeloomError(
      {
        code: 'bad-golden',
        what: `Golden vectors cannot be read: ${(error as Error).message}`,
        where: path,
        fix: 'run the export stage again',
      },
      { cause: error },
    );
  }
}

export interface GoldenResult {
  path: string;
  vectors: number;
  maxAbs: number;
  relativeRms: number;
  passed: boolean;
}

/**
 * Verifies a bundle and runs its golden vectors through every model file, in LiteRT and ONNX Runtime.
 * @throws EdgeloomError as `verifyBundle`; `bad-golden` when a model file has no golden vectors
 */
export async function checkGolden(
  bundleDir: string,
  options: RunOptions & { loaders?: Loaders } = {},
): Promise<GoldenResult[]> {
  const manifest = await verifyBundle(bundleDir, options);
  const loaders = options.loaders ?? { tflite: loadTflite, onnx: loadOnnx };
  const results: GoldenResult[] = [];
  for (const file of manifest.files) {
    if (!file.format || !file.model || !file.entry) continue;
    options.signal?.throwIfAborted();
    options.onProgress?.({ message: `golden vectors of ${file.path}` });
    const golden = await readGolden(join(bundleDir, goldenPath(file.model, file.entry)));
    const loaded = await loaders[file.format](await readFile(join(bundleDir, file.path)));
    try {
      results.push(await runGolden(file, golden, loaded.run));
    } finally {
      await loaded.dispose();
    }
  }
  return results;
}

async function runGolden(
  file: BundleFile,
  golden: Awaited<ReturnType<typeof readGolden>>,
  run: ModelFunction,
): Promise<GoldenResult> {
  const pairs: OutputPair[] = [];
  for (const { inputs, outputs } of golden) {
    pairs.push({ expected: arraysOf(outputs), actual: await run(arraysOf(inputs)) });
  }
  const { maxAbs, relativeRms } = compareOutputs(pairs);
  const { tolerance } = golden[0]!;
  const passed =
    file.profile === 'int8' ? relativeRms <= tolerance.int8 : maxAbs <= tolerance.float32;
  return { path: file.path, vectors: golden.length, maxAbs, relativeRms, passed };
}
