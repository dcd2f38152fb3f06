import { describe, expect, it } from 'vitest';
import { ByteTexts } from './byte-texts.ts';

const utf8 = new TextEncoder();

describe('texts as bytes', () => {
  it('are found by their row, also those that came later', () => {
    const texts = new ByteTexts();
    texts.lengths([2, 0], 2, 'ab');
    texts.lengths([4], 1, '€d');
    texts.append(utf8.encode('ab€d'));
    texts.lengths([1], 1, 'z');
    texts.append(utf8.encode('z'));
    expect([0, 1, 2, 3].map((row) => texts.text(row))).toEqual(['ab', '', '€d', 'z']);
  });

  it('that came in another order than their lengths, or are cut off, are refused', () => {
    const swapped = new ByteTexts();
    swapped.lengths([2], 1, 'ab');
    swapped.lengths([2], 1, 'cd');
    expect(() => swapped.append(utf8.encode('cdab'))).toThrow('another order');
    const short = new ByteTexts();
    short.lengths([2, 2], 2, 'ab');
    expect(() => short.append(utf8.encode('abc'))).toThrow('another length');
  });
});
