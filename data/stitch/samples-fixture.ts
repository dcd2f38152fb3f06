/** For tests: samples read back as plain rows. */
import { join } from 'node:path';
import { listFiles, statIfThere } from '../../lib/files.ts';
import { DuckDb, sqlText } from '../duckdb.ts';

/** A row of samples; tests know which columns hold what. */
export type SampleRow = Record<string, unknown>;

/** Rows of a folder of Parquet files (in the order of their names), or of one file. Absent → none. */
export async function readSamples(samplesDir: string, name: string): Promise<SampleRow[]> {
  const path = join(samplesDir, name);
  const found = await statIfThere(path);
  if (!found) return [];
  const files = found.isDirectory()
    ? (await listFiles(path)).map((file) => join(path, file))
    : [path];
  const db = await DuckDb.open({ tempDir: join(samplesDir, '.spill') });
  try {
    const list = files.map(sqlText).join(', ');
    return await db.rows<SampleRow>(
      `select * from read_parquet([${list}], hive_partitioning = false)`,
    );
  } finally {
    db.close();
  }
}
