import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { hashesOf } from '../held/hash-texts.ts';
import { repeatedHashes } from './repeated-hashes.ts';

const ofPairs = (pairs: readonly (readonly [number, number])[]) => ({
  low: Int32Array.from(pairs, ([low]) => low),
  high: Int32Array.from(pairs, ([, high]) => high),
});

function texts(values: readonly string[]) {
  const bytes = Buffer.from(values.join(''));
  const starts = new Int32Array(values.length + 1);
  values.forEach((value, i) => {
    starts[i + 1] = starts[i]! + Buffer.byteLength(value);
  });
  return { kind: 'texts', texts: { bytes, starts }, rows: values.length } as const;
}

describe('repeated hashes', () => {
  test('are those of which both halves are equal, in one source or several', () => {
    const sources = [
      ofPairs([
        [1, 1],
        [1, 2],
        [2, 1],
      ]),
      ofPairs([
        [7, 7],
        [1, 2],
        [7, 7],
        [-1, 0],
      ]),
    ];
    const found = [...repeatedHashes(sources, 100)].flatMap((batch) => [...batch]);
    expect(found.sort()).toEqual([1, 3, 4, 5]);
  });

  test('are found as by grouping, equal ones in one batch', () => {
    const pair = fc.tuple(fc.integer({ min: -3, max: 3 }), fc.integer({ min: 0, max: 40 }));
    fc.assert(
      fc.property(fc.array(fc.array(pair)), fc.integer({ min: 1, max: 9 }), (sources, most) => {
        const all = sources.flat().map((each) => each.join());
        const times = new Map<string, number>();
        for (const key of all) times.set(key, (times.get(key) ?? 0) + 1);
        const batches = [...repeatedHashes(sources.map(ofPairs), most)].map((b) => [...b]);
        const expected = all.flatMap((key, i) => (times.get(key)! > 1 ? [i] : []));
        expect(batches.flat().sort((a, b) => a - b)).toEqual(expected);
        const batchOf = new Map<string, number>();
        batches.forEach((batch, b) => {
          for (const place of batch) {
            expect(batchOf.get(all[place]!) ?? b).toBe(b);
            batchOf.set(all[place]!, b);
          }
        });
      }),
    );
  });

  test('of many rows are found over all partitions', () => {
    const rows = 200_000;
    const ids = Array.from({ length: rows }, (_, i) => `e-${i % (rows - 10)}`);
    const hashes = hashesOf({ ...texts(ids), lists: undefined, levels: undefined }, 5);
    const found = [...repeatedHashes([hashes], 2 ** 19)].flatMap((batch) => [...batch]);
    const ends = Array.from({ length: 10 }, (_, i) => i);
    expect(found.sort((a, b) => a - b)).toEqual([...ends, ...ends.map((i) => rows - 10 + i)]);
  });
});

describe('hashes of texts', () => {
  test('tell different texts apart, and follow from text and seed alone', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.string()), fc.integer(), (values, seed) => {
        const vector = { ...texts(values), lists: undefined, levels: undefined };
        const { low, high } = hashesOf(vector, seed);
        expect(new Set(values.map((_, i) => `${low[i]} ${high[i]}`)).size).toBe(values.length);
        const coded = {
          ...{ rows: values.length, lists: undefined, levels: undefined },
          kind: 'coded-texts',
          codes: Int32Array.from(values, (_, i) => values.length - 1 - i),
          dictionary: vector.texts,
        } as const;
        expect([...hashesOf(coded, seed).low].reverse()).toEqual([...low]);
      }),
    );
  });
});
