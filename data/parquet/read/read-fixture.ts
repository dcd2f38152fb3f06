/** What is read as plain values, for comparing it with what others read. */
import { NULL_INT } from '../column.ts';
import type { ColumnVector, ReadOptions } from './decode.ts';
import type { ParquetFile } from './file.ts';
import { NULL_BOOLEAN } from './values/booleans.ts';
import type { Texts } from './values/text-pool.ts';

export type Plain = number | boolean | string | null;
export type Cell = Plain | Plain[];

const utf8 = new TextDecoder('utf-8', { fatal: true });

const textAt = ({ bytes, starts }: Texts, i: number): string =>
  utf8.decode(bytes.subarray(starts[i]!, starts[i + 1]!));

/** The element, and whether it is marked as null. */
function elementAt(vector: ColumnVector, i: number): { value: Plain; marked: boolean } {
  switch (vector.kind) {
    case 'numbers': {
      const value = vector.numbers[i]!;
      const marked =
        vector.numbers instanceof Int32Array ? value === NULL_INT : Number.isNaN(value);
      return { value, marked };
    }
    case 'booleans':
      return { value: vector.booleans[i] === 1, marked: vector.booleans[i] === NULL_BOOLEAN };
    case 'coded-texts': {
      const code = vector.codes[i]!;
      return { value: code < 0 ? '' : textAt(vector.dictionary, code), marked: code < 0 };
    }
    default: {
      const value = textAt(vector.texts, i);
      return { value, marked: value === '' };
    }
  }
}

/** A cell a row; lists as arrays. */
export function cellsOf(vector: ColumnVector, maxDefinition: number): Cell[] {
  const { rows, lists, levels } = vector;
  const value = (i: number): Plain => {
    const element = elementAt(vector, i);
    if (!levels || levels[i] === maxDefinition) return element.value;
    if (!element.marked) throw new Error(`element ${i} is null and not marked`);
    return null;
  };
  return Array.from({ length: rows }, (_, row) => {
    if (!lists) return value(row);
    if (lists.nulls?.[row]) return null;
    const cell: Plain[] = [];
    for (let i = lists.starts[row]!; i < lists.starts[row + 1]!; i++) cell.push(value(i));
    return cell;
  });
}

/** All row groups of a leaf. */
export async function readCells(
  file: ParquetFile,
  path: string,
  options?: ReadOptions,
): Promise<Cell[]> {
  const leaf = file.leaf(path);
  if (leaf === undefined) throw new Error(`${file.path} has no column ${path}`);
  const cells: Cell[] = [];
  for (let group = 0; group < file.groups.length; group++) {
    const vector = await file.readColumn(group, leaf, options);
    cells.push(...cellsOf(vector, file.leaves[leaf]!.maxDefinition));
  }
  return cells;
}
