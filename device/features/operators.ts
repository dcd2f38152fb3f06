/** The operators on one value. Numbers: NaN is null, and so is what is not finite. */
import { fnv1a32 } from './hash.ts';
import { ln, log1p } from './logarithm.ts';

/** A number that is finite, or null as NaN; −0 becomes 0. */
export const orNull = (value: number): number => (Number.isFinite(value) ? value + 0 : Number.NaN);

/** How many of the ascending boundaries are ≤ value; null has the last bucket. */
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

const CLIP = 1e-6;

export const logit = (value: number): number => {
  if (Number.isNaN(value)) return value;
  const p = clip(value, CLIP, 1 - CLIP);
  return ln(p / (1 - p));
};

export const logOnePlus = (value: number): number =>
  Number.isNaN(value) ? value : log1p(value > 0 ? value : 0);

export const clip = (value: number, low: number, high: number): number =>
  value < low ? low + 0 : value > high ? high + 0 : value;

export const standardise = (value: number, mean: number, std: number, missing: number): number => {
  const result = orNull((value - mean) / std);
  return Number.isNaN(result) ? missing + 0 : result;
};

/** A text's place among known ones, −1 when it is another one. */
export type Places = (text: string) => number;

export function places(values: readonly string[]): Places {
  const found = new Map(values.map((value, place) => [value, place]));
  return (text) => found.get(text) ?? -1;
}

export function hashOf(text: string | null, known: Places, size: number, buckets: number): number {
  if (text === null) return size + buckets;
  const place = known(text);
  return place >= 0 ? place : size + (fnv1a32(text) % buckets);
}

const FLOAT32_MAX = 3.4028234663852886e38;

/** Rounded to float32, cut at its largest. */
export const toFloat32 = (value: number): number =>
  Math.fround(clip(value, -FLOAT32_MAX, FLOAT32_MAX));
