/** Rows that are staged and do not go into the lake. */
import { passOf } from '../staged-tables.ts';

/** Plain data, so that threads can be told. */
export interface Dropped {
  /** Numbers of duplicates, ascending. */
  rows: Float64Array;
  /** First row numbers of passes that were taken back. */
  passes: readonly number[];
}

/** Places of the rows that stay. @param numbers of a row group's rows, mostly ascending */
export function keptRows(numbers: Float64Array, { rows, passes }: Dropped): Int32Array {
  const kept = new Int32Array(numbers.length);
  const withdrawn = passes.map(passOf);
  let count = 0;
  let next = 0;
  let before = Number.POSITIVE_INFINITY;
  for (let i = 0; i < numbers.length; i++) {
    const number = numbers[i]!;
    if (number < before) next = lowerBound(rows, number);
    before = number;
    while (next < rows.length && rows[next]! < number) next++;
    if (next < rows.length && rows[next] === number) continue;
    if (withdrawn.length > 0 && withdrawn.includes(passOf(number))) continue;
    kept[count++] = i;
  }
  return kept.subarray(0, count);
}

/** Place of the first value that is not below. */
function lowerBound(values: Float64Array, value: number): number {
  let [from, to] = [0, values.length];
  while (from < to) {
    const middle = (from + to) >>> 1;
    if (values[middle]! < value) from = middle + 1;
    else to = middle;
  }
  return from;
}
