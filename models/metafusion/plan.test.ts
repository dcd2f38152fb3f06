import { describe, expect, it } from 'vitest';
import { metafusionPlan } from './plan.ts';

const day = (n: number): string => `2026-03-0${n}`;

describe('MetaFusion plan', () => {
  it('keeps the last three days for T, T+1 and T+2 and stops the meta model on the day before', () => {
    expect(metafusionPlan([7, 2, 3, 4, 5, 6, 8, 8].map(day))).toEqual({
      ok: true,
      trainDates: [day(2), day(3), day(4)],
      validDate: day(5),
      T: day(6),
      T1: day(7),
      T2: day(8),
    });
  });

  it('says that six days are not enough', () => {
    expect(metafusionPlan([1, 2, 3, 4, 5, 6].map(day))).toEqual({
      ok: false,
      reason: expect.stringContaining('needs 7 days'),
    });
  });
});
