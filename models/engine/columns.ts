/** Stored columns of samples, and the columns of a batch made from some of their rows. No tensors yet. */
import { EdgeloomError } from '../../lib/errors.ts';
import type { NamedTensor } from '../../lib/safetensors.ts';
import type { InputSpec } from './types.ts';

/** Columns of consecutive rows, as read from a file. */
export type Columns = Record<string, NamedTensor>;

/** Where a row of a batch comes from. */
export interface RowRef {
  columns: Columns;
  row: number;
}

/** The stored columns that inputs are made of. */
export function storedColumns(inputs: Record<string, InputSpec>): string[] {
  const names = new Set(Object.keys(inputs));
  for (const { validity } of Object.values(inputs)) if (validity) names.add(validity);
  return [...names];
}

/** One column of a batch, row-major. */
export interface BatchColumn {
  data: Float32Array | Int32Array;
  shape: number[];
}
export type BatchColumns = Record<string, BatchColumn>;

/** The rows of a batch, with every table they come from named once. */
interface Rows {
  tables: Columns[];
  /** Place in `tables`, by row of the batch. */
  table: Int32Array;
  /** Row in that table, by row of the batch. */
  row: Int32Array;
}

function rowsOf(refs: readonly RowRef[]): Rows {
  const places = new Map<Columns, number>();
  const table = new Int32Array(refs.length);
  const row = new Int32Array(refs.length);
  for (const [i, ref] of refs.entries()) {
    let place = places.get(ref.columns);
    if (place === undefined) {
      place = places.size;
      places.set(ref.columns, place);
    }
    table[i] = place;
    row[i] = ref.row;
  }
  return { tables: [...places.keys()], table, row };
}

/** The columns of a batch. */
export function gatherBatch(
  inputs: Record<string, InputSpec>,
  refs: readonly RowRef[],
): BatchColumns {
  const rows = rowsOf(refs);
  const specs = Object.entries(inputs);
  const lengths = specs.map(([, { shape }]) => refs.length * sizeOf(shape));
  // One buffer for all columns: many are too short for memory of their own to be cheap.
  const buffer = new ArrayBuffer(lengths.reduce((sum, length) => sum + length * VALUE_BYTES, 0));
  let at = 0;
  const columns: BatchColumns = {};
  for (const [i, [name, spec]] of specs.entries()) {
    const make = spec.dtype === 'float32' ? Float32Array : Int32Array;
    const data = new make(buffer, at, lengths[i]!);
    at += data.byteLength;
    gatherColumn(name, spec, rows, data);
    columns[name] = { data, shape: [refs.length, ...spec.shape] };
  }
  return columns;
}

/** Of either type of a batch. */
const VALUE_BYTES = 4;

/** Writes the values of one input over some rows, row-major. @param out all zeros */
function gatherColumn(
  name: string,
  spec: InputSpec,
  rows: Rows,
  out: Float32Array | Int32Array,
): void {
  const width = sizeOf(spec.shape);
  const stored = rows.tables.map((columns) => columns[name]!);
  if (stored[0]?.data instanceof Int32Array && out instanceof Float32Array) {
    expand(spec, stored, rows, out);
    return;
  }
  if (stored.every(({ data }) => data.constructor === out.constructor)) {
    // One type for the engine to compile: the bits are copied, whatever they mean.
    const bits = ({ data }: { data: NamedTensor['data'] }) =>
      new Int32Array(data.buffer, data.byteOffset, data.length);
    copyRows(stored.map(bits), stored[0]?.shape ?? [], rows, bits({ data: out }), width);
  } else {
    for (const [i, row] of rows.row.entries()) {
      const { data, shape } = stored[rows.table[i]!]!;
      const start = row * sizeOf(shape.slice(1));
      out.set(data.subarray(start, start + width), i * width);
    }
  }
}

const sizeOf = (shape: readonly number[]): number =>
  shape.reduce((product, size) => product * size, 1);

/** Values from which a call of `set` costs less than a loop. */
const LONG = 64;

