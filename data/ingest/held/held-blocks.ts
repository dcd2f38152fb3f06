/** The blocks of one thread that stay in memory, within what all threads may hold together. */
import { type Block, type HeldBlock, heldBlock } from './block.ts';
import { hashesOf } from './hash-texts.ts';

const KIB = 1024;

/** What threads may hold together, and what they do; plain data, so that they can be told. */
export interface HoldLimit {
  kib: number;
  /** One number, in memory that threads share: KiB held so far. */
  used: Int32Array;
  /** Of the hashes of event ids. */
  seed: number;
}

export function holdLimit(bytes: number): HoldLimit {
  return {
    kib: Math.floor(bytes / KIB),
    used: new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT)),
    seed: Math.floor(Math.random() * 2 ** 31),
  };
}

export class HeldBlocks {
  readonly #limit: HoldLimit;
  readonly #blocks: HeldBlock[] = [];
  #isFull = false;

  constructor(limit: HoldLimit) {
    this.#limit = limit;
  }

  /** @returns false when there is no room for the block */
  take(block: Block): boolean {
    const { kib, used, seed } = this.#limit;
    // When there is no more room, the copy would be made in vain.
    if (this.#isFull) return false;
    const hashes = hashesOf(block.columns.get('event_id')!.vector, seed);
    const held = heldBlock(block, hashes);
    const size = Math.ceil(held.bytes / KIB);
    if (Atomics.add(used, 0, size) + size > kib) {
      Atomics.sub(used, 0, size);
      this.#isFull = true;
      return false;
    }
    this.#blocks.push(held);
    return true;
  }

  /** All that were taken. */
  finish(): HeldBlock[] {
    return this.#blocks.splice(0);
  }
}
