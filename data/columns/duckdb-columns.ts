/** Columns of a DuckDB chunk as typed arrays, without an object per value. */
import { type DuckDBDataChunk, DuckDBListVector, type DuckDBVector } from '@duckdb/node-api';

type Items = ArrayLike<number> | ArrayLike<bigint>;

/** A column of number lists: row i holds `values[start(i)] … values[start(i) + length(i) − 1]`. */
export interface ListColumn {
  values: ArrayLike<number>;
  start(row: number): number;
  length(row: number): number;
}

/** Some consecutive rows of a result. */
export class Batch {
  readonly rows: number;
  readonly #chunk: DuckDBDataChunk;
  readonly #places: Map<string, number>;

  constructor(chunk: DuckDBDataChunk, names: readonly string[]) {
    this.rows = chunk.rowCount;
    this.#chunk = chunk;
    this.#places = new Map(names.map((name, place) => [name, place]));
  }

  /** A column of numbers. Nulls hold arbitrary values: `coalesce` them in the query. */
  numbers(name: string): ArrayLike<number> {
    return asNumbers(this.#vector(name), name);
  }

  /** A column of lists of numbers: no list null, no element null. */
  lists(name: string): ListColumn {
    const { entries, child } = this.#list(name);
    return {
      values: asNumbers(child, name),
      start: (row) => entries[row * 4]!,
      length: (row) => entries[row * 4 + 2]!,
    };
  }

  /** The text of one row; null stays null. */
  text(name: string, row: number): string | null {
    return this.#vector(name).getItem(row) as string | null;
  }

  #list(name: string): { entries: Uint32Array; child: DuckDBVector } {
    const vector = this.#vector(name);
    if (!(vector instanceof DuckDBListVector)) throw new TypeError(`${name} is not a list`);
    // The entries are (offset, length) pairs of 64-bit numbers; the package reads them by its own
    // methods one at a time. Lists of one batch are far shorter than 2^32, so the low words do.
    const { entryData, childData } = vector as unknown as {
      entryData: BigUint64Array;
      childData: DuckDBVector;
    };
    const entries = new Uint32Array(entryData.buffer, entryData.byteOffset, 4 * this.rows);
    return { entries, child: childData };
  }

  #vector(name: string): DuckDBVector {
    const place = this.#places.get(name);
    if (place === undefined) throw new RangeError(`the result has no column ${name}`);
    return this.#chunk.getColumnVector(place);
  }
}

function asNumbers(vector: DuckDBVector, name: string): ArrayLike<number> {
  const items = (vector as unknown as { items?: Items }).items;
  if (!items) throw new TypeError(`${name} has no typed values: cast it to a number type`);
  return items instanceof BigInt64Array || items instanceof BigUint64Array
    ? Float64Array.from(items as ArrayLike<bigint>, Number)
    : (items as ArrayLike<number>);
}
