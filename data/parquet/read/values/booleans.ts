/** Booleans of a column chunk as bytes, page after page. */
import { NotSupported } from '../damage.ts';
import { ENCODING } from './encoding.ts';
import { readHybrid } from './hybrid.ts';
import { readBits, take } from './plain.ts';
import type { Slice } from './slice.ts';
import { spread } from './spread.ts';

/** Null among booleans. */
export const NULL_BOOLEAN = 255;

export class BooleanDecoder {
  readonly #out: Uint8Array;
  #count = 0;

  constructor(slots: number) {
    this.#out = new Uint8Array(slots);
  }

  dictionary(): void {
    throw new NotSupported('a dictionary of booleans');
  }

  values(encoding: number, slice: Slice, count: number): void {
    if (encoding === ENCODING.plain) readBits(slice, this.#out, this.#count, count);
    else if (encoding === ENCODING.rle) {
      if (count > 0) {
        // Their length in bytes stands in front.
        take(slice, 4);
        const values = new Int32Array(count);
        readHybrid(slice, 1, values, 0, count);
        this.#out.set(values, this.#count);
      }
    } else throw new NotSupported(`encoding ${encoding} of booleans`);
    this.#count += count;
  }

  finish(elements: number, levels: Uint8Array | undefined, maxDefinition: number): Uint8Array {
    if (levels) spread(this.#out, this.#count, elements, levels, maxDefinition, NULL_BOOLEAN);
    return this.#out.subarray(0, elements);
  }
}
