/** The rows of the shards as a Parquet file, for a key-value store in the cloud. */
import { rename, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { DuckDBInstance, FLOAT, LIST } from '@duckdb/node-api';
import { sha256File } from '../../lib/hash.ts';
import type { EmbeddingTable } from './index-file.ts';

interface TwinInput {
  ids: string[];
  /** Decoded rows [ids.length, width]: what a phone reads from the shards. */
  decoded: Float32Array;
  unknown: Float32Array;
  model: string;
  modelVersion: string;
  outDir: string;
}

const quoted = (text: string): string => `'${text.replaceAll("'", "''")}'`;

/**
 * Writes `<model>.parquet` with one row per item, ordered by id: item_id VARCHAR (NULL in the first
 * row, which is the one of unknown ids), model_version VARCHAR, embedding FLOAT[].
 */
export async function writeParquetTwin(
  input: TwinInput,
): Promise<NonNullable<EmbeddingTable['parquet']>> {
  const { ids, decoded, unknown, model, modelVersion, outDir } = input;
  const width = unknown.length;
  const name = `${model}.parquet`;
  const instance = await DuckDBInstance.create(':memory:', {
    threads: '1',
    autoinstall_known_extensions: 'false',
  });
  const connection = await instance.connect();
  try {
    await connection.run('create table rows (item_id varchar, embedding float[])');
    const appender = await connection.createAppender('rows');
    const type = LIST(FLOAT);
    appender.appendNull();
    appender.appendList([...unknown], type);
    appender.endRow();
    ids.forEach((id, row) => {
      appender.appendVarchar(id);
      appender.appendList([...decoded.subarray(row * width, (row + 1) * width)], type);
      appender.endRow();
    });
    appender.closeSync();
    const path = join(outDir, name);
    // COPY leaves half a file behind when it is interrupted, so it never writes to the final place.
    const partial = `${path}.partial`;
    await connection.run(
      `copy (select item_id, ${quoted(modelVersion)} as model_version, embedding from rows
        order by item_id nulls first)
       to ${quoted(partial)} (format parquet, parquet_version v2, compression zstd)`,
    );
    await rename(partial, path);
    return { path: name, sha256: await sha256File(path), bytes: (await stat(path)).size };
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}
