import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Dataset } from '../../models/engine/dataset.ts';
import { TEST_DATES, writeExportTensors } from './fixture.ts';
import { type Days, drawOverDays, enoughForParity, slatesForParity } from './parity-rows.ts';
import { untilJudged } from './slates.ts';

const PER_DAY = 20;
let days: Days;
beforeAll(async () => {
  const tensorsDir = await mkdtemp(join(tmpdir(), 'parity-rows-'));
  await writeExportTensors(tensorsDir, PER_DAY);
  const [first, second, third] = TEST_DATES;
  days = {
    tensorsDir,
    family: 'decisions',
    trainDates: [first!, second!],
    validDate: third!,
  };
});
afterAll(async () => {
  await rm(days.tensorsDir, { recursive: true, force: true });
});

const users = async (dataset: Dataset): Promise<number[]> => [
  ...(await dataset.readColumns(['user'])).user!.data,
];
const draw = async (dataset: Dataset, count: number): Promise<number[]> =>
  (await users(dataset)).slice(0, count);
const of = async (date: string): Promise<number[]> => {
  const dataset = await Dataset.open(days.tensorsDir, 'decisions', [date]);
  const all = await users(dataset);
  await dataset.close();
  return all;
};

describe('rows of parity', () => {
  it('come from the validation day when it has enough', async () => {
    const rows = await drawOverDays(days, 15, draw);
    expect(rows).toEqual((await of(days.validDate)).slice(0, 15));
  });

  it('go on with the training days, latest first', async () => {
    const [first, second] = days.trainDates;
    const rows = await drawOverDays(days, 50, draw);
    expect(rows).toEqual([
      ...(await of(days.validDate)),
      ...(await of(second!)),
      ...(await of(first!)).slice(0, 10),
    ]);
  });

  it('are all there are when the log has fewer', async () => {
    expect(await drawOverDays(days, 500, draw)).toHaveLength(60);
  });

  it('begin with those that were drawn already, and end where enough are there', async () => {
    const [first, second] = days.trainDates;
    const drawn = await drawOverDays(days, 50, draw, { first: [1, 2] });
    expect(drawn).toEqual([1, 2, ...(await of(second!)), ...(await of(first!))]);
    const enough = (rows: number[]) => rows.length > 2;
    expect(await drawOverDays(days, 50, draw, { first: [1, 2], enough })).toHaveLength(22);
    expect(await drawOverDays(days, 1, draw, { first: [1, 2] })).toEqual([1]);
  });

  it('take more slates where an encoder has few steps', () => {
    const slate = (exposures: number, pageViews: number) => ({
      behaviours: {
        encodeExposureStep: Array.from({ length: exposures }, () => ({})),
        encodePageViewStep: Array.from({ length: pageViews }, () => ({})),
      },
    });
    const [a, b, c, d, e] = [slate(3, 0), slate(3, 1), slate(3, 0), slate(3, 1), slate(3, 1)];
    // Two slates have 6 exposures and 1 page view: the next one with a page view is enough.
    expect(slatesForParity([a, b, c, d, e], 2)).toEqual([a, b, d]);
    expect(slatesForParity([a, c], 2)).toEqual([a, c]);
    // Two page views and two slates are there with the fourth slate, not before.
    expect([1, 2, 3, 4].map((n) => enoughForParity([a, b, c, d].slice(0, n), 2))).toEqual([
      false,
      false,
      false,
      true,
    ]);
  });
});

describe('slates that AUC is measured on', () => {
  it('end when enough candidates were exposed', () => {
    const slates = [
      [1, 1],
      [0, 1],
      [1, 1],
      [1, 0],
    ].map((mask) => ({
      labelMask: Float32Array.from(mask),
    }));
    expect(untilJudged(slates, 4)).toEqual(slates.slice(0, 3));
    expect(untilJudged(slates, 100)).toEqual(slates);
  });
});
