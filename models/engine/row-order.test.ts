import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Random } from '../../lib/random.ts';
import { type Block, blocksOf, inFileOrder, type Pool, shuffledPools } from './row-order.ts';

const BLOCK = 256;
const NARROW = 100;

/** The rows of a pool as they lie, and as they are visited. */
const rowsOf = ({ runs }: Pool): string[] =>
  runs.flatMap(({ file, from, to }) =>
    Array.from({ length: to - from }, (_, i) => `${file}/${from + i}`),
  );
const visited = (pool: Pool): string[] => {
  const rows = rowsOf(pool);
  return pool.visits().map((place) => rows[place]!);
};

/** An epoch's order, said plainly: shuffled blocks, 64 at a time, their rows shuffled. */
function plainOrder(blocks: Block[], seed: number, epoch: number): string[] {
  const shuffled = Random.of(seed, 'blocks', epoch).shuffle([...blocks]);
  const order: string[] = [];
  for (let i = 0; i < shuffled.length; i += 64) {
    const rows = shuffled
      .slice(i, i + 64)
      .flatMap(({ file, from, to }) =>
        Array.from({ length: to - from }, (_, row) => `${file}/${from + row}`),
      );
    order.push(...Random.of(seed, 'rows', epoch, i).shuffle(rows));
  }
  return order;
}

describe('shuffledPools', () => {
  it('visits the rows in the order of shuffled blocks and shuffled pools, wherever they lie', () => {
    const lengths = fc.array(fc.integer({ min: 0, max: 20_000 }), { minLength: 1, maxLength: 3 });
    fc.assert(
      fc.property(lengths, fc.nat(5), (files, epoch) => {
        const blocks = blocksOf(files);
        const order = shuffledPools(blocks, NARROW, { seed: 3, epoch }).flatMap(visited);
        expect(order).toEqual(plainOrder(blocks, 3, epoch));
      }),
      { numRuns: 20 },
    );
  });

  it('reads rows of a pool that lie together in one run', () => {
    const [pool, ...others] = shuffledPools(blocksOf([700, 300]), NARROW, { seed: 1, epoch: 0 });
    expect(others).toEqual([]);
    expect(pool!.room).toBe(5 * BLOCK);
    expect(pool!.runs).toEqual([
      { file: 0, from: 0, to: 700 },
      { file: 1, from: 0, to: 300 },
    ]);
  });

  it('holds fewer wide rows, so that a pool stays within 128 MiB', () => {
    const blocks = blocksOf([100_000]);
    const largest = (rowBytes: number) =>
      Math.max(...shuffledPools(blocks, rowBytes, { seed: 1, epoch: 0 }).map(({ room }) => room));
    expect(largest(8192)).toBe(64 * BLOCK);
    expect(largest(8193)).toBe(63 * BLOCK);
    expect(largest(65_536)).toBe(8 * BLOCK);
    expect(largest(10_000_000)).toBe(BLOCK);
  });
});

describe('inFileOrder', () => {
  it('visits block after block', () => {
    const pools = inFileOrder(blocksOf([300, 10]));
    expect(pools.map(({ runs }) => runs)).toEqual([
      [{ file: 0, from: 0, to: 256 }],
      [{ file: 0, from: 256, to: 300 }],
      [{ file: 1, from: 0, to: 10 }],
    ]);
    expect(pools.flatMap(visited)).toEqual(pools.flatMap(rowsOf));
  });
});
