/** A samples folder opened to read single samples: views of its rows and items in a DuckDB of its own. */
import { randomBytes } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EdgeloomError } from '../../lib/errors.ts';
import { listFiles } from '../../lib/files.ts';
import { DuckDb } from '../duckdb.ts';
import { COHORT_COLUMNS } from '../features/cohort-samples.ts';
import { listSamples, type Samples } from '../features/open-samples.ts';
import { TABLE_COLUMNS, USER_DAY_COLUMNS, viewSql } from '../stitch/lake-schema.ts';
import { DECISION_COLUMNS, RERANK_COLUMNS, VIDEO_COLUMNS } from '../stitch/sample-schema.ts';

/** Kinds that the stitch stage writes, whose ids tell them apart. */
export const KINDS = ['rerank', 'video', 'decision'] as const;
/** The features stage adds cohort samples: rerank rows, under the same ids, with what was known of the user. */
export type Kind = (typeof KINDS)[number] | 'cohort';

const FOLDERS: Record<(typeof KINDS)[number], { folder: string; columns: Record<string, string> }> =
  {
    rerank: { folder: 'rerank', columns: RERANK_COLUMNS },
    video: { folder: 'video', columns: VIDEO_COLUMNS },
    decision: { folder: 'decisions', columns: DECISION_COLUMNS },
  };

export interface SampleReader {
  samples: Samples;
  /** Views `rerank`, `video`, `decision` (all dates), `items`, `user_day`; `cohort` where it was asked for. */
  db: DuckDb;
}

/**
 * Opens the folder for `read` and closes it afterwards.
 * @param cohortsOf the tensors folder whose cohort samples are read too
 * @throws EdgeloomError `not-samples`, `no-samples` without cohort samples
 */
export async function withSamples<T>(
  samplesDir: string,
  read: (reader: SampleReader) => Promise<T>,
  cohortsOf?: string | null,
): Promise<T> {
  const samples = await listSamples(samplesDir);
  const tempDir = join(tmpdir(), `edgeloom-sample-${randomBytes(6).toString('hex')}`);
  const db = await DuckDb.open({ tempDir });
  try {
    for (const kind of KINDS) {
      const { folder, columns } = FOLDERS[kind];
      const files = samples.files.filter((path) => path.startsWith(`${folder}/date=`));
      await db.run(
        viewSql(
          kind,
          columns,
          files.map((path) => join(samplesDir, path)),
        ),
      );
    }
    const file = (name: string) => [join(samplesDir, name)];
    await db.run(viewSql('items', TABLE_COLUMNS.items, file('items.parquet')));
    await db.run(viewSql('user_day', USER_DAY_COLUMNS, file('user_days.parquet')));
    if (cohortsOf !== undefined) {
      await db.run(viewSql('cohort', COHORT_COLUMNS, await cohortFiles(cohortsOf)));
    }
    return await read({ samples, db });
  } finally {
    db.close();
    await rm(tempDir, { recursive: true, force: true });
  }
}

async function cohortFiles(tensorsDir: string | null): Promise<string[]> {
  const files = tensorsDir === null ? [] : await listFiles(tensorsDir);
  const found = files.filter((path) => path.startsWith('cohort/date='));
  if (found.length > 0) return found.map((path) => join(tensorsDir!, path));
  throw new EdgeloomError({
    code: 'no-samples',
    what: 'There are no cohort samples',
    where: tensorsDir ?? 'no tensors',
    fix: 'run the features stage, which writes them, or name its output with --tensors',
    exitCode: 2,
  });
}
