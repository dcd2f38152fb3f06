/** The rules of FeatureSpec, applied to numbers. Texts come as places (1 = first known, 0 = other). */
import type { CategoricalFeature, DenseFeature } from '../contracts/feature-spec.ts';

/** Bucket of a value: how many boundaries are ≤ it; NaN (unknown) has the last bucket. */
export function bucketOf(boundaries: readonly number[], value: number): number {
  if (Number.isNaN(value)) return boundaries.length + 1;
  let low = 0;
  let high = boundaries.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (boundaries[middle]! <= value) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Index in the group's multi-hot vector. */
export function indexOf(feature: CategoricalFeature, value: number): number {
  if (feature.kind === 'bucket') return feature.offset + bucketOf(feature.boundaries, value);
  const { length } = feature.values;
  if (Number.isNaN(value)) return feature.offset + length + 1;
  return feature.offset + (value === 0 ? length : value - 1);
}

const CLIP = 1e-6;

/** The transform of a dense feature, before standardisation. NaN stays NaN except for `known`. */
export function transformed(transform: DenseFeature['transform'], value: number): number {
  switch (transform) {
    case 'identity':
      return value;
    case 'log1p':
      return Math.log1p(Math.max(0, value));
    case 'logit': {
      const p = Math.min(1 - CLIP, Math.max(CLIP, value));
      return Math.log(p / (1 - p));
    }
    case 'known':
      return Number.isNaN(value) ? 0 : 1;
  }
}

/** Subtracts the mean of the known values in place; nothing known, nothing done. */
export function subtractMean(values: Float64Array): void {
  let sum = 0;
  let known = 0;
  for (const value of values) {
    if (Number.isNaN(value)) continue;
    sum += value;
    known++;
  }
  if (known === 0) return;
  const mean = sum / known;
  for (let i = 0; i < values.length; i++) values[i] = values[i]! - mean;
}

/** A dense feature before standardisation, over a slate's candidates; NaN where unknown. */
export function transformedColumn(
  { transform, relative }: Pick<DenseFeature, 'transform' | 'relative'>,
  raw: ArrayLike<number>,
): Float64Array {
  const values = new Float64Array(raw.length);
  for (let i = 0; i < values.length; i++) values[i] = transformed(transform, raw[i]!);
  if (relative) subtractMean(values);
  return values;
}

/**
 * One dense feature over a slate's candidates.
 * @param raw the source per candidate, NaN where unknown
 */
export function denseColumn(feature: DenseFeature, raw: ArrayLike<number>): Float64Array {
  const values = transformedColumn(feature, raw);
  const { mean, std, missing } = feature;
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!;
    values[i] = Number.isNaN(value) ? missing : (value - mean) / std;
  }
  return values;
}
