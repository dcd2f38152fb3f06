/** Stored columns of samples: which ones a model takes, and whether they fit it. */
import { EdgeloomError } from '../../lib/errors.ts';
import type { NamedTensor } from '../../lib/safetensors.ts';
import type { InputSpec } from './types.ts';

/** Columns of consecutive rows, as read from a file. */
export type Columns = Record<string, NamedTensor>;

/** The stored columns that inputs are made of. */
export function storedColumns(inputs: Record<string, InputSpec>): string[] {
  const names = new Set(Object.keys(inputs));
  for (const { validity } of Object.values(inputs)) if (validity) names.add(validity);
  return [...names];
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
  for (let i = 0; i < data.length; i++) {
    const value = data[i]!;
    if (value >= limit || value < low) return i;
  }
  return -1;
}

/** The place of the first value that is no number or endless; −1 when there is none. */
function firstNotFinite(data: NamedTensor['data']): number {
  if (!(data instanceof Float32Array || data instanceof Float64Array)) return -1;
  // Only of a finite number the difference to itself is a number.
  for (let i = 0; i < data.length; i++) if (data[i]! - data[i]! !== 0) return i;
  return -1;
}

/** Stored [K, F] or [F] for vectors [K, A] or [A]; stored [K] for one-hot [K, D]. */
function expandedShapeFits(stored: number[], vectors: number[]): boolean {
  const lead = vectors.slice(0, -1);
  return `${stored}` === `${lead}` || `${stored.slice(0, -1)}` === `${lead}`;
}
