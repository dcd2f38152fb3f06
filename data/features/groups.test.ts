import { expect, it } from 'vitest';
import { boundariesOf } from './groups.ts';

it('cuts at equal shares, without empty buckets', () => {
  const at = (grid: number[], lowest: number, buckets: number) =>
    boundariesOf({ lowest, grid }, buckets);
  // Values 1 … 120, one each: the quantile at k/120 is k.
  const even = Array.from({ length: 119 }, (_, i) => i + 1);
  expect(at(even, 1, 4)).toEqual([30, 60, 90]);
  // Three quarters are zero.
  const mostlyZero = even.map((k) => (k <= 90 ? 0 : k));
  expect(at(mostlyZero, 0, 8)).toEqual([105]);
  expect(
    at(
      even.map(() => 5),
      5,
      8,
    ),
  ).toEqual([]);
});
