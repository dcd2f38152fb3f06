/**
 * The order in which an epoch visits rows that lie in files.
 *
 * Rows are taken in blocks; an epoch visits the blocks in a random order and shuffles the rows within
 * pools of blocks, so that at most two pools are in memory and the disk is read in long runs. With
 * fewer rows than a pool holds (16,384 of up to 8 KiB) this is a plain shuffle of all rows. The order
 * depends on (seed, epoch) and on how wide rows are, nothing else.
 */
import { Random } from '../../lib/random.ts';

const BLOCK_ROWS = 256;
/** A pool is so many blocks, or what fits into so many bytes. */
const POOL_BLOCKS = 64;
const POOL_BYTES = 128 * 2 ** 20;
/** Rows `[from, to)` of a file; `file` is its place among the files. */
export interface Block {
  file: number;
  from: number;
  to: number;
}

/** Rows that are in memory together: their runs in the order of the files, which is how they lie. */
export interface Pool {
  runs: Block[];
  /** Rows that it has room for, all blocks taken as whole: of the largest pool the same in every epoch. */
  room: number;
  /** Every place among the rows once, in the order of use. */
  visits(): readonly number[];
}

/** @param rows of each file */
export function blocksOf(rows: readonly number[]): Block[] {
  return rows.flatMap((count, file) =>
    Array.from({ length: Math.ceil(count / BLOCK_ROWS) }, (_, i): Block => {
      const from = i * BLOCK_ROWS;
      return { file, from, to: Math.min(from + BLOCK_ROWS, count) };
    }),
  );
}

/** The pools of a pass in the order of the files: a block each. */
export function inFileOrder(blocks: readonly Block[]): Pool[] {
  return blocks.map((block) => {
    const visits = () => Array.from({ length: block.to - block.from }, (_, row) => row);
    return { runs: [block], room: BLOCK_ROWS, visits };
  });
}

/** The pools of an epoch. @param rowBytes of the columns that are read */
export function shuffledPools(
  blocks: readonly Block[],
  rowBytes: number,
  { seed, epoch }: { seed: number; epoch: number },
): Pool[] {
  const shuffled = Random.of(seed, 'blocks', epoch).shuffle([...blocks]);
  const fitting = Math.floor(POOL_BYTES / (BLOCK_ROWS * rowBytes));
  const size = Math.max(1, Math.min(POOL_BLOCKS, fitting));
  const pools: Pool[] = [];
  for (let i = 0; i < shuffled.length; i += size) {
    const members = shuffled.slice(i, i + size);
    const sorted = [...members].sort((a, b) => a.file - b.file || a.from - b.from);
    const visits = () => Random.of(seed, 'rows', epoch, i).shuffle(placesOf(members, sorted));
    pools.push({ runs: joined(sorted), room: members.length * BLOCK_ROWS, visits });
  }
  return pools;
}

/** Blocks that touch become one. @param sorted in the order of the files */
function joined(sorted: readonly Block[]): Block[] {
  const runs: Block[] = [];
  for (const { file, from, to } of sorted) {
    const last = runs.at(-1);
    if (last && last.file === file && last.to === from) last.to = to;
    else runs.push({ file, from, to });
  }
  return runs;
}

/** The places of the members' rows, member after member, among those of the sorted blocks. */
function placesOf(members: readonly Block[], sorted: readonly Block[]): number[] {
  const first = new Map<Block, number>();
  let at = 0;
  for (const block of sorted) {
    first.set(block, at);
    at += block.to - block.from;
  }
  const places: number[] = [];
  for (const block of members) {
    const start = first.get(block)!;
    for (let row = 0; row < block.to - block.from; row++) places.push(start + row);
  }
  return places;
}
