import fc from 'fast-check';
import { expect, test } from 'vitest';
import { pack, packedAt, unpack } from './packed.ts';

const special = [Number.NaN, -0, 0, 0.5, -1, 2 ** 32, 2 ** 53, Number.POSITIVE_INFINITY];
const doubles = fc.array(
  fc.oneof(fc.integer({ min: -3, max: 300 }), fc.integer(), fc.constantFrom(...special)),
);

test('packed numbers are the same numbers, −0 and NaN among them', () => {
  fc.assert(
    fc.property(doubles, fc.nat(), fc.nat(), (numbers, one, other) => {
      const values = Float64Array.from(numbers);
      const [from, to] = [one, other].map((n) => n % (values.length + 1)).sort((a, b) => a - b);
      const packed = pack(values);
      expect(unpack(packed, from!, to!)).toEqual(values.slice(from, to));
      values.forEach((value, i) => {
        expect(packedAt(packed, i)).toBe(value);
      });
    }),
  );
  fc.assert(
    fc.property(fc.array(fc.integer()), (numbers) => {
      const values = Int32Array.from(numbers);
      expect(unpack(pack(values), 0, values.length)).toEqual(values);
    }),
  );
});

test('numbers take as many bytes as their range needs', () => {
  const widthOf = (values: Int32Array | Float64Array) => pack(values).values.BYTES_PER_ELEMENT;
  expect(widthOf(Int32Array.of(1_000_000, 1_000_255))).toBe(1);
  expect(widthOf(Int32Array.of(-1, 255))).toBe(2);
  expect(widthOf(Int32Array.of(0, 65_536))).toBe(4);
  expect(widthOf(Float64Array.of(1.7e12, 1.7e12 + 9e7))).toBe(4);
  expect(widthOf(Float64Array.of(0, 2 ** 32))).toBe(8);
  expect(widthOf(Float64Array.of(0, 0.5))).toBe(8);
});
