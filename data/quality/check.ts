/** All checks of a day: measured, judged, written down. */
import { join } from 'node:path';
import { createFolderAtomic, writeFileAtomic } from '../../lib/files.ts';
import type { RunOptions } from '../../lib/progress.ts';
import { DuckDb } from '../duckdb.ts';
import { refuseUsedFolder } from '../output-folder.ts';
import { measureBalances } from './balance.ts';
import type { QualityConfig } from './config.ts';
import { measureDrift } from './drift.ts';
import { EXPECTATIONS } from './expectations.ts';
import { measureRates } from './rates.ts';
import { measureReferences } from './references.ts';
import { type CheckResult, judge, type Measure, unknownChecks } from './result.ts';
import { measureGrain, measureRules } from './row-rules.ts';
import { measureSampleRatios } from './sample-ratio.ts';
import { openSource, type Source } from './source.ts';
import { type DayVolume, measureVolumes, readVolumes } from './volume.ts';

export interface CheckDataOptions extends RunOptions {
  lakeDir: string;
  samplesDir: string;
  /** Folder to make: absent or empty before. */
  outDir: string;
  /** @default the last day of the dataset */
  day?: string | undefined;
  /** Days that go into the models; the last is `day`. @default the week that ends with it */
  window?: readonly string[] | undefined;
  config: QualityConfig;
  /** DuckDB's memory limit, MB. @default 1000 */
  memoryLimitMb?: number;
  /** @default 2 */
  threads?: number;
}

/** `quality.json`. */
export interface QualityReport {
  day: string;
  window: string[];
  reference: string[];
  /** In the order of the declaration. */
  checks: CheckResult[];
  volumes: DayVolume[];
  /** Names in the settings that fit no check. */
  unknown: string[];
}

async function measureAll(
  source: Source,
  { config, onProgress }: CheckDataOptions,
): Promise<{ measured: (Measure | CheckResult)[]; volumes: DayVolume[] }> {
  const measured: (Measure | CheckResult)[] = [];
  const steps = EXPECTATIONS.length + 1;
  for (const [i, table] of EXPECTATIONS.entries()) {
    onProgress?.({ message: `checking ${table.table}`, fraction: i / steps });
    measured.push(...(await measureGrain(source, table)));
    measured.push(...(await measureRules(source, table)));
    measured.push(...(await measureReferences(source, table)));
    measured.push(...(await measureRates(source, table, config)));
    measured.push(...(await measureDrift(source, table, config)));
  }
  onProgress?.({ message: 'checking volumes and arms', fraction: 1 - 1 / steps });
  measured.push(...(await measureBalances(source)));
  const volumes = await readVolumes(source);
  measured.push(...measureVolumes(source, volumes));
  measured.push(...(await measureSampleRatios(source, config)));
  return { measured, volumes: volumes.days };
}

/**
 * Checks a lake and its samples and writes `quality.json`. It throws for what it cannot read only:
 * what the results mean for the day is the caller's.
 * @throws EdgeloomError `not-a-lake`, `not-samples`, `no-such-day`, `output-not-empty`
 */
export async function checkData(options: CheckDataOptions): Promise<QualityReport> {
  const { lakeDir, samplesDir, day, window, config } = options;
  await refuseUsedFolder(options.outDir);
  return createFolderAtomic(options.outDir, async (staging) => {
    const db = await DuckDb.open({ ...options, tempDir: join(staging, '.spill') });
    try {
      const { referenceDays } = config;
      const source = await openSource(db, { lakeDir, samplesDir, day, window, referenceDays });
      const { measured, volumes } = await measureAll(source, options);
      const checks: CheckResult[] = [];
      for (const one of measured) checks.push('passed' in one ? one : await judge(one, config));
      const report: QualityReport = {
        day: source.day,
        window: source.window,
        reference: source.reference,
        checks,
        volumes,
        unknown: unknownChecks(
          config,
          checks.map(({ check }) => check),
        ),
      };
      await writeFileAtomic(join(staging, 'quality.json'), `${JSON.stringify(report, null, 2)}\n`);
      return report;
    } finally {
      db.close();
    }
  });
}
