import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { dequantiseDelta, quantiseDelta } from './quantise.ts';

describe('int8 changes', () => {
  it('take one scale per row and round to the nearest step', () => {
    // Row 0: scale 1.27/127 = .01. Row 1: scale 254/127 = 2; 3 / 2 rounds to 2.
    const delta = { w: { shape: [2, 2], data: Float32Array.from([1.27, -0.634, 254, 3]) } };
    const { tensors, error } = quantiseDelta(delta);
    expect([...tensors.w!.data]).toEqual([127, -63, 127, 2]);
    expect(tensors['w/scale']!.data[0]).toBeCloseTo(0.01, 8);
    expect(tensors['w/scale']!.data[1]).toBe(2);
    expect(error.maxAbsolute).toBeCloseTo(1, 6);
  });

  it('keep a row of zeros', () => {
    const delta = { b: { shape: [3], data: new Float32Array(3) } };
    const { tensors, error } = quantiseDelta(delta);
    expect([...dequantiseDelta(tensors).b!.data]).toEqual([0, 0, 0]);
    expect(error).toEqual({ maxAbsolute: 0, relativeRms: 0 });
  });

  it('come back within half a step of their row', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 4 }),
        fc.integer({ min: 1, max: 5 }),
        fc.infiniteStream(fc.float({ min: -10, max: 10, noNaN: true })),
        (rows, width, values) => {
          const data = Float32Array.from(
            { length: rows * width },
            () => values.next().value as number,
          );
          const { tensors } = quantiseDelta({ w: { shape: [rows, width], data } });
          const back = dequantiseDelta(tensors).w!;
          expect(back.shape).toEqual([rows, width]);
          data.forEach((value, i) => {
            const step = tensors['w/scale']!.data[Math.floor(i / width)]!;
            expect(Math.abs(back.data[i]! - value)).toBeLessThanOrEqual(step * 0.5 + 1e-5);
          });
        },
      ),
    );
  });
});
