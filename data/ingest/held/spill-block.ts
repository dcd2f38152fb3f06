/** Rows of a block as row groups of staged files, one for each group of buckets. */
import type { ColumnData } from '../../parquet/column.ts';
import type { ColumnSchema } from '../../parquet/schema.ts';
import { type LakeLeaf, lakeLeaves } from '../lake/leaves.ts';
import { type Elements, nullData } from '../lake/unit-columns.ts';
import { bucketOf } from '../user-keys.ts';
import type { Block } from './block.ts';
import { BlockColumn } from './block-column.ts';

/** What staged files have before the lake's columns. */
const PLACED: readonly ColumnSchema[] = [
  { name: 'row_no', type: 'int64', list: false },
  { name: 'day', type: 'int32', list: false },
  { name: 'bucket', type: 'int32', list: false },
];

/** Takes a row group of a group of buckets. */
export type OnRows = (
  group: number,
  columns: readonly ColumnSchema[],
  rows: number,
  data: readonly ColumnData[],
) => void;

/** The bucket of each row of a block. */
function bucketsOfRows({ columns }: Block, buckets: number): Int32Array {
  const { vector } = columns.get('user_key')!;
  if (vector.kind !== 'coded-texts') throw new TypeError('the keys of users are not coded');
  const { bytes, starts } = vector.dictionary;
  const ofUser = new Int32Array(starts.length - 1);
  for (let code = 0; code < ofUser.length; code++) {
    const key = Buffer.from(bytes.subarray(starts[code]!, starts[code + 1]!)).toString();
    ofUser[code] = key === '' ? 0 : bucketOf(key, buckets);
  }
  return vector.codes.map((code) => ofUser[code]!);
}

export function spillBlock(block: Block, buckets: number, onRows: OnRows): void {
  const bucket = bucketsOfRows(block, buckets);
  const leaves = lakeLeaves(block.type);
  const schema = [...PLACED, ...leaves];
  const columns = new Map(
    [...block.columns].map(([path, source]) => [
      path,
      new BlockColumn(leaves.find((leaf) => leaf.path === path)!, source),
    ]),
  );
  const { starts, numbers, days } = block;
  for (let group = 0; group + 1 < starts.length; group++) {
    const [from, to] = [starts[group]!, starts[group + 1]!];
    if (from === to) continue;
    const placed = [numbers, days, bucket].map((values) => ({ numbers: values.slice(from, to) }));
    const rows = Int32Array.from({ length: to - from }, (_, i) => from + i);
    onRows(group, schema, rows.length, [...placed, ...dataOf(leaves, columns, rows)]);
  }
}

function dataOf(
  leaves: readonly LakeLeaf[],
  columns: ReadonlyMap<string, BlockColumn>,
  rows: Int32Array,
): ColumnData[] {
  const elements = new Map<string, Elements>();
  for (const { path, name, list } of leaves) {
    const column = columns.get(path);
    if (list && column && !elements.has(name)) elements.set(name, column.elements(rows));
  }
  return leaves.map((leaf) => {
    const column = columns.get(leaf.path);
    return column
      ? column.data(rows, elements.get(leaf.name))
      : nullData(leaf, rows.length, elements.get(leaf.name));
  });
}
