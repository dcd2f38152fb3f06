/** Rows of a row group, behind those that a table has. */
import {
  appendCodes,
  appendFloats,
  appendInts,
  appendLists,
  appendParsed,
  asFloats,
  countOf,
  fillUp,
  type Ranges,
} from '../../columns/append.ts';
import { chunkTexts } from '../../columns/chunk-texts.ts';
import type { EventTable } from '../../columns/event-table.ts';
import type { Floats, Ints } from '../../columns/growing.ts';
import type { TextIndex } from '../../columns/text-index.ts';
import { NULL_INT } from '../../parquet/column.ts';
import type { Coded } from '../part.ts';
import type { Chunk, OpenFile } from './lake-reader.ts';
import type { Load, Loads } from './loads.ts';

/** All columns but the user's. Column by column: one chunk is in memory at a time. */
export async function appendRows(
  table: EventTable,
  loads: Loads,
  file: OpenFile,
  group: number,
  rows: Ranges,
  codes: Record<Coded, TextIndex>,
): Promise<void> {
  for (const [name, load] of Object.entries(loads)) {
    const chunk = await file.read(group, load);
    if (!chunk) await fillNulls(table, name, load, file, group, rows, codes);
    else if (load.read === 'bytes') {
      const texts = chunkTexts(chunk.vector, chunk.maxDefinition);
      table.bytes(name).append(texts, rows);
    } else if (load.read === 'presence' || load.read === 'lengths') {
      appendShapes(table.growingInts(name), load.read, chunk, rows);
    } else if (load.read === 'pairs') {
      const second = await file.read(group, { column: load.and });
      appendPairs(table.growingInts(name), load.of, chunk, second, rows);
    } else if (load.list) {
      const { starts, values } = table.growingLists(name);
      const elements = appendLists(starts, chunk.vector.lists!, rows);
      appendValues(values, load, chunk, elements, codes);
    } else {
      const isFloat = load.read === 'floats' || (load.read === 'parsed' && load.as === 'float');
      const values = isFloat ? table.growingFloats(name) : table.growingInts(name);
      appendValues(values, load, chunk, rows, codes);
      if (load.read === 'floats' && load.or && mayHaveNulls(chunk)) {
        await fillFrom(values as Floats, load.or, file, group, rows);
      }
    }
  }
  table.rows += countOf(rows);
}

type ValueLoad = Extract<Load, { read: 'ints' | 'floats' | 'codes' | 'parsed' }>;

function appendValues(
  out: Ints | Floats,
  load: ValueLoad,
  { vector, maxDefinition }: Chunk,
  ranges: Ranges,
  codes: Record<Coded, TextIndex>,
): void {
  if (load.read === 'ints') appendInts(out as Ints, vector, ranges);
  else if (load.read === 'floats') appendFloats(out as Floats, vector, maxDefinition, ranges);
  else {
    const texts = chunkTexts(vector, maxDefinition);
    if (load.read === 'codes') {
      const own = codes[load.codes];
      appendCodes(out as Ints, texts, ranges, own, unknownOf(load, own));
    } else appendParsed(out, texts, ranges, load.parse, nullOf(load));
  }
}

const nullOf = (load: Load): number =>
  load.read === 'floats' || (load.read === 'parsed' && load.as === 'float') ? Number.NaN : NULL_INT;

const unknownOf = ({ unknown }: { unknown?: string }, codes: TextIndex): number =>
  unknown === undefined ? -1 : codes.codeOfText(unknown);

const mayHaveNulls = ({ vector }: Chunk): boolean => vector.levels !== undefined;

/** Nulls of a column become the values of another one. */
async function fillFrom(
  out: Floats,
  column: string,
  file: OpenFile,
  group: number,
  rows: Ranges,
): Promise<void> {
  const chunk = await file.read(group, { column });
  if (chunk) fillUp(out, asFloats(chunk.vector, chunk.maxDefinition), rows);
}

/** What stands for a column that the file does not have. */
async function fillNulls(
  table: EventTable,
  name: string,
  load: Load,
  file: OpenFile,
  group: number,
  rows: Ranges,
  codes: Record<Coded, TextIndex>,
): Promise<void> {
  const count = countOf(rows);
  if (load.read === 'bytes') table.bytes(name).fill(count);
  else if (load.read === 'presence') table.growingInts(name).fill(0, count);
  else if (load.read === 'lengths') table.growingInts(name).fill(NULL_INT, count);
  else if (load.read === 'pairs') {
    const second = await file.read(group, { column: load.and });
    appendPairs(table.growingInts(name), load.of, undefined, second, rows);
  } else if (load.list) {
    const { starts, values } = table.growingLists(name);
    starts.fill(values.length, count);
  } else if (load.read === 'floats') {
    const out = table.growingFloats(name);
    out.fill(Number.NaN, count);
    if (load.or) await fillFrom(out, load.or, file, group, rows);
  } else if (load.read === 'codes') {
    table.growingInts(name).fill(unknownOf(load, codes[load.codes]), count);
  } else if (load.read === 'parsed' && load.as === 'float') {
    table.growingFloats(name).fill(Number.NaN, count);
  } else table.growingInts(name).fill(NULL_INT, count);
}

function appendShapes(
  out: Ints,
  read: 'presence' | 'lengths',
  { vector }: Chunk,
  rows: Ranges,
): void {
  const { starts, nulls } = vector.lists!;
  for (let r = 0; r < rows.length; r += 2) {
    for (let row = rows[r]!; row < rows[r + 1]!; row++) {
      const there = nulls?.[row] !== 1;
      if (read === 'presence') out.push(Number(there));
      else out.push(there ? starts[row + 1]! - starts[row]! : NULL_INT);
    }
  }
}

function appendPairs(
  out: Ints,
  of: (first: number, second: number) => number,
  first: Chunk | undefined,
  second: Chunk | undefined,
  rows: Ranges,
): void {
  const [a, b] = [first, second].map(
    (chunk) => chunk && asFloats(chunk.vector, chunk.maxDefinition),
  );
  for (let r = 0; r < rows.length; r += 2) {
    for (let row = rows[r]!; row < rows[r + 1]!; row++) {
      out.push(of(a ? a[row]! : Number.NaN, b ? b[row]! : Number.NaN));
    }
  }
}
