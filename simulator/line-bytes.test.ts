import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Json, LineBytes } from './line-bytes.ts';
import { fourDigits } from './maths.ts';

/** Starts with too little room, so that it grows on the way. */
function written(value: object): string {
  const lines = new LineBytes(1);
  lines.line(value);
  return Buffer.from(lines.view()).toString();
}
const expected = (value: object): string => `${JSON.stringify(value)}\n`;

describe('a line', () => {
  it('has the bytes of JSON.stringify for whatever JSON can hold', () => {
    fc.assert(
      fc.property(fc.jsonValue({ stringUnit: 'binary' }), (value) => {
        expect(written([value as Json])).toBe(expected([value]));
      }),
      { numRuns: 100 },
    );
  });

  it('has them for texts that need escapes or more than a byte a character', () => {
    const texts = ['', 'plain', '"', '\\', 'a\nb', '\u0000', 'é', '购物', '😀', '\ud800', '\u007f'];
    expect(written(texts)).toBe(expected(texts));
    const named = Object.fromEntries(texts.map((text) => [`k${text}`, text]));
    expect(written(named)).toBe(expected(named));
  });

  it('has them for numbers of four digits, of every size and sign', () => {
    const digits = fc.double({ min: -20, max: 20, noNaN: true }).map(fourDigits);
    const small = fc.double({ min: -0.02, max: 0.02, noNaN: true }).map(fourDigits);
    fc.assert(
      fc.property(fc.array(fc.oneof(digits, small, fc.double(), fc.maxSafeInteger())), (values) => {
        expect(written(values)).toBe(expected(values));
      }),
      { numRuns: 500 },
    );
  });

  it('has them at the edges of what is written digit by digit', () => {
    const edges = [0, -0, 1, 9, 10, 99, 999_999, 1_000_000, 1_000_001, 2 ** 53 - 1, 2 ** 53, 1e21];
    const parts = [0.001, 0.0009999, 0.01, 0.1, 0.999, 0.9999, 0.99999, 1.5, 9.999, 9.9999, 10.5];
    const values = [...edges, ...parts].flatMap((x) => [x, -x]);
    const odd = [Number.NaN, Number.POSITIVE_INFINITY, Number.MIN_VALUE, 0.1 + 0.2];
    expect(written([...values, ...odd])).toBe(expected([...values, ...odd]));
  });

  it('leaves out a field that is undefined', () => {
    expect(written({ a: undefined, b: 1, c: undefined })).toBe('{"b":1}\n');
    expect(written({ a: undefined })).toBe('{}\n');
  });
});

describe('the buffer', () => {
  it('keeps a copy apart from what is written after it', () => {
    const lines = new LineBytes(4);
    lines.line({ a: 1 });
    const first = lines.copy();
    lines.clear();
    lines.line({ b: 2 });
    lines.append(first);
    expect(Buffer.from(lines.copy()).toString()).toBe('{"b":2}\n{"a":1}\n');
    expect(lines.length).toBe(16);
  });
});
