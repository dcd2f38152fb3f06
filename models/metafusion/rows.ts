/** The rows of one day that belong to some users, in memory: what one cohort learns from. */
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import type { RunOptions } from '../../lib/progress.ts';
import { Random } from '../../lib/random.ts';
import { type NamedTensor, SafetensorsFile, type TensorData } from '../../lib/safetensors.ts';
import { makeBatch } from '../engine/batch-tensors.ts';
import { type Columns, checkColumns, storedColumns } from '../engine/columns.ts';
import type { InputSpec, Tensors } from '../engine/types.ts';

const BLOCK_ROWS = 1024;

export interface DayRows {
  columns: Columns;
  rows: number;
  /** User of each row. */
  user: Int32Array;
}

/**
 * Reads the rows of the users that `keep` accepts, block by block: memory holds those rows and one
 * block. Rows come sorted by user, in file order within a user. Columns are those that `inputs`
 * need, and `extra`.
 * @param limits rows of the tables that int32 columns point into
 * @throws EdgeloomError `bad-samples`, `bad-safetensors`
 */
export async function readRows(
  tensorsDir: string,
  date: string,
  inputs: Record<string, InputSpec>,
  keep: (user: number) => boolean,
  extra: string[],
  limits: Record<string, number>,
  { signal }: RunOptions = {},
): Promise<DayRows> {
  const path = join(tensorsDir, 'rerank', `${date}.safetensors`);
  const file = await SafetensorsFile.open(path);
  try {
    const users = (await file.read('user')).data as Int32Array;
    const kept: number[] = [];
    users.forEach((user, row) => {
      if (keep(user)) kept.push(row);
    });
    // Block reads go forward; the order by user is made at the end.
    const byUser = kept
      .map((_, i) => i)
      .sort((a, b) => users[kept[a]!]! - users[kept[b]!]! || a - b);
    const names = [...new Set([...storedColumns(inputs), ...extra])];
    const columns: Columns = {};
    for (const name of names) {
      signal?.throwIfAborted();
      columns[name] = reorder(await readKept(file, name, kept, users.length), byUser);
    }
    checkColumns(inputs, columns, limits, path, 0);
    const user = Int32Array.from(byUser, (i) => users[kept[i]!]!);
    return { columns, rows: kept.length, user };
  } finally {
    await file.close();
  }
}

async function readKept(
  file: SafetensorsFile,
  name: string,
  kept: number[],
  total: number,
): Promise<NamedTensor> {
  let out: TensorData | undefined;
  let shape: number[] = [];
  let at = 0;
  for (let from = 0; from < total; from += BLOCK_ROWS) {
    const to = Math.min(from + BLOCK_ROWS, total);
    const block = await file.read(name, from, to);
    shape = block.shape.slice(1);
    const width = shape.reduce((product, size) => product * size, 1);
    const make = block.data.constructor as new (length: number) => TensorData;
    out ??= new make(kept.length * width);
    for (; at < kept.length && kept[at]! < to; at++) {
      const row = kept[at]! - from;
      out.set(block.data.subarray(row * width, (row + 1) * width), at * width);
    }
  }
  return { shape: [kept.length, ...shape], data: out ?? new Float32Array(0) };
}

function reorder({ data, shape }: NamedTensor, order: number[]): NamedTensor {
  const width = shape.slice(1).reduce((product, size) => product * size, 1);
  const out = data.slice();
  order.forEach((from, to) => {
    out.set(data.subarray(from * width, (from + 1) * width), to * width);
  });
  return { data: out, shape };
}

/** The rows `[from, to)` of each user, in the order of the rows. */
export function userRuns(day: DayRows): { user: number; from: number; to: number }[] {
  const runs: { user: number; from: number; to: number }[] = [];
  for (let row = 0; row < day.rows; row++) {
    const last = runs.at(-1);
    if (last && last.user === day.user[row]) last.to = row + 1;
    else runs.push({ user: day.user[row]!, from: row, to: row + 1 });
  }
  return runs;
}

/** Row numbers of an epoch in a random order that depends on the seed and the epoch only. */
export function shuffledRows(rows: number, seed: number, epoch: number): number[] {
  const order = Array.from({ length: rows }, (_, row) => row);
  return Random.of(seed, 'rows', epoch).shuffle(order);
}

/** The tensors of some rows. The caller disposes them. */
export function batchOf(
  day: DayRows,
  inputs: Record<string, InputSpec>,
  rows: readonly number[],
): Tensors {
  return makeBatch(inputs, day.columns, rows);
}

/** Some consecutive rows of every tensor. */
export function sliceRows(tensors: Tensors, from: number, rows: number): Tensors {
  return Object.fromEntries(
    Object.entries(tensors).map(([name, tensor]) => [
      name,
      tf.slice(
        tensor,
        tensor.shape.map((_, axis) => (axis === 0 ? from : 0)),
        tensor.shape.map((size, axis) => (axis === 0 ? rows : size)),
      ),
    ]),
  );
}
