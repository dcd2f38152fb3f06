/** Columns of a batch, made from some rows of stored columns. One buffer a batch; no tensors yet. */
import type { NamedTensor } from '../../lib/safetensors.ts';
import type { Columns } from './columns.ts';
import type { InputSpec } from './types.ts';

/** One column of a batch, row-major. */
export interface BatchColumn {
  data: Float32Array | Int32Array;
  shape: number[];
}
export type BatchColumns = Record<string, BatchColumn>;

/** Of either type of a batch. */
const VALUE_BYTES = 4;

const sizeOf = (shape: readonly number[]): number =>
  shape.reduce((product, size) => product * size, 1);

/** Bytes of a buffer that holds all columns of `rows` rows: many are too short for memory of their own. */
export function batchBytes(inputs: Record<string, InputSpec>, rows: number): number {
  const values = Object.values(inputs).reduce((sum, { shape }) => sum + sizeOf(shape), 0);
  return values * rows * VALUE_BYTES;
}

/**
 * The columns of a batch, as they lie one after the other in `buffer`.
 * @param room each column has room for so many rows
 */
export function batchColumns(
  inputs: Record<string, InputSpec>,
  buffer: ArrayBuffer,
  room: number,
  rows: number,
): BatchColumns {
  let at = 0;
  const columns: BatchColumns = {};
  for (const [name, { dtype, shape }] of Object.entries(inputs)) {
    const make = dtype === 'float32' ? Float32Array : Int32Array;
    const data = new make(buffer, at, rows * sizeOf(shape));
    at += room * sizeOf(shape) * VALUE_BYTES;
    columns[name] = { data, shape: [rows, ...shape] };
  }
  return columns;
}

/**
 * Writes some rows of stored columns into a batch.
 * @param out every value of the rows is written, whatever stood there
 * @param first the row of the batch that the first one becomes
 */
export function gatherRows(
  inputs: Record<string, InputSpec>,
  stored: Columns,
  rows: ArrayLike<number>,
  out: BatchColumns,
  first: number,
): void {
  for (const [name, spec] of Object.entries(inputs)) {
    const column = stored[name]!;
    const width = sizeOf(spec.shape);
    const { data } = out[name]!;
    const part = data.subarray(first * width, (first + rows.length) * width);
    if (column.data instanceof Int32Array && part instanceof Float32Array) {
      part.fill(0);
      const valid = spec.validity ? stored[spec.validity]!.data : undefined;
      expand(spec, column, valid, rows, part);
    } else if (column.data.constructor === part.constructor) {
      // One type for the engine to compile: the bits are copied, whatever they mean.
      const stride = sizeOf(column.shape.slice(1));
      copyRows(bitsOf(column.data), stride, rows, bitsOf(part), width);
    } else {
      convertRows(column, rows, part, width);
    }
  }
}

const bitsOf = (data: NamedTensor['data']): Int32Array =>
  new Int32Array(data.buffer, data.byteOffset, data.length);

/** Values from which a call of `set` costs less than a loop. */
const LONG = 64;

/** @param stride values of a stored row; a cut column takes a row's first `width` */
function copyRows(
  data: Int32Array,
  stride: number,
  rows: ArrayLike<number>,
  out: Int32Array,
  width: number,
): void {
  for (let i = 0; i < rows.length; i++) {
    const from = rows[i]! * stride;
    const to = i * width;
    if (width >= LONG) out.set(data.subarray(from, from + width), to);
    else for (let j = 0; j < width; j++) out[to + j] = data[from + j]!;
  }
}

/** Stored bytes, say, become numbers of the model's type. */
function convertRows(
  { data, shape }: NamedTensor,
  rows: ArrayLike<number>,
  out: Float32Array | Int32Array,
  width: number,
): void {
  const stride = sizeOf(shape.slice(1));
  for (let i = 0; i < rows.length; i++) {
    const from = rows[i]! * stride;
    out.set(data.subarray(from, from + width), i * width);
  }
}

/** Indexes into the last axis become ones. @param out all zeros */
function expand(
  { shape }: InputSpec,
  stored: NamedTensor,
  valid: NamedTensor['data'] | undefined,
  rows: ArrayLike<number>,
  out: Float32Array,
): void {
  const data = stored.data as Int32Array;
  const vector = shape.at(-1)!;
  const vectors = sizeOf(shape) / vector;
  const perVector = sizeOf(stored.shape.slice(1)) / vectors;
  let to = 0;
  for (let i = 0; i < rows.length; i++) {
    for (let v = rows[i]! * vectors, end = v + vectors; v < end; v++) {
      if (valid === undefined || valid[v] !== 0) {
        for (let f = v * perVector, last = f + perVector; f < last; f++) {
          const index = data[f]!;
          if (index >= 0) out[to + index] = 1;
        }
      }
      to += vector;
    }
  }
}
