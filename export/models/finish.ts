/** The last steps of every export: parity, golden vectors, config, `part.json`. */
import { join } from 'node:path';
import type { NamedArrays } from '../../compiler/index.ts';
import { EdgeloomError } from '../../lib/errors.ts';
import { writeFileAtomic } from '../../lib/files.ts';
import { canonicalJson, sha256, sha256File } from '../../lib/hash.ts';
import type { RunOptions } from '../../lib/progress.ts';
import { laterVersion } from '../bundle/build.ts';
import { writeGolden } from '../bundle/golden.ts';
import { PART_FILE, type Part, type PartFile } from '../bundle/part.ts';
import { checkParity, type ParityResult, type ParityTolerances } from '../parity/check.ts';
import type { ProfileChoice } from '../quantize/choose.ts';
import { type ModelFile, ONNX_OPSET } from './compile-entry.ts';
import { type EntryPoint, runTrained } from './entry-point.ts';

const GOLDEN_CASES = 3;

/** Names one training result: a phone never mixes files of different versions. */
export async function modelVersion(
  checkpointDir: string,
  model: string,
  config: Record<string, unknown>,
): Promise<string> {
  const weights = await sha256File(join(checkpointDir, 'weights.safetensors'));
  return `${model}-${sha256(canonicalJson({ weights, config })).slice(0, 12)}`;
}

export interface ParityRun {
  entry: EntryPoint;
  files: ModelFile[];
  rows: NamedArrays[];
  tolerances: ParityTolerances;
}

/**
 * Parity of the files of one entry point. A float file that fails is a defect; an int8 file that
 * fails does not ship.
 * @throws EdgeloomError `parity-failed`
 */
export async function entryParity(
  { entry, files, rows, tolerances }: ParityRun,
  options: RunOptions,
): Promise<ParityResult[]> {
  const results = await checkParity({
    reference: (all) => runTrained(entry, all, options),
    files: files.map(({ model, ...file }) => ({ ...file, run: (inputs) => model.run(inputs) })),
    rows,
    tolerances,
    // Small logs are released too: the gate of the bundle says when rows are few.
    minimumRows: 1,
    ...options,
  });
  for (const { path, profile, passed, maxAbs, bound } of results) {
    if (passed || profile !== 'float32') continue;
    throw new EdgeloomError({
      code: 'parity-failed',
      what: `The file does not compute the trained model: it is ${maxAbs} away, ${bound}`,
      where: path,
      fix: 'a defect of the compiler: keep the checkpoint and report it',
    });
  }
  return results;
}

export interface PartInput {
  outDir: string;
  model: string;
  version: string;
  choice: ProfileChoice;
  /** More reasons for the card, such as how item rows are kept. */
  reasons: string[];
  files: ModelFile[];
  entries: { entry: EntryPoint; rows: NamedArrays[] }[];
  parity: ParityResult[];
  tolerances: ParityTolerances;
  /** Paths of embedding files, if the model brings any. */
  embeddings: string[];
  /** What a phone must know beyond the files, as JSON. */
  config: Record<string, unknown>;
}

/** Writes golden vectors, `<model>/config.json`, `parity.json` and `part.json`. */
export async function writePart(input: PartInput, options: RunOptions): Promise<Part> {
  const { outDir, model, version, choice, files, tolerances } = input;
  const ships = (file: ModelFile): boolean =>
    file.format === 'onnx' || file.profile === choice.profile;
  const shipped = files.filter(ships);
  const marks: PartFile[] = shipped.map(({ path, entry, format, profile }) => ({
    path,
    role: 'model',
    model,
    entry,
    format,
    profile,
  }));
  const entries: Record<string, unknown> = {};
  for (const { entry, rows } of input.entries) {
    const cases = rows.slice(0, GOLDEN_CASES);
    const outputs = await runTrained(entry, cases, options);
    const shaped = outputs.map((output, i) => ({
      inputs: withShapes(cases[i]!, (name) => [...entry.inputs[name]!.shape]),
      outputs: withShapes(output, (_, length) => [1, length]),
    }));
    const path = await writeGolden(outDir, model, entry.name, shaped, {
      float32: tolerances.float32MaxAbs,
      int8: tolerances.int8RelativeRms,
    });
    marks.push({ path, role: 'golden', model, entry: entry.name });
    entries[entry.name] = {
      inputs: Object.fromEntries(
        Object.entries(entry.inputs).map(([name, { shape, dtype }]) => [name, { dtype, shape }]),
      ),
      outputs: Object.fromEntries(
        Object.entries(shaped[0]!.outputs).map(([name, { shape }]) => [
          name,
          { dtype: 'float32', shape },
        ]),
      ),
      files: Object.fromEntries(
        shipped
          .filter((file) => file.entry === entry.name)
          .map(({ format, path: at }) => [format, at]),
      ),
    };
  }
  const configPath = `${model}/config.json`;
  const config = { version: 1, model, modelVersion: version, entries, ...input.config };
  await writeFileAtomic(join(outDir, configPath), `${JSON.stringify(config, null, 2)}\n`);
  marks.push({ path: configPath, role: 'model', model });
  for (const path of input.embeddings) {
    // The index holds the tables of all models of the bundle.
    marks.push({ path, role: 'embeddings', ...(path.endsWith('index.json') ? {} : { model }) });
  }
  await writeFileAtomic(
    join(outDir, 'parity.json'),
    `${JSON.stringify({ tolerances, files: input.parity }, null, 2)}\n`,
  );
  const part: Part = {
    model,
    version,
    entries: input.entries.map(({ entry }) => entry.name),
    chosenProfile: choice.profile,
    reasons: [...choice.reasons, ...input.reasons],
    minimumRuntimes: {
      tflite: shipped
        .flatMap(({ minimumRuntime }) => minimumRuntime ?? [])
        .reduce(laterVersion, '0.0.0'),
      onnxOpset: ONNX_OPSET,
    },
    files: marks,
  };
  await writeFileAtomic(join(outDir, PART_FILE), `${JSON.stringify(part, null, 2)}\n`);
  return part;
}

function withShapes(
  arrays: NamedArrays,
  shapeOf: (name: string, length: number) => number[],
): Record<string, { shape: number[]; data: Float32Array }> {
  return Object.fromEntries(
    Object.entries(arrays).map(([name, data]) => [
      name,
      { shape: shapeOf(name, data.length), data: Float32Array.from(data) },
    ]),
  );
}
