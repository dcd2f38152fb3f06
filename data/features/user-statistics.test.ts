import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { type FixtureEvent, NOON, writeLake } from '../stitch/lake-fixture.ts';
import { stitch } from '../stitch/stitch.ts';
import { fifths, STATISTICS, stability, userStatistics } from './user-statistics.ts';

const named = (values: number[]) =>
  Object.fromEntries(STATISTICS.map((name, i) => [name, values[i]]));

it('measures level, spread, trend and changes of fifth by hand', () => {
  // Rates 0.1, 0.3, 0.2 on days 0, 2, 4; a day without exposures but with a page view between.
  const days = [
    { day: 0, clicks: 1, exposures: 10, pageViews: 2 },
    { day: 2, clicks: 3, exposures: 10, pageViews: 4 },
    { day: 3, clicks: 0, exposures: 0, pageViews: 6 },
    { day: 4, clicks: 2, exposures: 10, pageViews: 8 },
  ];
  const stats = named(stability(days, [0.15, 0.25], 8));
  expect(stats.click_rate_mean).toBeCloseTo(0.2, 12);
  expect(stats.click_rate_variance).toBeCloseTo(0.02 / 3, 12);
  // x − 2 = −2, 0, 2; y − 0.2 = −0.1, 0.1, 0: covariance sum 0.2, spread sum 8.
  expect(stats.click_rate_trend).toBeCloseTo(0.025, 12);
  expect(stats.page_views_mean).toBe(5);
  expect(stats.page_views_variance).toBe(5);
  expect(stats.active_days).toBe(0.5);
  expect(stats.cohort_changes).toBe(1);
});

it('says 0 where days are too few', () => {
  expect(stability([], [0.1], 7)).toEqual(STATISTICS.map(() => 0));
  const one = named(stability([{ day: 6, clicks: 1, exposures: 2, pageViews: 3 }], [0.1], 7));
  expect(one).toMatchObject({ click_rate_mean: 0.5, click_rate_trend: 0, cohort_changes: 0 });
});

it('takes fifths of the users who saw something', () => {
  const clicks = Float32Array.from([0, 1, 2, 3, 4, 9]);
  const exposures = Float32Array.from([10, 10, 10, 10, 10, 0]);
  expect(fifths(clicks, exposures)).toEqual([0.1, 0.2, 0.3, 0.4]);
  expect(fifths(new Float32Array(2), new Float32Array(2))).toEqual([]);
});

it('reads only what the cloud had received before the date', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'user-statistics-'));
  try {
    const day = (n: number): FixtureEvent[] => {
      const at = NOON + n * 86_400_000;
      const common = { request_id: `r${n}`, item_id: 'i' };
      return [
        { type: 'request', ts: at, request_id: `r${n}`, candidates: [{ item_id: 'i' }] },
        { type: 'exposure', ...common, started: at + 1, ended: at + 2 },
        { type: 'page_view', ...common, started: at + 2, ended: at + 3 },
      ];
    };
    // Seen on the first day, but heard of on the third: not known before it.
    const late = NOON + 2 * 86_400_000;
    const offline: FixtureEvent = {
      ...{ type: 'exposure', request_id: 'r0', item_id: 'i', received_ts: late },
      ...{ started: NOON + 5, ended: NOON + 6 },
    };
    const [lakeDir, samplesDir] = [join(folder, 'lake'), join(folder, 'samples')];
    await writeLake(lakeDir, { events: [...[0, 1, 2].flatMap(day), offline] });
    await stitch({ lakeDir, outDir: samplesDir });
    const before = await userStatistics({ samplesDir, before: '2026-03-04', days: 1 });
    expect(before.userKey).toEqual(['a']);
    expect([...before.clicks, ...before.exposures]).toEqual([2, 2]);
    // The window of one day holds the second day only.
    expect(named([...before.stats])).toMatchObject({ page_views_mean: 1, active_days: 1 });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
