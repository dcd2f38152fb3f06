/** One column chunk from bytes to values. */
import { Decompressor } from './codecs/decompress.ts';
import { Damage, NotSupported } from './damage.ts';
import type { Chunk } from './footer.ts';
import { LevelDecoder, type Lists } from './levels.ts';
import { openData, openDictionary, type Page, pagesOf } from './pages.ts';
import type { Leaf } from './schema.ts';
import { isUnsigned } from './statistics.ts';
import { BooleanDecoder } from './values/booleans.ts';
import { NumberDecoder, type Numbers } from './values/numbers.ts';
import type { Texts } from './values/text-pool.ts';
import { TextDecoder } from './values/texts.ts';

export interface ReadOptions {
  /** INT64 beyond 2^53: an error, or the nearest number. @default 'refuse' */
  largeIntegers?: 'refuse' | 'round';
}

/**
 * Values of one leaf in one row group: an element for each row, or for lists all elements one behind the
 * other. Nulls are NULL_INT, NaN, 255 (booleans), code −1 or an empty text; `levels` tells them apart from
 * values that look the same.
 */
export type ColumnVector = {
  rows: number;
  /** Of a list column. */
  lists: Lists | undefined;
  /**
   * Definition level of each element: below the leaf's `maxDefinition` it is null, at what depth the level
   * says (0 with an optional struct around it: the struct is). Undefined: no element is null.
   */
  levels: Uint8Array | undefined;
} & (
  | { kind: 'numbers'; numbers: Numbers }
  | { kind: 'booleans'; booleans: Uint8Array }
  /** Texts of a dictionary may repeat: pages without it add theirs. */
  | { kind: 'coded-texts'; codes: Int32Array; dictionary: Texts }
  | { kind: 'texts'; texts: Texts }
);

interface Decoder<T> {
  dictionary(slice: ReturnType<typeof openDictionary>, count: number): void;
  values(encoding: number, slice: ReturnType<typeof openDictionary>, count: number): void;
  finish(elements: number, levels: Uint8Array | undefined, maxDefinition: number): T;
}

/** @param bytes of the chunk. @throws Damage, NotSupported, TooLarge */
export function decodeChunk(
  bytes: Uint8Array,
  leaf: Leaf,
  chunk: Chunk,
  rows: number,
  { largeIntegers = 'refuse' }: ReadOptions = {},
): ColumnVector {
  if (chunk.unsupported) throw new NotSupported(chunk.unsupported);
  const { slots } = chunk;
  const pages = pagesOf(bytes, slots);
  const run = <T>(decoder: Decoder<T>) => decodePages(pages, leaf, chunk, rows, decoder);
  switch (leaf.physical) {
    case 'boolean': {
      const { values, shape } = run(new BooleanDecoder(slots));
      return { ...shape, kind: 'booleans', booleans: values };
    }
    case 'bytes': {
      const { values, shape } = run(new TextDecoder(slots));
      if ('texts' in values) return { ...shape, kind: 'texts', texts: values.texts };
      return { ...shape, kind: 'coded-texts', ...values };
    }
    default: {
      const round = largeIntegers === 'round';
      const kind = { physical: leaf.physical, unsigned: isUnsigned(leaf), round };
      const { values, shape } = run(new NumberDecoder(kind, slots));
      return { ...shape, kind: 'numbers', numbers: values };
    }
  }
}

function decodePages<T>(
  pages: readonly Page[],
  leaf: Leaf,
  chunk: Chunk,
  rows: number,
  decoder: Decoder<T>,
) {
  const decompressor = new Decompressor(chunk.codec);
  const levels = new LevelDecoder(leaf, rows, chunk.slots);
  for (const page of pages) {
    if (page.kind === 'dictionary') {
      decoder.dictionary(openDictionary(page, decompressor), page.slots);
      continue;
    }
    const data = openData(page, leaf, decompressor);
    const count = levels.add(data.levels);
    decoder.values(page.encoding, data.values, count);
  }
  const lists = levels.lists();
  const ownLevels = levels.levels();
  if (!lists && levels.elements !== rows) throw new Damage('a column has too few values');
  const values = decoder.finish(levels.elements, ownLevels, leaf.maxDefinition);
  return { values, shape: { rows, lists, levels: ownLevels } };
}
