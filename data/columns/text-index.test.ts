import fc from 'fast-check';
import { expect, it } from 'vitest';
import { plainOf, TextIndex, type Texts } from './text-index.ts';

const utf8 = new TextEncoder();

/** The texts with some bytes in front, as a page has them. */
function pool(texts: readonly string[]): Texts {
  const all = texts.map((text) => utf8.encode(text));
  const bytes = Buffer.concat([Buffer.from('head'), ...all]);
  let at = 4;
  const starts = Int32Array.from([4, ...all.map(({ length }) => (at += length))]);
  return { bytes, starts };
}

const words = fc.array(
  fc.oneof(
    fc.string({ unit: 'binary', maxLength: 40 }),
    fc.constantFrom('', 'a', 'aaaa', 'aaaab', 'é😀'),
  ),
  { maxLength: 3000 },
);

it('numbers texts in the order in which they are first met, over several pools', () => {
  fc.assert(
    fc.property(words, words, (first, second) => {
      const index = new TextIndex();
      const codes = [...index.codes(pool(first)), ...index.codes(pool(second))];
      const known = new Map<string, number>();
      const expected = [...first, ...second].map((text) => {
        if (!known.has(text)) known.set(text, known.size);
        return known.get(text);
      });
      expect(codes).toEqual(expected);
      expect(index.size).toBe(known.size);
      for (const [text, code] of known) expect(index.text(code)).toBe(text);
    }),
    { numRuns: 60 },
  );
});

it('writes chosen texts behind their lengths', () => {
  const texts = pool(['one', '', 'drei']);
  const index = new TextIndex();
  index.codes(texts);
  const expected = Buffer.from('\u0004\0\0\0drei\u0003\0\0\0one\0\0\0\0');
  expect(Buffer.from(index.plain([2, 0, 1]))).toEqual(expected);
  expect(Buffer.from(plainOf(texts, Int32Array.of(2, 0, 1)))).toEqual(expected);
});
