import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type CohortOptions, cohortOptions, FEWEST_USERS } from '../../lib/cohorts.ts';
import { DuckDb } from '../duckdb.ts';
import { formCohorts, mergeSmall } from './cohorts.ts';

const D = '2026-03-11';
let folder: string;
let db: DuckDb;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cohorts-'));
  db = await DuckDb.open({ tempDir: join(folder, 'spill') });
});
afterAll(async () => {
  db.close();
  await rm(folder, { recursive: true, force: true });
});

const options = (more: Partial<CohortOptions> = {}): CohortOptions => ({
  ...cohortOptions.parse({}),
  ...{ minUsers: 1 },
  ...more,
});

/** Cohorts of users with these click rates, 100 exposures each unless told, the day before D. */
async function cohortsOf(rates: readonly number[], more?: Partial<CohortOptions>, shown = 100) {
  await db.run(
    'create or replace table user_day (user_key varchar, date date, clicks integer, exposures integer, page_views integer)',
  );
  for (const [i, rate] of rates.entries()) {
    await db.run('insert into user_day values ($user, $d::date - 1, $clicks, $shown, 0)', {
      ...{ user: `u${i}`, d: D, clicks: Math.round(rate * shown), shown },
    });
  }
  return formCohorts(db, D, options(more));
}

describe('cohorts by click rate', () => {
  it('are the intervals of configured edges, lower edge included', async () => {
    expect(await cohortsOf([0.01, 0.02, 0.03, 0.04, 0.5], { edges: [0.02, 0.04] })).toEqual([
      { name: 'cohort-0', low: 0, high: 0.02, users: 1 },
      { name: 'cohort-1', low: 0.02, high: 0.04, users: 2 },
      { name: 'cohort-2', low: 0.04, high: 1, users: 2 },
    ]);
  });

  it('are equal parts by default', async () => {
    const rates = Array.from({ length: 40 }, (_, i) => (i + 1) / 100);
    expect((await cohortsOf(rates)).map(({ users }) => users)).toEqual([10, 10, 10, 10]);
  });

  it('are merged below the minimum, with the smaller neighbour', async () => {
    // 3, 1 and 2 users; the one joins the two.
    const rates = [0.01, 0.01, 0.01, 0.3, 0.6, 0.6];
    const cohorts = await cohortsOf(rates, { edges: [0.2, 0.5], minUsers: 2 });
    expect(cohorts.map(({ low, high, users }) => [low, high, users])).toEqual([
      [0, 0.2, 3],
      [0.2, 1, 3],
    ]);
  });

  it('count users with enough exposures only, and are one where all have one rate', async () => {
    expect(await cohortsOf([0.1, 0.2], { minExposures: 30 }, 29)).toEqual([]);
    expect((await cohortsOf([0.1, 0.2], { minExposures: 30 }, 30)).length).toBe(2);
    expect(await cohortsOf(Array(8).fill(0.1))).toEqual([
      { name: 'cohort-0', low: 0, high: 1, users: 8 },
    ]);
  });

  it('are none when all users together are too few', async () => {
    expect(await cohortsOf([0.1, 0.2], { minUsers: 3 })).toEqual([]);
    expect(await cohortsOf([], { minUsers: 1 })).toEqual([]);
  });

  it('never hold fewer users than the minimum, and lose nobody in merging', () => {
    const sizes = fc.array(fc.nat(30), { minLength: 1, maxLength: 12 });
    fc.assert(
      fc.property(sizes, fc.integer({ min: 1, max: 40 }), (users, minUsers) => {
        const edges = users.slice(1).map((_, i) => (i + 1) / 100);
        const merged = mergeSmall(edges, users, minUsers);
        const total = (of: readonly number[]): number => of.reduce((sum, n) => sum + n, 0);
        expect(total(merged.sizes)).toBe(total(users));
        expect(merged.sizes.length).toBe(merged.edges.length + 1);
        if (merged.edges.length > 0)
          expect(Math.min(...merged.sizes)).toBeGreaterThanOrEqual(minUsers);
      }),
    );
  });
});

describe('settings of cohorts', () => {
  it('have a minimum below which nobody may go', () => {
    expect(cohortOptions.parse({}).minUsers).toBe(50);
    expect(cohortOptions.safeParse({ minUsers: FEWEST_USERS }).success).toBe(true);
    expect(cohortOptions.safeParse({ minUsers: FEWEST_USERS - 1 }).success).toBe(false);
  });

  it.each([[[0.3, 0.2]], [[0]], [[1]], [[0.2, 0.2]]])('refuse the edges %j', (edges) => {
    expect(cohortOptions.safeParse({ edges }).success).toBe(false);
  });
});
