import { describe, expect, it } from 'vitest';
import type { ColumnVector } from '../parquet/read/decode.ts';
import { ByteTexts } from './byte-texts.ts';
import { areUtf8, chunkTexts } from './chunk-texts.ts';

/** Texts one behind the other, as a page without a dictionary has them. */
function texts(...all: string[]) {
  const starts = [0];
  for (const text of all) starts.push(starts.at(-1)! + Buffer.byteLength(text));
  return { bytes: Buffer.from(all.join('')), starts: Int32Array.from(starts) };
}

const plain = (own: ReturnType<typeof texts>, levels?: Uint8Array): ColumnVector => ({
  kind: 'texts',
  rows: own.starts.length - 1,
  lists: undefined,
  levels,
  texts: own,
});
const coded = (codes: number[], dictionary: ReturnType<typeof texts>): ColumnVector => ({
  kind: 'coded-texts',
  rows: codes.length,
  lists: undefined,
  levels: undefined,
  codes: Int32Array.from(codes),
  dictionary,
});

describe('texts as bytes', () => {
  it('are found by their row, also those that came later and those of a dictionary', () => {
    const column = new ByteTexts();
    column.append(chunkTexts(plain(texts('ab', '', '€d', 'left out', 'e')), 0), [0, 3, 4, 5]);
    column.fill(2);
    column.append(chunkTexts(coded([1, -1, 0, 1], texts('x', 'yy')), 1), [0, 3]);
    const rows = Array.from({ length: 9 }, (_, row) => column.text(row));
    expect(rows).toEqual(['ab', '', '€d', 'e', '', '', 'yy', '', 'x']);
  });

  it('are told from such that are not UTF-8, also when a neighbour would complete them', () => {
    expect(areUtf8(plain(texts('é', '', 'ab', '€')))).toBe(true);
    const halves = { bytes: Buffer.from('é'), starts: Int32Array.of(0, 1, 2) };
    expect(areUtf8(plain(halves))).toBe(false);
    expect(areUtf8(coded([0], halves))).toBe(false);
    expect(areUtf8(plain({ bytes: Buffer.of(97, 200), starts: Int32Array.of(0, 2) }))).toBe(false);
  });
});
