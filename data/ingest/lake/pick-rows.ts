/** Some rows of a column as it was read. */
import type { Texts } from '../../columns/text-index.ts';
import type { ColumnVector } from '../../parquet/read/decode.ts';
import { gatherInts } from './unit-columns.ts';

/** The rows in the given order, as if the row group had no others. */
export function pickRows(vector: ColumnVector, rows: Int32Array): ColumnVector {
  const { lists } = vector;
  const places = lists ? placesOf(lists.starts, rows) : rows;
  const shape = {
    rows: rows.length,
    lists: lists && {
      starts: startsOf(lists.starts, rows),
      nulls: lists.nulls && pickBytes(lists.nulls, rows),
    },
    levels: vector.levels && pickBytes(vector.levels, places),
  };
  switch (vector.kind) {
    case 'numbers':
      return { ...shape, kind: 'numbers', numbers: pickNumbers(vector.numbers, places) };
    case 'booleans':
      return { ...shape, kind: 'booleans', booleans: pickBytes(vector.booleans, places) };
    case 'coded-texts': {
      const { dictionary } = vector;
      return { ...shape, kind: 'coded-texts', codes: gatherInts(vector.codes, places), dictionary };
    }
    case 'texts':
      return { ...shape, kind: 'texts', texts: pickTexts(vector.texts, places) };
  }
}

function startsOf(starts: Int32Array, rows: Int32Array): Int32Array {
  const own = new Int32Array(rows.length + 1);
  for (let i = 0; i < rows.length; i++) {
    own[i + 1] = own[i]! + starts[rows[i]! + 1]! - starts[rows[i]!]!;
  }
  return own;
}

/** Elements of the rows' lists. */
function placesOf(starts: Int32Array, rows: Int32Array): Int32Array {
  const places = new Int32Array(startsOf(starts, rows)[rows.length]!);
  let at = 0;
  for (let i = 0; i < rows.length; i++) {
    const end = starts[rows[i]! + 1]!;
    for (let place = starts[rows[i]!]!; place < end; place++) places[at++] = place;
  }
  return places;
}

function pickBytes(source: Uint8Array, places: Int32Array): Uint8Array {
  const out = new Uint8Array(places.length);
  for (let i = 0; i < out.length; i++) out[i] = source[places[i]!]!;
  return out;
}

function pickNumbers(
  source: Int32Array | Float64Array,
  places: Int32Array,
): Int32Array | Float64Array {
  if (source instanceof Int32Array) return gatherInts(source, places);
  const out = new Float64Array(places.length);
  for (let i = 0; i < out.length; i++) out[i] = source[places[i]!]!;
  return out;
}

/** Texts are copied by words, which run over by up to so many bytes. */
const OVERRUN = 3;

function pickTexts({ bytes, starts }: Texts, places: Int32Array): Texts {
  const own = startsOf(starts, places);
  const length = own[places.length]!;
  const out = new Uint8Array(length + OVERRUN);
  const target = new DataView(out.buffer);
  const source = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const words = bytes.byteLength - OVERRUN;
  for (let i = 0; i < places.length; i++) {
    let from = starts[places[i]!]!;
    let at = own[i]!;
    const end = own[i + 1]!;
    for (; at < end && from < words; at += 4, from += 4) {
      target.setInt32(at, source.getInt32(from, true), true);
    }
    for (; at < end; at++, from++) out[at] = bytes[from]!;
  }
  return { bytes: out.subarray(0, length), starts: own };
}
