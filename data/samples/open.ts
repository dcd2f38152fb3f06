/** A samples folder opened to read single samples: views of its rows and items in a DuckDB of its own. */
import { randomBytes } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DuckDb } from '../duckdb.ts';
import { listSamples, type Samples } from '../features/open-samples.ts';
import { TABLE_COLUMNS, USER_DAY_COLUMNS, viewSql } from '../stitch/lake-schema.ts';
import { DECISION_COLUMNS, RERANK_COLUMNS, VIDEO_COLUMNS } from '../stitch/sample-schema.ts';

export const KINDS = ['rerank', 'video', 'decision'] as const;
export type Kind = (typeof KINDS)[number];

const FOLDERS: Record<Kind, { folder: string; columns: Record<string, string> }> = {
  rerank: { folder: 'rerank', columns: RERANK_COLUMNS },
  video: { folder: 'video', columns: VIDEO_COLUMNS },
  decision: { folder: 'decisions', columns: DECISION_COLUMNS },
};

export interface SampleReader {
  samples: Samples;
  /** Views `rerank`, `video`, `decision` (all dates), `items`, `user_day`. */
  db: DuckDb;
}

/**
 * Opens the folder for `read` and closes it afterwards.
 * @throws EdgeloomError `not-samples`
 */
export async function withSamples<T>(
  samplesDir: string,
  read: (reader: SampleReader) => Promise<T>,
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
    return await read({ samples, db });
  } finally {
    db.close();
    await rm(tempDir, { recursive: true, force: true });
  }
}
