/** Random batches and starting weights in one file, for every process that trains the same model. */
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { Random } from '../../lib/random.ts';
import { type NamedTensor, SafetensorsFile, writeSafetensors } from '../../lib/safetensors.ts';
import type { Model, Tensors } from '../../models/engine/types.ts';

type Batch = Record<string, NamedTensor>;

/** Rows of the table that a column's numbers point into. */
export type RowsOf = (column: string) => number;

const fileOf = (folder: string, model: Model): string => join(folder, `${model.name}.safetensors`);

/** The shape of a batch's column; labels that may be cut are cut to the middle length. */
function shapeOf({ inputs, labelCut }: Model, column: string): number[] {
  const { shape } = inputs[column]!;
  if (!labelCut?.columns.includes(column)) return shape;
  const length = labelCut.lengths[Math.floor(labelCut.lengths.length / 2)]!;
  return [length, ...shape.slice(1)];
}

/** Ids lean to the low numbers, as items do to the popular ones; sequences have 5 to 50 steps. */
function randomBatch(model: Model, rows: number, rowsOf: RowsOf, random: Random): Batch {
  const lengths = Array.from({ length: rows }, () => 5 + random.below(46));
  const numberAt = (column: string, row: number, step: number): number => {
    if (model.inputs[column]!.dtype === 'int32') {
      return Math.floor(random.uniform() * random.uniform() * rowsOf(column));
    }
    if (column.startsWith('label')) return Number(random.chance(0.3));
    if (column.endsWith('mask')) return step < lengths[row]! ? 1 : 0;
    return random.uniform();
  };
  const entries = Object.entries(model.inputs).map(([name, { dtype }]): [string, NamedTensor] => {
    const shape = shapeOf(model, name);
    const width = shape.reduce((product, n) => product * n, 1);
    const data = new (dtype === 'int32' ? Int32Array : Float32Array)(rows * width);
    for (let i = 0; i < data.length; i++)
      data[i] = numberAt(name, Math.floor(i / width), i % width);
    return [name, { shape: [rows, ...shape], data }];
  });
  return Object.fromEntries(entries);
}

export interface TrainingFile {
  model: Model;
  folder: string;
  /** Rows of a batch. */
  batch: number;
  /** Batches, which training goes through again and again. */
  batches: number;
  rowsOf: RowsOf;
}

/** Writes `<folder>/<model>.safetensors`: `weights/<name>` and `<batch>/<column>`. */
export async function writeTraining(input: TrainingFile): Promise<void> {
  const { model, folder, batch, batches, rowsOf } = input;
  const tensors: Record<string, NamedTensor> = {};
  const weights = model.init(1);
  for (const [name, weight] of Object.entries(weights)) {
    tensors[`weights/${name}`] = { shape: weight.shape, data: weight.dataSync() as Float32Array };
  }
  tf.dispose(weights);
  for (let i = 0; i < batches; i++) {
    const columns = randomBatch(model, batch, rowsOf, Random.of(1, 'batch', i));
    for (const [name, column] of Object.entries(columns)) tensors[`${i}/${name}`] = column;
  }
  await writeSafetensors(fileOf(folder, model), tensors);
}

/** The caller disposes the tensors. */
export async function readTraining(
  folder: string,
  model: Model,
): Promise<{ weights: Tensors; batches: Tensors[] }> {
  const file = await SafetensorsFile.open(fileOf(folder, model));
  const groups: Record<string, Tensors> = {};
  for (const [name, { data, shape }] of Object.entries(await file.readAll())) {
    const [group] = name.split('/', 1) as [string];
    groups[group] ??= {};
    const dtype = data instanceof Int32Array ? 'int32' : 'float32';
    groups[group][name.slice(group.length + 1)] = tf.tensor(data as Float32Array, shape, dtype);
  }
  await file.close();
  const { weights, ...batches } = groups;
  return { weights: weights!, batches: Object.values(batches) };
}
