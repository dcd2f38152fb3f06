/** Entry points to model files, opened in the runtimes that phones have. */
import { join } from 'node:path';
import {
  calibrate,
  type Finding,
  type Graph,
  type LoadedModel,
  lintOnnx,
  lintTflite,
  loadOnnx,
  loadTflite,
  type NamedArrays,
  record,
  toOnnx,
  toTflite,
} from '../../compiler/index.ts';
import { readModel } from '../../compiler/tflite/read.ts';
import { RUNTIME_METADATA } from '../../compiler/tflite/schema.ts';
import { EdgeloomError } from '../../lib/errors.ts';
import { writeFileAtomic } from '../../lib/files.ts';
import type { RunOptions } from '../../lib/progress.ts';
import type { EntryPoint, TensorMap } from './entry-point.ts';

/** ONNX files are written for this operator set. */
export const ONNX_OPSET = 17;

export interface ModelFile {
  /** Path in the bundle. */
  path: string;
  entry: string;
  format: 'tflite' | 'onnx';
  profile: 'float32' | 'int8';
  /** Where parity was measured. */
  runtime: 'LiteRT' | 'ONNX Runtime';
  /** Oldest TensorFlow Lite that runs it; null for ONNX. */
  minimumRuntime: string | null;
  findings: Finding[];
  model: LoadedModel;
}

export interface FloatFiles {
  graph: Graph;
  onnx: ModelFile;
  float32: ModelFile;
}

/** What all files of one export share. */
export interface CompileInput {
  /** Name of the model: first folder of the paths. */
  model: string;
  outDir: string;
  /** Tensors that the entry points close over, by name. */
  weights: TensorMap;
}

/**
 * Records an entry point and writes its float files.
 * @throws EdgeloomError `unsupported-op`; `export-lint` when the linter refuses a file
 */
export async function compileFloat(input: CompileInput, entry: EntryPoint): Promise<FloatFiles> {
  const { model, weights } = input;
  const { masks } = entry;
  const name = `${model}.${entry.name}`;
  const graph = record(entry.run, entry.inputs, { name, weights, masks });
  const onnx = await writeOnnx(input, entry, graph);
  const float32 = await writeTflite(
    input,
    entry,
    toTflite(graph, { profile: 'float32' }),
    'float32',
  );
  for (const { path, findings } of [onnx, float32]) {
    if (findings.length === 0) continue;
    throw new EdgeloomError({
      code: 'export-lint',
      what: `The linter refuses the file: ${findings.map(({ message }) => message).join('; ')}`,
      where: path,
      fix: 'a defect of the compiler: keep the checkpoint and report it',
    });
  }
  return { graph, onnx, float32 };
}

/** The int8 file, calibrated on training rows. Findings of the linter are kept, not thrown. */
export async function compileInt8(
  input: CompileInput,
  entry: EntryPoint,
  graph: Graph,
  rows: NamedArrays[],
  options: RunOptions = {},
): Promise<ModelFile> {
  const calibration = calibrate(graph, rows, options);
  return await writeTflite(input, entry, toTflite(graph, { profile: 'int8', calibration }), 'int8');
}

async function writeOnnx(
  { model, outDir }: CompileInput,
  entry: EntryPoint,
  graph: Graph,
): Promise<ModelFile> {
  const path = `${model}/${entry.name}.onnx`;
  const bytes = toOnnx(graph, { profile: 'float32' });
  await writeFileAtomic(join(outDir, path), bytes);
  return {
    path,
    entry: entry.name,
    format: 'onnx',
    profile: 'float32',
    runtime: 'ONNX Runtime',
    minimumRuntime: null,
    findings: lintOnnx(bytes),
    model: await loadOnnx(bytes),
  };
}

async function writeTflite(
  { model, outDir }: CompileInput,
  entry: EntryPoint,
  bytes: Uint8Array,
  profile: ModelFile['profile'],
): Promise<ModelFile> {
  const path = `${model}/${entry.name}.${profile}.tflite`;
  await writeFileAtomic(join(outDir, path), bytes);
  return {
    path,
    entry: entry.name,
    format: 'tflite',
    profile,
    runtime: 'LiteRT',
    minimumRuntime: statedRuntime(bytes),
    findings: lintTflite(bytes),
    model: await loadTflite(bytes),
  };
}

/** `min_runtime_version` of a TFLite file. */
function statedRuntime(bytes: Uint8Array): string {
  const { metadata, buffers } = readModel(bytes);
  const entry = metadata.find(({ name }) => name === RUNTIME_METADATA);
  const data = entry && buffers[entry.buffer]?.data;
  if (!data) throw new Error(`the TFLite file does not state ${RUNTIME_METADATA}`);
  return new TextDecoder().decode(data).replaceAll('\0', '');
}
