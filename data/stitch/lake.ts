/** Finding the files of a lake folder. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { EdgeloomError } from '../../lib/errors.ts';
import { listFiles } from '../../lib/files.ts';
import { type DatasetDescription, datasetDescription } from '../contracts/dataset.ts';

export interface LakeFile {
  type: string;
  date: string;
  bucket: string;
  path: string;
}

export interface Lake {
  dataset: DatasetDescription;
  files: LakeFile[];
  /** Sorted. */
  buckets: string[];
  /** Parquet files of `tables/<name>`, sorted. */
  table(name: string): string[];
}

const EVENT_FILE = /^type=([a-z_]+)\/date=(\d{4}-\d{2}-\d{2})\/bucket=(\d+)\/[^/]+\.parquet$/;

/** @throws EdgeloomError `not-a-lake` when the folder or its description cannot be read */
export async function openLake(lakeDir: string): Promise<Lake> {
  let paths: string[];
  let dataset: DatasetDescription;
  try {
    paths = await listFiles(lakeDir);
    dataset = datasetDescription.parse(
      JSON.parse(await readFile(join(lakeDir, 'dataset.json'), 'utf8')),
    );
  } catch (error) {
    throw new EdgeloomError(
      {
        code: 'not-a-lake',
        what: `The folder is not a lake: ${(error as Error).message}`,
        where: lakeDir,
        fix: 'run the ingest stage and give its output folder',
      },
      { cause: error },
    );
  }
  const files: LakeFile[] = [];
  for (const path of paths) {
    const match = EVENT_FILE.exec(path);
    if (match) {
      files.push({
        type: match[1]!,
        date: match[2]!,
        bucket: match[3]!,
        path: join(lakeDir, path),
      });
    }
  }
  return {
    dataset,
    files,
    buckets: [...new Set(files.map((file) => file.bucket))].sort(),
    table: (name) =>
      paths
        .filter((path) => path.startsWith(`tables/${name}.`) && path.endsWith('.parquet'))
        .map((path) => join(lakeDir, path)),
  };
}
