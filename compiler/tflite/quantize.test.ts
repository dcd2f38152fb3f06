import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { at } from '../graph/ir.ts';
import {
  forRange,
  perRow,
  perRowOrOne,
  quantizeArray,
  quantizeBias,
  symmetric,
} from './quantize.ts';

describe('forRange', () => {
  it('spreads 255 steps over the range', () => {
    expect(forRange({ min: -1, max: 1.55 })).toEqual({
      scale: [Math.fround(0.01)],
      zeroPoint: [-28],
      axis: 0,
    });
  });

  it('holds 0 exactly, whatever the range', () => {
    fc.assert(
      fc.property(
        fc.double({ min: -1e3, max: 1e3, noNaN: true }),
        fc.double({ min: 0, max: 1e3, noNaN: true }),
        (min, width) => {
          const parameters = forRange({ min, max: min + width });
          const [zero] = quantizeArray(Float32Array.of(0), parameters);
          expect(zero).toBe(parameters.zeroPoint[0]);
        },
      ),
    );
  });

  it('rounds a value inside the range by at most half a step, or a whole one at the ends', () => {
    fc.assert(
      fc.property(fc.float({ min: -3, max: 5, noNaN: true }), (x) => {
        const parameters = forRange({ min: -3, max: 5 });
        const scale = at(parameters.scale, 0);
        const q = at(quantizeArray(Float32Array.of(x), parameters), 0);
        const back = scale * (q - at(parameters.zeroPoint, 0));
        expect(Math.abs(back - x)).toBeLessThanOrEqual(scale * 1.001);
      }),
    );
  });

  it('is legal for a range without width', () => {
    const finest = [Math.fround(1e-9)];
    expect(forRange({ min: 0, max: 0 })).toEqual({ scale: finest, zeroPoint: [0], axis: 0 });
  });

  it('represents a mask of 0 and 1 exactly', () => {
    const parameters = forRange({ min: 0, max: 1 });
    expect([...quantizeArray(Float32Array.of(0, 1), parameters)]).toEqual([-128, 127]);
  });
});

describe('symmetric', () => {
  it('has a zero point of 0 and the largest magnitude at 127', () => {
    const { data, quantization } = symmetric(Float32Array.of(-2.54, 1.27, 0));
    expect([...data]).toEqual([-127, 64, 0]);
    expect(quantization).toMatchObject({ scale: [Math.fround(0.02)], zeroPoint: [0] });
  });
});

describe('perRow', () => {
  it('gives each row its own scale', () => {
    const weights = Float32Array.of(127, -127, 1.27, 0.01);
    const { data, quantization } = perRow(weights, [2, 2], new Float32Array(2), 1);
    expect([...data]).toEqual([127, -127, 127, 1]);
    expect(quantization.scale).toEqual([1, Math.fround(0.01)]);
  });

  it('makes a row coarser rather than letting its bias overflow int32', () => {
    const bias = Float32Array.of(1000);
    const { quantization } = perRow(new Float32Array(4), [1, 4], bias, 1e-3);
    const { data } = quantizeBias(bias, 1e-3, quantization);
    expect(Math.abs(at(data, 0))).toBeLessThanOrEqual(2 ** 29 + 64);
    expect(at(data, 0) * quantization.scale[0]! * 1e-3).toBeCloseTo(1000, 2);
  });
});

describe('perRowOrOne', () => {
  const noBias = new Float32Array(2);

  it('takes one scale for rows that are alike', () => {
    const weights = Float32Array.of(1.27, -0.5, 1.2, 0.7);
    const { data, quantization } = perRowOrOne(weights, [2, 2], noBias, 1);
    expect(quantization).toEqual({ scale: [Math.fround(0.01)], zeroPoint: [0], axis: 0 });
    expect([...data]).toEqual([127, -50, 120, 70]);
  });

  it('keeps a scale per row where a small row would round to nothing', () => {
    const weights = Float32Array.of(127, -127, 1.27, 0.01);
    expect(perRowOrOne(weights, [2, 2], noBias, 1)).toEqual(perRow(weights, [2, 2], noBias, 1));
  });

  it('is never more than 1.7 times as far from the weights as a scale per row', () => {
    const weight = fc.double({ min: -1, max: 1, noNaN: true });
    const rows = fc.array(fc.tuple(weight, weight, weight), { minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(rows, (all) => {
        const weights = Float32Array.from(all.flat());
        const bias = new Float32Array(all.length);
        const distance = (quantise: typeof perRow): number => {
          const { data, quantization } = quantise(weights, [all.length, 3], bias, 1);
          const { scale } = quantization;
          const step = (i: number): number => scale[Math.floor(i / 3)] ?? at(scale, 0);
          return Math.hypot(...Array.from(data, (q, i) => at(weights, i) - q * step(i)));
        };
        expect(distance(perRowOrOne)).toBeLessThanOrEqual(1.7 * distance(perRow) + 1e-12);
      }),
    );
  });
});

describe('quantizeBias', () => {
  it('counts in units of input scale · weight scale', () => {
    const weights = { scale: [0.5, 0.25], zeroPoint: [0, 0], axis: 0 };
    const { data, quantization } = quantizeBias(Float32Array.of(1, -1), 0.5, weights);
    expect([...data]).toEqual([4, -8]);
    expect(quantization.scale).toEqual([0.25, 0.125]);
  });
});
