/** The pipeline's settings: defaults, a settings file over them, dates from the log folder. */
import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { z } from 'zod';
import { type DatasetDescription, datasetDescription } from '../data/contracts/dataset.ts';
import { parseFeaturesConfig } from '../data/features/config.ts';
import type { Json } from '../lib/artifact.ts';
import { EdgeloomError } from '../lib/errors.ts';
import type { DailyParams } from '../workflows/types.ts';

const section = z.record(z.string(), z.json()).default({});

/** Settings file (`--config FILE`): parameters by section; each stage checks its own. */
const settingsFile = z.strictObject({
  ingest: section.describe('limits of the ingest: maxRejectShare, maxLateMs, …'),
  stitch: z
    .object({
      groups: z
        .int()
        .min(1)
        .max(256)
        .optional()
        .describe('activities that share the buckets out; 1 unless told'),
    })
    .catchall(z.json())
    .prefault({})
    .describe('lengths of the sequences; groups'),
  quality: section.describe('checks of the data: limits, severities, what is switched off and why'),
  features: section.describe(
    'vocabularies, boundaries, cohorts, features of your own (docs/guide/features.md)',
  ),
  reranker: section.describe('the reranker and its training'),
  dnn: section.describe('the plain DNN that it is compared with'),
  evaluate: section.describe('intervals of the metrics'),
  uplift: section.describe('the request-uplift model; budget = share of extra requests'),
  metafusion: z
    .strictObject(
      { fineTune: section, gate: section },
      {
        error: ({ code, keys }) =>
          code === 'unrecognized_keys' && (keys as string[]).includes('cohorts')
            ? 'cohorts are formed with the features: {"features": {"cohorts": {…}}}'
            : undefined,
      },
    )
    .prefault({})
    .describe('fine-tuning of cohorts and gates'),
  export: section.describe('calibration and parity'),
  store: z
    .string()
    .min(1)
    .optional()
    .describe('s3://bucket/prefix or a folder; --store and EDGELOOM_STORE come first'),
});

async function readSettingsFile(path: string | undefined): Promise<z.infer<typeof settingsFile>> {
  let value: unknown = {};
  if (path) {
    try {
      value = JSON.parse(await readFile(path, 'utf8'));
    } catch (error) {
      throw new EdgeloomError(
        {
          code: 'bad-config',
          what: `The settings file cannot be read: ${(error as Error).message}`,
          where: path,
          fix: 'it is one JSON object with sections like {"reranker": {"epochs": 3}}',
          exitCode: 2,
        },
        { cause: error },
      );
    }
  }
  const parsed = settingsFile.safeParse(value);
  if (!parsed.success) {
    throw new EdgeloomError({
      code: 'bad-config',
      what: `The settings file does not fit: ${z.prettifyError(parsed.error)}`,
      where: path ?? '(defaults)',
      fix: `its sections are ${Object.keys(settingsFile.shape).join(', ')}`,
      exitCode: 2,
    });
  }
  // What a person declares is checked before a run spends hours on the stages before it.
  parseFeaturesConfig(parsed.data.features, `${path ?? '(defaults)'}, section features`);
  return parsed.data;
}

export async function readSettings(path: string | undefined): Promise<DailyParams> {
  // Where the store is has no part in any result.
  const { store: _, ...params } = await readSettingsFile(path);
  return params as DailyParams;
}

/** The store that a settings file names. */
export const storeOfSettings = async (path: string): Promise<string | undefined> =>
  (await readSettingsFile(path)).store;

/**
 * Adds what this machine decides: the key of user ids, the list of erased users where there is one, the
 * backend. All are part of content keys.
 */
export function completeParams(
  params: DailyParams,
  machine: { userKeyId: string; erasedUsers: string | undefined; backend: string },
): DailyParams {
  const { userKeyId, erasedUsers, backend } = machine;
  const withBackend = (given: { [key: string]: Json }): { [key: string]: Json } => ({
    ...given,
    backend,
  });
  return {
    ...params,
    ingest: { ...params.ingest, userKeyId, ...(erasedUsers ? { erasedUsers } : {}) },
    reranker: { model: 'reranker', ...withBackend(params.reranker) },
    dnn: { model: 'dnn', ...withBackend(params.dnn) },
    evaluate: withBackend(params.evaluate),
    uplift: withBackend(params.uplift),
    metafusion: withBackend(params.metafusion),
    export: withBackend(params.export),
  };
}

export async function readDataset(logsDir: string): Promise<DatasetDescription> {
  const path = join(resolve(logsDir), 'dataset.json');
  try {
    return datasetDescription.parse(JSON.parse(await readFile(path, 'utf8')));
  } catch (error) {
    const missing = (error as NodeJS.ErrnoException).code === 'ENOENT';
    throw new EdgeloomError(
      {
        code: missing ? 'logs-not-found' : 'bad-dataset',
        what: missing
          ? 'This folder has no dataset.json'
          : `dataset.json does not fit: ${error instanceof z.ZodError ? z.prettifyError(error) : String(error)}`,
        where: path,
        fix: 'make logs with `edgeloom simulate` or `edgeloom import`, or see docs/guide/your-own-logs.md',
        exitCode: 2,
      },
      { cause: error },
    );
  }
}

const DAY_MS = 86_400_000;
const toDate = (ms: number): string => new Date(ms).toISOString().slice(0, 10);

/**
 * The window that ends with `date`: at most `days` days, none before the data's first.
 * @throws EdgeloomError `no-such-day` outside the data, `too-few-days` under 3 days
 */
export function windowDates(dataset: DatasetDescription, date: string, days: number): string[] {
  const { first_date: first, last_date: last } = dataset;
  if (date < first || date > last) {
    throw new EdgeloomError({
      code: 'no-such-day',
      what: `The logs of ${dataset.name} have no ${date}`,
      where: `they cover ${first} … ${last}`,
      fix: `choose a day in that range with --date`,
      exitCode: 2,
    });
  }
  const end = Date.parse(`${date}T00:00:00Z`);
  const start = Math.max(end - (days - 1) * DAY_MS, Date.parse(`${first}T00:00:00Z`));
  const dates: string[] = [];
  for (let day = start; day <= end; day += DAY_MS) dates.push(toDate(day));
  if (dates.length < 3) {
    throw new EdgeloomError({
      code: 'too-few-days',
      what: `Training needs at least 3 days: some to train, one to validate, one to test; here are ${dates.length}`,
      where: dates.join(', '),
      fix: 'choose a later --date or more --days',
      exitCode: 2,
    });
  }
  return dates;
}
