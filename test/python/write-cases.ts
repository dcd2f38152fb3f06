/** Writes what the Python scripts read: model files, cases.json, golden.safetensors (see cases.py). */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type NamedArrays, record } from '../../compiler/index.ts';
import { floatOperations, int8Operations } from '../../compiler/testing/op-cases.ts';
import { expected, randomInputs, type Subject } from '../../compiler/testing/parity.ts';
import { readModel } from '../../compiler/tflite/read.ts';
import { RUNTIME_METADATA } from '../../compiler/tflite/schema.ts';
import { Random } from '../../lib/random.ts';
import { type NamedTensor, writeSafetensors } from '../../lib/safetensors.ts';
import { phoneEntries } from '../export/entries.ts';
import { isForMnn } from './known.ts';
import { PROFILES, type Profile } from './profiles.ts';

export interface Case {
  id: string;
  /** Operation or entry point. */
  subject: string;
  profile: Profile;
  /** What a TFLite file says in `min_runtime_version`. */
  minRuntime: string | undefined;
}

const SEED = 17;
const CALIBRATION_ROWS = 16;
/** The first calibration rows, so that nothing lies beyond int8's ranges. */
const GOLDEN_ROWS = 2;

/** Every operation of the compiler once, and the phones' entry points at real size. */
function subjects(): Record<string, Subject> {
  const operations = Object.entries({ ...int8Operations, ...floatOperations });
  const entries = Object.entries(phoneEntries);
  return {
    ...Object.fromEntries(entries.map(([name, make]) => [name, make()])),
    ...Object.fromEntries(operations.map(([name, make]) => [name, make(Random.of(SEED, name))])),
  };
}

function minRuntimeOf(bytes: Uint8Array): string {
  const { metadata, buffers } = readModel(bytes);
  const entry = metadata.find(({ name }) => name === RUNTIME_METADATA);
  return new TextDecoder().decode(buffers[entry?.buffer ?? 0]?.data).replaceAll('\0', '');
}

const flat = (data: NamedArrays[string]): NamedTensor['data'] =>
  data instanceof Uint8Array ? Int32Array.from(data) : data;

/** Writes every subject in every profile. Equal code gives equal files. @param folder an existing one */
export async function writeCases(folder: string): Promise<Case[]> {
  const golden: Record<string, NamedTensor> = {};
  const entries: object[] = [];
  const cases: Case[] = [];
  await mkdir(join(folder, 'files'));
  for (const [subject, made] of Object.entries(subjects())) {
    const rows = Array.from({ length: CALIBRATION_ROWS }, (_, i) =>
      randomInputs(made, Random.of(SEED, subject, i)),
    );
    const graph = record(made.run, made.inputs, { masks: made.masks });
    const tested = rows.slice(0, GOLDEN_ROWS);
    const fromTfjs = tested.map((row) => expected(made, row));
    for (const profile of PROFILES) {
      if (profile.subjects && !profile.subjects.includes(subject)) continue;
      const id = `${subject}, ${profile.name}`;
      const file = join('files', `${cases.length}.${profile.format}`);
      const bytes = profile.write(graph, rows);
      await writeFile(join(folder, file), bytes);
      const model = await profile.twin?.(bytes);
      for (const [i, row] of tested.entries()) {
        const wanted = model ? await model.run(row) : fromTfjs[i]!;
        for (const [name, { shape }] of Object.entries(made.inputs)) {
          golden[`${id}/${i}/in/${name}`] = { shape: [...shape], data: flat(row[name]!) };
        }
        for (const [name, data] of Object.entries(wanted)) {
          golden[`${id}/${i}/out/${name}`] = { shape: [data.length], data: flat(data) };
        }
      }
      await model?.dispose();
      const outputs = graph.outputs.map(({ name }) => name);
      entries.push({
        ...{ id, file, format: profile.format, rows: GOLDEN_ROWS, outputs },
        mnn: isForMnn(subject, profile.name),
      });
      const minRuntime = profile.format === 'tflite' ? minRuntimeOf(bytes) : undefined;
      cases.push({ id, subject, profile, minRuntime });
    }
  }
  await writeSafetensors(join(folder, 'golden.safetensors'), golden);
  await writeFile(join(folder, 'cases.json'), JSON.stringify(entries));
  return cases;
}
