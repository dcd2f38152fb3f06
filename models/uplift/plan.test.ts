import { describe, expect, it } from 'vitest';
import { upliftPlan } from './plan.ts';

const week = ['2026-03-02', '2026-03-03', '2026-03-04', '2026-03-05'];

const days = (randomised: number, dates: readonly string[]) =>
  dates.map((date) => ({ date, randomised, matured: randomised }));

describe('uplift plan', () => {
  it('leaves out days of which less than half has matured, and their decisions', () => {
    const last = { date: '2026-03-06', randomised: 2000, matured: 999 };
    expect(upliftPlan([...days(400, week), last])).toMatchObject({
      ok: true,
      testDate: '2026-03-05',
    });
    expect(upliftPlan([...days(400, week), { ...last, matured: 1000 }])).toMatchObject({
      testDate: '2026-03-06',
    });
    const none = days(5000, week).map((day) => ({ ...day, matured: 0 }));
    expect(upliftPlan(none)).toMatchObject({ ok: false });
    expect(
      upliftPlan([...days(5000, week), { date: '2026-03-06', randomised: 0, matured: 0 }]),
    ).toMatchObject({ testDate: '2026-03-05' });
  });

  it('tests on the last day and takes the threshold from the day before', () => {
    expect(upliftPlan(days(2000, week).reverse())).toEqual({
      ok: true,
      trainDates: ['2026-03-02', '2026-03-03'],
      validDate: '2026-03-04',
      testDate: '2026-03-05',
    });
  });

  it.each([
    ['no arms', 0, week, 'no randomised request decisions'],
    [
      'few decisions',
      249,
      week,
      '996 randomised request decisions with matured labels; uplift needs 1000',
    ],
    ['two days', 5000, week.slice(2), 'needs 3 days'],
  ])('says why a log with %s is skipped', (_, randomised, dates, reason) => {
    const plan = upliftPlan(days(randomised, dates));
    expect(plan.ok).toBe(false);
    expect(plan.ok ? '' : plan.reason).toContain(reason);
  });
});
