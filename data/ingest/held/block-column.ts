/** One column of a block, and any of its rows as a staged file takes them. */
import { PooledTexts, plainOf, TextIndex } from '../../columns/text-index.ts';
import { type ColumnData, NULL_INT } from '../../parquet/column.ts';
import type { ColumnVector } from '../../parquet/read/decode.ts';
import type { LakeLeaf } from '../lake/leaves.ts';
import {
  type Elements,
  elementsOf,
  gatherInts,
  isNull,
  type Source,
} from '../lake/unit-columns.ts';

type Texts = Extract<ColumnVector, { kind: 'texts' }>;
type Numbers = Extract<ColumnVector, { kind: 'numbers' }>;

/** Codes of texts by row or element, −1 for null. */
export function codesOf(vector: ColumnVector, present: number, index: TextIndex): Int32Array {
  if (vector.kind === 'texts') return index.codes(vector.texts, vector.levels, present);
  if (vector.kind !== 'coded-texts') throw new TypeError('a column of texts holds something else');
  const own = index.codes(vector.dictionary);
  const codes = new Int32Array(vector.codes.length);
  for (let i = 0; i < codes.length; i++) {
    const code = vector.codes[i]!;
    codes[i] = code < 0 ? -1 : own[code]!;
  }
  return codes;
}

/** Numbers of a flat column; NaN is null. */
export function doublesOf({ vector, maxDefinition }: Source): Float64Array {
  if (vector.kind !== 'numbers') throw new TypeError('a column of numbers holds something else');
  const { numbers, levels } = vector;
  if (numbers instanceof Float64Array) return numbers;
  const out = Float64Array.from(numbers);
  if (levels) {
    for (let i = 0; i < out.length; i++) if (levels[i]! < maxDefinition) out[i] = Number.NaN;
  }
  return out;
}

export class BlockColumn {
  readonly #leaf: LakeLeaf;
  readonly #source: Source;
  #doubles: Float64Array | undefined;
  readonly #isNull: boolean;
  /** Of texts that have nulls among them. */
  #coded: { codes: Int32Array; dictionary: TextIndex } | undefined;

  constructor(leaf: LakeLeaf, source: Source) {
    this.#leaf = leaf;
    this.#source = source;
    this.#isNull = isNull(source);
  }

  /** Of the lists of these rows. */
  elements(rows: Int32Array): Elements {
    const { starts, nulls } = this.#source.vector.lists!;
    return elementsOf(rows, starts, (row) => nulls?.[row] === 1);
  }

  /** @param elements of lists, those of the rows */
  data(rows: Int32Array, elements: Elements | undefined): ColumnData {
    const places = elements?.places ?? rows;
    const data = this.#values(places);
    return elements ? { ...data, shape: elements.shape } : data;
  }

  #values(places: Int32Array): ColumnData {
    if (this.#isNull) return { nulls: places.length };
    const { vector } = this.#source;
    switch (vector.kind) {
      case 'coded-texts':
        return {
          codes: gatherInts(vector.codes, places),
          dictionary: new PooledTexts(vector.dictionary),
        };
      case 'texts':
        return this.#texts(vector, places);
      case 'numbers':
        return this.#leaf.type === 'int32'
          ? { numbers: this.#ints(vector, places) }
          : { numbers: this.#gatherDoubles(places) };
      default:
        throw new TypeError('the lake has no column of booleans');
    }
  }

  #texts(vector: Texts, places: Int32Array): ColumnData {
    if (!vector.levels) return { plain: plainOf(vector.texts, places), count: places.length };
    if (!this.#coded) {
      const dictionary = new TextIndex();
      this.#coded = { codes: codesOf(vector, this.#source.maxDefinition, dictionary), dictionary };
    }
    const { codes, dictionary } = this.#coded;
    return { codes: gatherInts(codes, places), dictionary };
  }

  #ints({ numbers }: Numbers, places: Int32Array): Int32Array {
    if (numbers instanceof Int32Array) return gatherInts(numbers, places);
    const out = new Int32Array(places.length);
    for (let i = 0; i < out.length; i++) {
      const value = numbers[places[i]!]!;
      out[i] = Number.isNaN(value) ? NULL_INT : value;
    }
    return out;
  }

  #gatherDoubles(places: Int32Array): Float64Array {
    this.#doubles ??= doublesOf(this.#source);
    const out = new Float64Array(places.length);
    for (let i = 0; i < out.length; i++) out[i] = this.#doubles[places[i]!]!;
    return out;
  }
}
