/** One function of the phone as the Python scripts of this folder read it, and as our files. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type * as tf from '@tensorflow/tfjs';
import {
  calibrate,
  countOperations,
  type NamedArrays,
  record,
  type TfliteOptions,
  toTflite,
} from '../../compiler/index.ts';
import type { EntryPoint, TensorMap } from '../../export/models/entry-point.ts';
import { type NamedTensor, writeSafetensors } from '../../lib/safetensors.ts';

export interface Subject {
  entry: EntryPoint;
  weights: TensorMap;
  /** Rows for int8's ranges, ours and theirs. */
  calibration: NamedArrays[];
  /** Rows that neither training nor calibration saw. */
  held: NamedArrays[];
  /** Where weights and rows come from. */
  data: string;
}

/** Rows of each input, one after the other: [rows, …shape without its leading 1]. */
function columns({ inputs }: EntryPoint, part: string, rows: NamedArrays[]) {
  return Object.entries(inputs).map(([name, { shape }]): [string, NamedTensor] => {
    const width = shape.reduce((product, size) => product * size, 1);
    const data = new Float32Array(rows.length * width);
    for (const [i, row] of rows.entries()) data.set(row[name]!, i * width);
    return [`${part}/${name}`, { shape: [rows.length, ...shape.slice(1)], data }];
  });
}

/** @param folder made here */
export async function writeSubject(folder: string, subject: Subject): Promise<void> {
  const { entry, weights, calibration, held } = subject;
  await mkdir(folder, { recursive: true });
  const inputs = Object.entries(entry.inputs).map(([name, { shape }]) => [name, shape]);
  const graph = record(entry.run, entry.inputs, {
    name: entry.name,
    weights,
    masks: entry.masks,
  });
  const loops = countOperations(graph).gru !== undefined;
  const forms = loops ? ['unrolled', 'choosing', 'loop'] : ['unrolled'];
  const about = { name: entry.name, inputs: Object.fromEntries(inputs), forms };
  await writeFile(join(folder, 'subject.json'), JSON.stringify(about));
  const rows = [...columns(entry, 'calibration', calibration), ...columns(entry, 'held', held)];
  await writeSafetensors(join(folder, 'rows.safetensors'), Object.fromEntries(rows));
  const own = Object.entries(weights)
    .filter(([name]) => !name.startsWith('embedding/'))
    .map(([name, tensor]: [string, tf.Tensor]): [string, NamedTensor] => [
      name,
      { shape: tensor.shape, data: tensor.dataSync() as Float32Array },
    ]);
  await writeSafetensors(join(folder, 'weights.safetensors'), Object.fromEntries(own));
  const write = (form: string, options: TfliteOptions): Promise<void> =>
    writeFile(join(folder, `ours.${form}.${options.profile}.tflite`), toTflite(graph, options));
  await write('unrolled', { profile: 'float32', recurrence: 'unrolled' });
  if (loops) await write('loop', { profile: 'float32', recurrence: 'while' });
  await write('unrolled', { profile: 'int8', calibration: calibrate(graph, calibration) });
}
