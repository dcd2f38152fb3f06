/** Values of a column against a rule of the contract: marks the rows that are not surely valid. */
import { isUtf8 } from 'node:buffer';
import type { Texts } from '../../columns/text-index.ts';
import type { ColumnVector } from '../../parquet/read/decode.ts';
import type { Leaf } from '../../parquet/read/schema.ts';
import type { LeafRule } from './contract-rules.ts';

const DELETE = 0x7f;
/** First byte of U+0080 … U+00BF in UTF-8; control characters end at U+009F. */
const LATIN_CONTROL = 0xc2;
const LAST_CONTROL = 0x9f;

type TextRule = Extract<LeafRule['value'], { kind: 'text' }>;
type NumberRule = Extract<LeafRule['value'], { kind: 'number' }>;

/** Whether a text has a fitting length in bytes, is UTF-8, and has no control characters. */
function isPlainText(bytes: Uint8Array, from: number, to: number, rule: TextRule): boolean {
  if (to - from < rule.least || to - from > rule.most) return false;
  let ascii = true;
  for (let at = from; at < to; at++) {
    const byte = bytes[at]!;
    if (byte < 0x20 || byte === DELETE) return false;
    if (byte >= 0x80) ascii = false;
  }
  if (!ascii) {
    const text = bytes.subarray(from, to);
    if (!isUtf8(text)) return false;
    for (let i = 0; i + 1 < text.length; i++) {
      if (text[i] === LATIN_CONTROL && text[i + 1]! <= LAST_CONTROL) return false;
    }
  }
  return !rule.oneOf || rule.oneOf.has(Buffer.from(bytes.subarray(from, to)).toString());
}

/** 1 for each text that is not surely valid. */
function badTexts({ bytes, starts }: Texts, rule: TextRule): Uint8Array {
  const bad = new Uint8Array(starts.length - 1);
  for (let i = 0; i < bad.length; i++) {
    bad[i] = Number(!isPlainText(bytes, starts[i]!, starts[i + 1]!, rule));
  }
  return bad;
}

/** 1 for each number that is not surely valid. JSON has −0, and writes it as 0. */
function badNumbers(
  numbers: Int32Array | Float64Array,
  { least, most }: NumberRule,
  { physical }: Leaf,
): Uint8Array {
  const bad = new Uint8Array(numbers.length);
  // Larger whole numbers were rounded when they were read.
  const safe = physical === 'int64' ? Math.min(most, Number.MAX_SAFE_INTEGER) : most;
  const low = physical === 'int64' ? Math.max(least, Number.MIN_SAFE_INTEGER) : least;
  for (let i = 0; i < bad.length; i++) {
    const value = numbers[i]!;
    const fits = value >= low && value <= safe && !(value === 0 && 1 / value < 0);
    bad[i] = fits ? 0 : 1;
  }
  return bad;
}

/** 1 for each element that is not surely valid; nulls are when they may be. */
function badElements(vector: ColumnVector, leaf: Leaf, rule: LeafRule): Uint8Array {
  const { value, required } = rule;
  let bad: Uint8Array;
  if (value.kind === 'number') {
    bad = vector.kind === 'numbers' ? badNumbers(vector.numbers, value, leaf) : new Uint8Array(0);
  } else if (vector.kind === 'coded-texts') {
    const badCode = badTexts(vector.dictionary, value);
    const { codes } = vector;
    bad = new Uint8Array(codes.length);
    if (badCode.includes(1) || vector.levels) {
      for (let i = 0; i < bad.length; i++) bad[i] = codes[i]! < 0 ? 1 : badCode[codes[i]!]!;
    }
  } else bad = vector.kind === 'texts' ? badTexts(vector.texts, value) : new Uint8Array(0);
  const { levels } = vector;
  if (levels) {
    const nulls = Number(required);
    for (let i = 0; i < bad.length; i++) if (levels[i]! < leaf.maxDefinition) bad[i] = nulls;
  }
  return bad;
}

/**
 * @param leaf that the rule fits, see `fitsRule`
 * @param rows of which the rule holds
 * @param bad by row: set to 1 where the value is not surely valid
 */
export function checkColumn(
  vector: ColumnVector,
  leaf: Leaf,
  rule: LeafRule,
  rows: Int32Array,
  bad: Uint8Array,
): void {
  const elements = badElements(vector, leaf, rule);
  if (!rule.list) {
    if (!elements.includes(1)) return;
    for (let i = 0; i < rows.length; i++) bad[rows[i]!]! |= elements[rows[i]!]!;
    return;
  }
  const { least, most, required } = rule.list;
  const { starts, nulls } = vector.lists!;
  const any = elements.includes(1);
  for (let i = 0; i < rows.length; i++) {
    const row = rows[i]!;
    if (nulls?.[row]) {
      if (required) bad[row] = 1;
      continue;
    }
    const length = starts[row + 1]! - starts[row]!;
    if (length < least || length > most) bad[row] = 1;
    if (any && elements.subarray(starts[row]!, starts[row + 1]!).includes(1)) bad[row] = 1;
  }
}

/** A list that may be null and is not within anything. */
const OWN_LIST = 2;

/**
 * Marks the rows in which the column is not surely null.
 * @param leaf any of the column's. In a struct that is always there level 0 is a null member.
 */
export function checkNull(
  { lists, levels }: ColumnVector,
  { nullable, elementDefinition }: Leaf,
  rows: Int32Array,
  bad: Uint8Array,
): void {
  const tells = nullable && elementDefinition <= OWN_LIST;
  for (let i = 0; i < rows.length; i++) {
    const row = rows[i]!;
    const missing = tells && (lists ? lists.nulls?.[row] === 1 : levels?.[row] === 0);
    if (!missing) bad[row] = 1;
  }
}
