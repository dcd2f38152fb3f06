/** Columns of a DuckDB chunk as typed arrays, without an object per value. */
import { type DuckDBDataChunk, DuckDBListVector, type DuckDBVector } from '@duckdb/node-api';

type Items = ArrayLike<number> | ArrayLike<bigint>;

function itemsOf(vector: DuckDBVector, name: string): Items {
  const items = (vector as unknown as { items?: Items }).items;
  if (!items) throw new TypeError(`${name}: cast it to a number type, it has no typed values`);
  return items;
}

/** A column of numbers. Nulls hold arbitrary values: `coalesce` them in the query. */
export function numbers(chunk: DuckDBDataChunk, column: number): ArrayLike<number> {
  const items = itemsOf(chunk.getColumnVector(column), `column ${column}`);
  return typeof items[0] === 'bigint'
    ? Float64Array.from(items as ArrayLike<bigint>, Number)
    : (items as ArrayLike<number>);
}

/** A column of number lists: row i holds `values[start(i)] … values[start(i) + length(i) − 1]`. */
export interface ListColumn {
  values: ArrayLike<number>;
  start(row: number): number;
  length(row: number): number;
}

/** A column of lists of numbers, none null, no element null (`coalesce` to NaN in the query). */
export function lists(chunk: DuckDBDataChunk, column: number): ListColumn {
  const vector = chunk.getColumnVector(column);
  if (!(vector instanceof DuckDBListVector)) throw new TypeError(`column ${column} is not a list`);
  const { entryData, childData } = vector as unknown as {
    entryData: BigUint64Array;
    childData: DuckDBVector;
  };
  return {
    values: itemsOf(childData, `column ${column}`) as ArrayLike<number>,
    start: (row) => Number(entryData[row * 2]!),
    length: (row) => Number(entryData[row * 2 + 1]!),
  };
}
