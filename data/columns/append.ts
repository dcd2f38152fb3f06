/** Appends values of a column chunk to columns that grow. */
import type { ColumnVector } from '../parquet/read/decode.ts';
import type { Lists } from '../parquet/read/levels.ts';
import type { ChunkTexts } from './chunk-texts.ts';
import type { Floats, Ints } from './growing.ts';
import { sameBytes, type TextIndex } from './text-index.ts';

/** Values of a chunk, as pairs of numbers: from the first up to, and without, the second; rising. */
export type Ranges = ArrayLike<number>;

export function countOf(ranges: Ranges): number {
  let count = 0;
  for (let r = 0; r < ranges.length; r += 2) count += ranges[r + 1]! - ranges[r]!;
  return count;
}

/** @throws TypeError when the column has other values than whole numbers of 32 bits */
export function appendInts(out: Ints, vector: ColumnVector, ranges: Ranges): void {
  const numbers = vector.kind === 'numbers' ? vector.numbers : undefined;
  if (!(numbers instanceof Int32Array)) throw new TypeError('the column holds no integers');
  const target = out.reserve(countOf(ranges));
  for (let r = 0; r < ranges.length; r += 2) {
    const values = numbers.subarray(ranges[r], ranges[r + 1]);
    target.set(values, out.length);
    out.length += values.length;
  }
}

/** Numbers as doubles, NaN for null. */
export function appendFloats(
  out: Floats,
  vector: ColumnVector,
  maxDefinition: number,
  ranges: Ranges,
): void {
  const values = asFloats(vector, maxDefinition);
  const target = out.reserve(countOf(ranges));
  for (let r = 0; r < ranges.length; r += 2) {
    const part = values.subarray(ranges[r], ranges[r + 1]);
    target.set(part, out.length);
    out.length += part.length;
  }
}

/** All values of a chunk as doubles, NaN for null. @throws TypeError when they are no numbers */
export function asFloats(vector: ColumnVector, maxDefinition: number): Float64Array {
  if (vector.kind !== 'numbers') throw new TypeError('the column holds no numbers');
  const { numbers, levels } = vector;
  if (numbers instanceof Float64Array) return numbers;
  const floats = new Float64Array(numbers);
  if (!levels) return floats;
  for (let i = 0; i < floats.length; i++) if (levels[i]! < maxDefinition) floats[i] = Number.NaN;
  return floats;
}

/** Puts values of a chunk where the last ones of `out`, as many, are NaN. */
export function fillUp(out: Floats, values: Float64Array, ranges: Ranges): void {
  const { data } = out;
  let at = out.length - countOf(ranges);
  for (let r = 0; r < ranges.length; r += 2) {
    for (let i = ranges[r]!; i < ranges[r + 1]!; i++, at++) {
      if (Number.isNaN(data[at]!)) data[at] = values[i]!;
    }
  }
}

/** Stands in a table for what was not looked up yet. */
const UNMET = -2;

/** Texts by their codes. @param unknown what stands for null */
export function appendCodes(
  out: Ints,
  texts: ChunkTexts,
  ranges: Ranges,
  codes: TextIndex,
  unknown = -1,
): void {
  const target = out.reserve(countOf(ranges));
  // One place more: that of null.
  const table = texts.codes && new Int32Array(texts.starts.length).fill(UNMET);
  if (table) table[0] = unknown;
  for (let r = 0; r < ranges.length; r += 2) {
    const [from, to] = [ranges[r]!, ranges[r + 1]!];
    if (table) lookUp(target, out.length, texts, from, to, table, codes);
    else search(target, out.length, texts, from, to, codes, unknown);
    out.length += to - from;
  }
}

/** A text of the dictionary is looked for when it is first met: what is not met gets no code. */
function lookUp(
  out: Int32Array,
  at: number,
  texts: ChunkTexts,
  from: number,
  to: number,
  table: Int32Array,
  codes: TextIndex,
): void {
  const { starts } = texts;
  const numbers = texts.codes!;
  for (let i = from, put = at; i < to; i++, put++) {
    const text = numbers[i]! + 1;
    let code = table[text]!;
    if (code === UNMET) {
      code = codes.codeOf(texts.bytes, texts.view, starts[text - 1]!, starts[text]!);
      table[text] = code;
    }
    out[put] = code;
  }
}

function search(
  out: Int32Array,
  at: number,
  texts: ChunkTexts,
  from: number,
  to: number,
  codes: TextIndex,
  unknown: number,
): void {
  const { bytes, view, starts, nulls } = texts;
  let [known, end, code] = [0, -1, unknown];
  for (let i = from, put = at; i < to; i++, put++) {
    if (nulls && nulls[i] === 1) {
      out[put] = unknown;
      continue;
    }
    const start = starts[i]!;
    const stop = starts[i + 1]!;
    // Neighbours mostly belong to the same device, session and request.
    if (end - known !== stop - start || !sameBytes(view, start, stop, view, known)) {
      code = codes.codeOf(bytes, view, start, stop);
      known = start;
      end = stop;
    }
    out[put] = code;
  }
}

/** What `parse` makes of texts, once for each text of a dictionary. @param unknown what stands for null */
export function appendParsed(
  out: Ints | Floats,
  texts: ChunkTexts,
  ranges: Ranges,
  parse: (text: string) => number,
  unknown: number,
): void {
  const { bytes, starts, codes, nulls } = texts;
  const known = codes && new Uint8Array(starts.length);
  const table = codes && new Float64Array(starts.length);
  const target = out.reserve(countOf(ranges));
  let at = out.length;
  for (let r = 0; r < ranges.length; r += 2) {
    for (let i = ranges[r]!; i < ranges[r + 1]!; i++, at++) {
      const text = codes ? codes[i]! : nulls && nulls[i] === 1 ? -1 : i;
      if (text < 0) target[at] = unknown;
      else if (!table || known![text] === 0) {
        target[at] = parse(bytes.toString('utf8', starts[text], starts[text + 1]));
        if (table) {
          table[text] = target[at]!;
          known![text] = 1;
        }
      } else target[at] = table[text]!;
    }
  }
  out.length = at;
}

/**
 * Appends where the lists of some rows end, behind those that are there.
 * @returns the elements of these lists
 */
export function appendLists(ends: Ints, { starts }: Lists, rows: Ranges): Int32Array {
  const elements = new Int32Array(rows.length);
  const out = ends.reserve(countOf(rows));
  let at = ends.length;
  for (let r = 0; r < rows.length; r += 2) {
    const [from, to] = [rows[r]!, rows[r + 1]!];
    const shift = out[at - 1]! - starts[from]!;
    for (let row = from; row < to; row++) out[at++] = starts[row + 1]! + shift;
    elements[r] = starts[from]!;
    elements[r + 1] = starts[to]!;
  }
  ends.length = at;
  return elements;
}
