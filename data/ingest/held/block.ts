/** Accepted rows of one event type that wait for the lake in memory, as columns. */
import type { EventType } from '../../contracts/device-log.ts';
import type { ColumnVector } from '../../parquet/read/decode.ts';
import type { Source } from '../lake/unit-columns.ts';
import type { TextHashes } from './hash-texts.ts';

/** Plain data, so that threads can be told. */
export interface Block {
  type: EventType;
  rows: number;
  /** Rows of group g of buckets are `starts[g]` … `starts[g + 1] − 1`. */
  starts: Int32Array;
  /** Number of each row in reading order, ascending in a group. */
  numbers: Float64Array;
  /** Business day of each row as days since 1970-01-01. */
  days: Int32Array;
  /** By path of the lake's leaf; one that is not there is null in all rows. */
  columns: ReadonlyMap<string, Source>;
}

/** A block that stays where it is until the lake is written. */
export interface HeldBlock extends Block {
  /** Of the event ids. */
  hashes: TextHashes;
}

type Values = Uint8Array | Int32Array | Float64Array;
type Change = <T extends Values>(values: T) => T;

function changeVector(vector: ColumnVector, change: Change): ColumnVector {
  const { lists, levels } = vector;
  const shape = {
    rows: vector.rows,
    lists: lists && { starts: change(lists.starts), nulls: lists.nulls && change(lists.nulls) },
    levels: levels && change(levels),
  };
  const texts = ({ bytes, starts }: { bytes: Uint8Array; starts: Int32Array }) => ({
    bytes: change(bytes),
    starts: change(starts),
  });
  switch (vector.kind) {
    case 'numbers':
      return { ...shape, kind: 'numbers', numbers: change(vector.numbers) };
    case 'booleans':
      return { ...shape, kind: 'booleans', booleans: change(vector.booleans) };
    case 'coded-texts': {
      const { codes, dictionary } = vector;
      return {
        ...shape,
        kind: 'coded-texts',
        codes: change(codes),
        dictionary: texts(dictionary),
      };
    }
    case 'texts':
      return { ...shape, kind: 'texts', texts: texts(vector.texts) };
  }
}

function changeBlock(block: HeldBlock, change: Change): HeldBlock {
  const { starts, numbers, days, hashes, columns } = block;
  return {
    ...block,
    starts: change(starts),
    numbers: change(numbers),
    days: change(days),
    hashes: { low: change(hashes.low), high: change(hashes.high) },
    columns: new Map(
      [...columns].map(([path, { vector, maxDefinition }]) => [
        path,
        { vector: changeVector(vector, change), maxDefinition },
      ]),
    ),
  };
}

const WORD = 8;
const wordsOf = ({ byteLength }: Values): number => Math.ceil(byteLength / WORD);

/** Bytes that a block takes. Arrays that columns have in common count once. */
export function bytesOfBlock(block: HeldBlock): number {
  const seen = new Set<Values>();
  changeBlock(block, (values) => {
    seen.add(values);
    return values;
  });
  return [...seen].reduce((sum, values) => sum + WORD * wordsOf(values), 0);
}

/** An array as the given one is. */
function arrayIn(memory: SharedArrayBuffer, at: number, values: Values): Values {
  if (values instanceof Float64Array) return new Float64Array(memory, at, values.length);
  if (values instanceof Int32Array) return new Int32Array(memory, at, values.length);
  return new Uint8Array(memory, at, values.length);
}

/** The block in memory that threads share. */
export function sharedBlock(block: HeldBlock): HeldBlock {
  const memory = new SharedArrayBuffer(bytesOfBlock(block));
  const copies = new Map<Values, Values>();
  let at = 0;
  return changeBlock(block, <T extends Values>(values: T): T => {
    const known = copies.get(values);
    if (known) return known as T;
    const copy = arrayIn(memory, at, values);
    copy.set(values);
    copies.set(values, copy);
    at += WORD * wordsOf(values);
    return copy as T;
  });
}