/** @param shape that of every table, but for the number of rows; a cut column takes a row's first values */
function copyRows(
  tables: readonly Int32Array[],
  shape: readonly number[],
  { table, row }: Rows,
  out: Int32Array,
  width: number,
): void {
  const stride = sizeOf(shape.slice(1));
  for (let i = 0; i < row.length; i++) {
    const data = tables[table[i]!]!;
    const from = row[i]! * stride;
    const to = i * width;
    if (width >= LONG) out.set(data.subarray(from, from + width), to);
    else for (let j = 0; j < width; j++) out[to + j] = data[from + j]!;
  }
}

/** Indexes into the last axis become ones. */
function expand(
  { shape, validity }: InputSpec,
  stored: readonly NamedTensor[],
  { tables, table, row }: Rows,
  out: Float32Array,
): void {
  const vector = shape.at(-1)!;
  const vectors = sizeOf(shape) / vector;
  const perVector = sizeOf(stored[0]!.shape.slice(1)) / vectors;
  const valid = tables.map((columns) => (validity ? columns[validity]!.data : undefined));
  for (let i = 0; i < row.length; i++) {
    const place = table[i]!;
    const data = stored[place]!.data as Int32Array;
    const known = valid[place];
    for (let v = row[i]! * vectors, to = i * vectors * vector, end = v + vectors; v < end; v++) {
      if (known === undefined || known[v] !== 0) {
        for (let f = v * perVector; f < (v + 1) * perVector; f++) {
          const index = data[f]!;
          if (index >= 0) out[to + index] = 1;
        }
      }
      to += vector;
    }
  }
}

/**
 * Checks stored columns against what the model expects, once per file and not per batch.
 * @param limits per int32 column: the largest index + 1 (rows of its table, size of its vector)
 * @throws EdgeloomError `bad-samples` naming file, column and row
 */
export function checkColumns(
  inputs: Record<string, InputSpec>,
  columns: Columns,
  limits: Record<string, number>,
  where: string,
  firstRow: number,
): void {
  const bad = (what: string) =>
    new EdgeloomError({
      code: 'bad-samples',
      what,
      where,
      fix: 'run the features stage again; tensors and model must come from one features.json',
    });
  for (const [name, spec] of Object.entries(inputs)) {
    const { data, shape } = columns[name]!;
    const expanded = data instanceof Int32Array && spec.dtype === 'float32';
    const row = shape.slice(1);
    const fits = expanded ? expandedShapeFits(row, spec.shape) : `${row}` === `${spec.shape}`;
    if (!fits) throw bad(`${name} has rows of shape [${row}], the model takes [${spec.shape}]`);
    const limit = limits[name] ?? (expanded ? spec.shape.at(-1)! : Number.POSITIVE_INFINITY);
    const low = expanded ? Number.NEGATIVE_INFINITY : 0;
    const isIndex = name in limits || expanded;
    const at = isIndex ? firstOutside(data, low, limit) : firstNotFinite(data);
    if (at >= 0) {
      const width = data.length / Math.max(1, shape[0]!);
      throw bad(`${name} holds ${data[at]} in row ${firstRow + Math.floor(at / width)}`);
    }
  }
}

/** The place of the first value that is not in [low, limit); −1 when there is none. */
function firstOutside(data: NamedTensor['data'], low: number, limit: number): number {
  for (let i = 0; i < data.length; i++) if (data[i]! >= limit || data[i]! < low) return i;
  return -1;
}

/** The place of the first value that is no number or endless; −1 when there is none. */
function firstNotFinite(data: NamedTensor['data']): number {
  if (!(data instanceof Float32Array || data instanceof Float64Array)) return -1;
  for (let i = 0; i < data.length; i++) if (!Number.isFinite(data[i])) return i;
  return -1;
}

/** Stored [K, F] or [F] for vectors [K, A] or [A]; stored [K] for one-hot [K, D]. */
function expandedShapeFits(stored: number[], vectors: number[]): boolean {
  const lead = vectors.slice(0, -1);
  return `${stored}` === `${lead}` || `${stored.slice(0, -1)}` === `${lead}`;
}
