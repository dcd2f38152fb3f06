/** Device logs → tensors in a working folder, through the same functions as the pipeline's stages. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { readDataset } from '../cli/params.ts';
import { buildFeatures } from '../data/features/build-features.ts';
import { featuresConfig } from '../data/features/config.ts';
import { ingest } from '../data/ingest/ingest.ts';
import { type StitchOptions, stitch } from '../data/stitch/stitch.ts';
import { worldParams } from '../simulator/params.ts';
import { simulate } from '../simulator/simulate.ts';

/** A key for benches: their users are simulated or already published under pseudonyms. */
const BENCH_KEY = new TextEncoder().encode('edgeloom bench key, not a secret');

export interface TensorDates {
  trainDates: string[];
  validDate: string;
  testDate: string;
}

/** The last two dates validate and test, the others train. */
export function splitDates(dates: string[]): TensorDates {
  return { trainDates: dates.slice(0, -2), validDate: dates.at(-2)!, testDate: dates.at(-1)! };
}

/** How long the sequences of a sample are. */
export type Lengths = Pick<StitchOptions, 'exposuresK' | 'pageViewsK'>;

/** Makes `workDir/tensors`; what is there already is used again. @returns its path */
export async function tensorsFromLogs(
  logsDir: string,
  workDir: string,
  lengths: Lengths = {},
): Promise<string> {
  const lakeDir = join(workDir, 'lake');
  const samplesDir = join(workDir, 'samples');
  const tensorsDir = join(workDir, 'tensors');
  if (existsSync(join(tensorsDir, 'features.json'))) return tensorsDir;
  if (!existsSync(join(lakeDir, 'account.json'))) {
    await ingest({ logsDir, outDir: lakeDir, userKey: BENCH_KEY });
  }
  const stitched = await stitch({ lakeDir, outDir: samplesDir, ...lengths });
  const { first_date: first, last_date: last } = await readDataset(logsDir);
  // Events before the first day that the data covers are history, as in a run.
  const dates = stitched.dates.filter((date) => date >= first && date <= last);
  const { trainDates } = splitDates(dates);
  const config = featuresConfig.parse({});
  await buildFeatures({ samplesDir, outDir: tensorsDir, trainDates, dates, config });
  return tensorsDir;
}

/** Simulates a week of `users` users and makes tensors of it; what is there already is used again. */
export async function simulatedTensors(
  workDir: string,
  users: number,
  lengths: Lengths = {},
): Promise<string> {
  const logs = join(workDir, 'logs');
  if (!existsSync(logs)) {
    const params = worldParams.parse({ users: { count: users } });
    await simulate({ params, out: logs, truth: null });
  }
  return tensorsFromLogs(logs, workDir, lengths);
}
