import { describe, expect, it } from 'vitest';
import { upliftPlan } from './plan.ts';

const week = ['2026-03-02', '2026-03-03', '2026-03-04', '2026-03-05'];

describe('uplift plan', () => {
  it('tests on the last day and takes the threshold from the day before', () => {
    expect(upliftPlan({ randomisedDecisions: 5000, dates: [...week].reverse() })).toEqual({
      ok: true,
      trainDates: ['2026-03-02', '2026-03-03'],
      validDate: '2026-03-04',
      testDate: '2026-03-05',
    });
  });

  it.each([
    ['no arms', 0, week, 'no randomised request decisions'],
    ['few decisions', 999, week, '999 randomised request decisions; uplift needs 1000'],
    ['two days', 5000, week.slice(2), 'needs 3 days'],
  ])('says why a log with %s is skipped', (_, randomisedDecisions, dates, reason) => {
    const plan = upliftPlan({ randomisedDecisions, dates });
    expect(plan.ok).toBe(false);
    expect(plan.ok ? '' : plan.reason).toContain(reason);
  });
});
