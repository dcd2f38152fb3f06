/** Retention by date on a small workspace, and its rule on made-up records. */
import { readFile, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readAudit } from '../../activities/privacy/audit.ts';
import { applyRetention, planRetention, sortRecords } from '../../activities/privacy/retention.ts';
import type { StageRecord } from '../../lib/artifact.ts';
import { edgeloom } from '../e2e/pipeline.ts';
import { plant, rowsOf, type Shared, shared, TestEstate } from './estate.ts';

describe('the rule', () => {
  const record = (
    stage: string,
    sha256: string,
    inputs: string[] = [],
    dates: string[] = [],
  ): StageRecord => ({
    key: `key of ${sha256}`,
    parts: { stage, code: '', params: {}, inputs: Object.fromEntries(inputs.map((i) => [i, i])) },
    ref: { uri: '', sha256, rows: 0, bytes: 0 },
    summary: { byDate: Object.fromEntries(dates.map((date) => [date, 1])) },
  });
  const chain = (name: string, dates: string[]): StageRecord[] => [
    record('ingest', `${name} lake`, ['logs'], dates),
    record('stitch', `${name} samples`, [`${name} lake`]),
    record('features', `${name} tensors`, [`${name} samples`]),
    record('train-model', `${name} weights`, [`${name} tensors`]),
    record('bundle', `${name} bundle`, [`${name} weights`]),
  ];
  const names = (records: StageRecord[]): string[] => records.map(({ ref }) => ref.sha256);

  it('drops old lakes whole, cuts those that span the day, keeps what lies within, and a release’s models', () => {
    const records = [
      ...chain('old', ['2026-03-01', '2026-03-02']),
      ...chain('shipped', ['2026-03-01']),
      record('release', 'a release', ['shipped bundle']),
      ...chain('across', ['2026-03-02', '2026-03-03']),
      ...chain('new', ['2026-03-03', '2026-03-04']),
      record('train-model', 'weights of nobody', ['tensors that are gone']),
    ];
    const sorted = sortRecords(records, '2026-03-03');
    expect(names(sorted.wholeLakes)).toEqual(['old lake', 'shipped lake']);
    expect(names(sorted.cutLakes)).toEqual(['across lake']);
    expect(names(sorted.rows).sort()).toEqual(
      ['old', 'shipped', 'across'].flatMap((name) => [`${name} samples`, `${name} tensors`]).sort(),
    );
    expect(names(sorted.models.map((model) => model.record))).toEqual([
      'old weights',
      'old bundle',
      'weights of nobody',
    ]);
  });
});

describe('edgeloom retention', () => {
  let from: Shared;
  let estate: TestEstate;
  beforeAll(async () => {
    from = await shared();
    estate = await TestEstate.copy(from);
  });
  afterAll(() => estate.remove());

  it('lists first and changes nothing, then cuts the lake, keeps its later days as they were, and says so', async () => {
    const { made } = from;
    const { dates } = made.samples.summary as { dates: string[] };
    const [, firstKept] = dates as [string, string];
    const asOf = dates.at(-1)!;
    const request = { keepDays: dates.length - 1, asOf };
    await plant(estate.root, 'stage-logs/old.log', 'long ago\n');
    await utimes(join(estate.root, 'stage-logs/old.log'), new Date(0), new Date(0));
    const lakeDir = await estate.open(made.lake);
    const later = new Map(
      [...(await rowsOf(lakeDir))].filter(([path]) => !path.includes(`date=${dates[0]}`)),
    );

    const plan = await planRetention(estate, request);
    expect(plan.from).toBe(firstKept);
    expect(plan.expiring.map(({ what, stage }) => `${what} ${stage}`).sort()).toEqual([
      'days ingest',
      'log unknown',
      'rows features',
      'rows stitch',
    ]);
    const dry = await edgeloom([
      ...['retention', '--keep-days', String(request.keepDays), '--as-of', asOf],
      ...['--workspace', estate.root],
    ]).ended;
    expect(dry.stdout).toContain('4 to remove');
    expect(await estate.store.verify(made.samples.ref)).toBe(true);
    expect(await readAudit(estate.root)).toEqual([]);

    await applyRetention(estate, request);
    const lake = await estate.ingest();
    expect(lake.reused).toBe(true);
    const cut = await estate.open(lake);
    expect(await rowsOf(cut)).toEqual(later);
    const account = JSON.parse(await readFile(join(cut, 'account.json'), 'utf8'));
    expect(Object.keys(account.byDate)).toEqual(dates.slice(1));
    expect(account.stored + account.rejected + account.duplicates + account.expired).toBe(
      account.rowsIn,
    );
    expect(await estate.store.artifacts()).toEqual([lake.ref.sha256]);
    expect((await readAudit(estate.root))[0]).toMatchObject({
      operation: 'retention',
      firstKeptDay: firstKept,
      logs: 1,
    });
    expect((await planRetention(estate, request)).expiring).toEqual([]);
  });

  it('drops a lake of which no day is left', async () => {
    await applyRetention(estate, { keepDays: 1, asOf: '2030-01-01' });
    expect(await estate.store.artifacts()).toEqual([]);
    expect(await estate.store.records()).toEqual([]);
  });

  it('refuses no days and no date', async () => {
    const request = { keepDays: 0, asOf: '2026-03-01' };
    await expect(applyRetention(estate, request)).rejects.toMatchObject({ code: 'bad-retention' });
    await expect(planRetention(estate, { keepDays: 3, asOf: 'yesterday' })).rejects.toMatchObject({
      code: 'bad-retention',
    });
  });
});
