import { describe, expect, it } from 'vitest';
import { ByteTexts } from './byte-texts.ts';
import { type ChunkTexts, NotUtf8, textBytes } from './text-bytes.ts';

/** Texts one behind the other, as a page without a dictionary has them. */
function plain(...texts: string[]): ChunkTexts {
  const starts = [0];
  for (const text of texts) starts.push(starts.at(-1)! + Buffer.byteLength(text));
  const bytes = textBytes(Buffer.from(texts.join('')));
  return { ...bytes, starts: Int32Array.from(starts), codes: undefined, nulls: undefined };
}

const rowsOf = (texts: ByteTexts, count: number): string[] =>
  Array.from({ length: count }, (_, row) => texts.text(row));

describe('texts as bytes', () => {
  it('are found by their row, also those that came later and those of a dictionary', () => {
    const texts = new ByteTexts();
    texts.append(plain('ab', '', '€d', 'left out', 'e'), [0, 3, 4, 5]);
    texts.fill(2);
    const coded = { ...plain('x', 'yy'), codes: Int32Array.of(1, -1, 0, 1) };
    texts.append(coded, [0, 3]);
    expect(rowsOf(texts, 9)).toEqual(['ab', '', '€d', 'e', '', '', 'yy', '', 'x']);
  });

  it('that are not UTF-8 are refused, also when a neighbour would complete them', () => {
    const halves = { ...plain('\u00e9'), starts: Int32Array.of(0, 1, 2) };
    expect(() => new ByteTexts().append(halves, [0, 2])).toThrow(NotUtf8);
  });
});
