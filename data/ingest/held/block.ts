/** Accepted rows of one event type that wait for the lake in memory, as columns. */
import type { Texts } from '../../columns/text-index.ts';
import type { EventType } from '../../contracts/device-log.ts';
import type { ColumnVector } from '../../parquet/read/decode.ts';
import type { Source } from '../lake/unit-columns.ts';
import type { TextHashes } from './hash-texts.ts';
import { type Packed, pack, sharedBytes, unpack } from './packed.ts';

/** Rows of a row group, or of a group of it. */
export interface Rows {
  rows: number;
  /** Number of each row in reading order, ascending in a group of buckets. */
  numbers: Float64Array;
  /** Business day of each row as days since 1970-01-01. */
  days: Int32Array;
  /** By path of the lake's leaf; one that is not there is null in all rows. */
  columns: ReadonlyMap<string, Source>;
}

export interface Block extends Rows {
  type: EventType;
  /** Rows of group g of buckets are `starts[g]` … `starts[g + 1] − 1`. */
  starts: Int32Array;
}

/** A column in memory that threads share. */
export interface HeldColumn {
  maxDefinition: number;
  levels: Uint8Array | undefined;
  lists: { starts: Packed<Int32Array>; nulls: Uint8Array | undefined } | undefined;
  values:
    | { kind: 'numbers'; numbers: Packed }
    | { kind: 'coded-texts'; codes: Packed<Int32Array>; dictionary: HeldTexts }
    | { kind: 'texts'; texts: HeldTexts };
}

interface HeldTexts {
  bytes: Uint8Array;
  starts: Int32Array;
}

/** A block that stays where it is until the lake is written. Plain data, so that threads can be told. */
export interface HeldBlock {
  type: EventType;
  rows: number;
  starts: Int32Array;
  numbers: Packed<Float64Array>;
  days: Packed<Int32Array>;
  /** Of the event ids. */
  hashes: TextHashes;
  columns: ReadonlyMap<string, HeldColumn>;
  /** What it takes. */
  bytes: number;
}

/** Copies arrays to where threads share them, each once, and counts their bytes. */
class Copies {
  readonly #packed = new Map<Int32Array | Float64Array, Packed>();
  readonly #bytes = new Map<Uint8Array, Uint8Array>();
  total = 0;

  numbers<T extends Int32Array | Float64Array>(values: T): Packed<T> {
    const known = this.#packed.get(values);
    if (known) return known as Packed<T>;
    const packed = pack(values);
    this.#packed.set(values, packed as Packed);
    this.total += packed.values.byteLength;
    return packed;
  }

  bytes(values: Uint8Array): Uint8Array {
    const copy = this.#bytes.get(values) ?? sharedBytes(values);
    if (!this.#bytes.has(values)) this.total += copy.byteLength;
    this.#bytes.set(values, copy);
    return copy;
  }

  /** Without packing. */
  ints(values: Int32Array): Int32Array {
    const copy = new Int32Array(new SharedArrayBuffer(values.byteLength));
    copy.set(values);
    this.total += copy.byteLength;
    return copy;
  }

  texts({ bytes, starts }: Texts): HeldTexts {
    return { bytes: this.bytes(bytes), starts: this.ints(starts) };
  }

  column({ vector, maxDefinition }: Source): HeldColumn {
    const { levels, lists } = vector;
    return {
      maxDefinition,
      levels: levels && this.bytes(levels),
      lists: lists && {
        starts: this.numbers(lists.starts),
        nulls: lists.nulls && this.bytes(lists.nulls),
      },
      values: this.#values(vector),
    };
  }

  #values(vector: ColumnVector): HeldColumn['values'] {
    switch (vector.kind) {
      case 'numbers':
        return { kind: 'numbers', numbers: this.numbers(vector.numbers) };
      case 'coded-texts': {
        const [codes, dictionary] = [this.numbers(vector.codes), this.texts(vector.dictionary)];
        return { kind: 'coded-texts', codes, dictionary };
      }
      case 'texts':
        return { kind: 'texts', texts: this.texts(vector.texts) };
      case 'booleans':
        throw new TypeError('the lake has no column of booleans');
    }
  }
}

/** The block in memory that threads share. */
export function heldBlock({ type, rows, starts, ...block }: Block, hashes: TextHashes): HeldBlock {
  const copies = new Copies();
  const held = {
    ...{ type, rows, starts: copies.ints(starts) },
    numbers: copies.numbers(block.numbers),
    days: copies.numbers(block.days),
    hashes: { low: copies.ints(hashes.low), high: copies.ints(hashes.high) },
    columns: new Map([...block.columns].map(([path, source]) => [path, copies.column(source)])),
  };
  return { ...held, bytes: copies.total };
}

function vectorOf({ levels, lists, values }: HeldColumn, from: number, to: number): ColumnVector {
  const starts = lists && unpack(lists.starts, from, to + 1);
  const [first, last] = starts ? [starts[0]!, starts.at(-1)!] : [from, to];
  const shape = {
    rows: to - from,
    lists: starts && {
      starts: starts.map((start) => start - first),
      nulls: lists?.nulls?.subarray(from, to),
    },
    levels: levels?.subarray(first, last),
  };
  switch (values.kind) {
    case 'numbers':
      return { ...shape, kind: 'numbers', numbers: unpack(values.numbers, first, last) };
    case 'coded-texts': {
      const { codes, dictionary } = values;
      return { ...shape, kind: 'coded-texts', codes: unpack(codes, first, last), dictionary };
    }
    case 'texts': {
      const { bytes, starts: ends } = values.texts;
      const texts = { bytes, starts: ends.subarray(first, last + 1) };
      return { ...shape, kind: 'texts', texts };
    }
  }
}

/** Rows `from … to − 1`; texts lie where they did. */
export class HeldRows {
  readonly rows: number;
  readonly numbers: Float64Array;
  readonly days: Int32Array;
  readonly #block: HeldBlock;
  readonly #from: number;

  constructor(block: HeldBlock, from: number, to: number) {
    this.#block = block;
    this.#from = from;
    this.rows = to - from;
    this.numbers = unpack(block.numbers, from, to);
    this.days = unpack(block.days, from, to);
  }

  /** The column of a leaf; undefined when it is null in all rows. */
  column(path: string): Source | undefined {
    const column = this.#block.columns.get(path);
    if (!column) return undefined;
    const { maxDefinition } = column;
    return { vector: vectorOf(column, this.#from, this.#from + this.rows), maxDefinition };
  }
}

/** As it was before it was held. */
export function releasedBlock(block: HeldBlock): Block {
  const { type, rows, starts, columns } = block;
  const all = new HeldRows(block, 0, rows);
  return {
    ...{ type, rows, starts, numbers: all.numbers, days: all.days },
    columns: new Map([...columns.keys()].map((path) => [path, all.column(path)!])),
  };
}
