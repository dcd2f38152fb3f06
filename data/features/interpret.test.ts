import { describe, expect, it } from 'vitest';
import { boundariesOf } from './groups.ts';
import { bucketOf, denseColumn, indexOf, subtractMean } from './interpret.ts';

describe('buckets', () => {
  it('counts the boundaries at or below a value; unknown has a bucket of its own', () => {
    const boundaries = [10, 20, 40];
    expect([9, 10, 19.9, 20, 40, 1e9, Number.NaN].map((x) => bucketOf(boundaries, x))).toEqual([
      0, 1, 1, 2, 3, 3, 4,
    ]);
    expect([5, Number.NaN].map((x) => bucketOf([], x))).toEqual([0, 1]);
  });

  it('places a value in the multi-hot vector of its group', () => {
    const bucket = {
      name: 'n',
      kind: 'bucket',
      source: 'n',
      boundaries: [1],
      offset: 7,
      size: 3,
    } as const;
    expect([0, 1, Number.NaN].map((x) => indexOf({ ...bucket, boundaries: [1] }, x))).toEqual([
      7, 8, 9,
    ]);
    const onehot = {
      name: 'o',
      kind: 'onehot',
      source: 'o',
      values: ['a', 'b'],
      offset: 3,
      size: 4,
    } as const;
    expect([1, 2, 0, Number.NaN].map((x) => indexOf({ ...onehot, values: ['a', 'b'] }, x))).toEqual(
      [3, 4, 5, 6],
    );
  });

  it('cuts at equal shares, without empty buckets', () => {
    const at = (grid: number[], lowest: number, buckets: number) =>
      boundariesOf({ family: 'exposure', feature: 'x', n: 120, lowest, grid }, buckets);
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
});

describe('dense features', () => {
  const score = {
    name: 's',
    source: 'score',
    relative: false,
    mean: 0,
    std: 1,
    missing: 0,
  } as const;

  it('takes probabilities through the logit and standardises', () => {
    const [half, low, unknown] = denseColumn(
      { ...score, transform: 'logit', mean: -1, std: 2, missing: 0.25 },
      [0.5, 0, Number.NaN],
    );
    expect(half).toBe(0.5);
    expect(low).toBeCloseTo((Math.log(1e-6 / (1 - 1e-6)) + 1) / 2, 12);
    expect(unknown).toBe(0.25);
  });

  it('compares with the mean of what is known in the slate', () => {
    const raw = [1, 3, Number.NaN];
    expect([
      ...denseColumn({ ...score, transform: 'identity', relative: true, std: 2 }, raw),
    ]).toEqual([-0.5, 0.5, 0]);
    expect([...denseColumn({ ...score, transform: 'known' }, raw)]).toEqual([1, 1, 0]);
    expect([...denseColumn({ ...score, transform: 'log1p' }, [0, Math.E - 1])]).toEqual([0, 1]);
    const nothing = Float64Array.of(Number.NaN);
    subtractMean(nothing);
    expect(nothing[0]).toBeNaN();
  });
});
