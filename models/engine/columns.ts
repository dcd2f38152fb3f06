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

/** The columns of a batch. */
export function gatherBatch(inputs: Record<string, InputSpec>, rows: RowRef[]): BatchColumns {
  return Object.fromEntries(
    Object.entries(inputs).map(([name, spec]) => [
      name,
      { data: gatherColumn(name, spec, rows), shape: [rows.length, ...spec.shape] },
    ]),
  );
}

/** The values of one input over some rows, row-major. */
export function gatherColumn(
  name: string,
  spec: InputSpec,
  rows: RowRef[],
): Float32Array | Int32Array {
  const width = spec.shape.reduce((product, size) => product * size, 1);
  const stored = rows[0]?.columns[name];
  if (stored?.data instanceof Int32Array && spec.dtype === 'float32') {
    return expand(name, spec, width, rows);
  }
  const out =
    spec.dtype === 'float32'
      ? new Float32Array(rows.length * width)
      : new Int32Array(rows.length * width);
  rows.forEach(({ columns, row }, i) => {
    const { data, shape } = columns[name]!;
    // A cut column takes the first values of a longer row.
    const start = row * shape.slice(1).reduce((product, size) => product * size, 1);
    out.set(data.subarray(start, start + width), i * width);
  });
  return out;
}

/** Indexes into the last axis become ones. */
function expand(name: string, spec: InputSpec, width: number, rows: RowRef[]): Float32Array {
  const vector = spec.shape.at(-1)!;
  const vectors = width / vector;
  const out = new Float32Array(rows.length * width);
  rows.forEach(({ columns, row }, i) => {
    const { data, shape } = columns[name]!;
    const rowLength = shape.slice(1).reduce((product, size) => product * size, 1);
    const perVector = rowLength / vectors;
    const valid = spec.validity ? columns[spec.validity]!.data : undefined;
    for (let v = 0; v < vectors; v++) {
      if (valid && valid[row * vectors + v] === 0) continue;
      for (let f = 0; f < perVector; f++) {
        const index = data[row * rowLength + v * perVector + f]!;
        if (index >= 0) out[i * width + v * vector + index] = 1;
      }
    }
  });
  return out;
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
    const width = data.length / Math.max(1, shape[0]!);
    const isIndex = name in limits || expanded;
    for (let i = 0; i < data.length; i++) {
      const value = data[i]!;
      if (isIndex ? value >= limit || value < low : !Number.isFinite(value)) {
        throw bad(`${name} holds ${value} in row ${firstRow + Math.floor(i / width)}`);
      }
    }
  }
}

/** Stored [K, F] or [F] for vectors [K, A] or [A]; stored [K] for one-hot [K, D]. */
function expandedShapeFits(stored: number[], vectors: number[]): boolean {
  const lead = vectors.slice(0, -1);
  return `${stored}` === `${lead}` || `${stored.slice(0, -1)}` === `${lead}`;
}
