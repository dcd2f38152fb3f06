/** `embeddings/index.json`: which tables there are, which shards hold them, and their hashes. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { EdgeloomError } from '../../lib/errors.ts';
import { ROW_DTYPES, SHARD_FORMAT_VERSION } from './format.ts';

const hex64 = z.string().regex(/^[0-9a-f]{64}$/);
const hash64 = z.string().regex(/^[0-9a-f]{16}$/);
const fileName = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]*$/);

const shardEntry = z.strictObject({
  path: fileName.describe('File in the same folder.'),
  sha256: hex64,
  bytes: z.int().positive(),
  rows: z.int().positive(),
  firstHash: hash64.describe('Smallest row hash, 16 hex digits.'),
  lastHash: hash64.describe('Largest row hash, 16 hex digits.'),
});

const tableEntry = z.strictObject({
  model: z.string().regex(/^[a-z0-9][a-z0-9-]*$/),
  modelVersion: z.string().min(1).describe('Rows serve this version of the model and no other.'),
  rows: z.int().nonnegative(),
  width: z.int().positive(),
  dtype: z.enum(ROW_DTYPES),
  quantisation: z
    .strictObject({
      maxAbsError: z.number().nonnegative(),
      relativeRmsError: z.number().nonnegative(),
    })
    .describe('Decoded rows against the trained ones.'),
  unknown: z.array(z.number()).describe('The row of every id that is not in the shards.'),
  shards: z.array(shardEntry),
  parquet: z
    .strictObject({ path: fileName, sha256: hex64, bytes: z.int().positive() })
    .nullable()
    .describe('The same decoded rows for a key-value store in the cloud.'),
});

export const shardIndexSchema = z.strictObject({
  format: z.literal('edgeloom-embeddings'),
  formatVersion: z.literal(SHARD_FORMAT_VERSION),
  hash: z.literal('sha256-first-8-bytes-big-endian'),
  tables: z.array(tableEntry).min(1),
});

export type ShardEntry = z.infer<typeof shardEntry>;
export type EmbeddingTable = z.infer<typeof tableEntry>;
export type ShardIndex = z.infer<typeof shardIndexSchema>;

export const INDEX_FILE = 'index.json';

/** Tables in order of their model's name; the text ends in a newline. */
export function shardIndexJson(tables: EmbeddingTable[]): string {
  const index: ShardIndex = {
    format: 'edgeloom-embeddings',
    formatVersion: SHARD_FORMAT_VERSION,
    hash: 'sha256-first-8-bytes-big-endian',
    tables: [...tables].sort((a, b) => (a.model < b.model ? -1 : 1)),
  };
  return `${JSON.stringify(index, null, 1)}\n`;
}

/** @throws EdgeloomError `bad-shards` when the index is missing or malformed */
export async function readShardIndex(dir: string): Promise<ShardIndex> {
  const path = join(dir, INDEX_FILE);
  try {
    return shardIndexSchema.parse(JSON.parse(await readFile(path, 'utf8')));
  } catch (error) {
    throw new EdgeloomError(
      {
        code: 'bad-shards',
        what: `The index of the embedding shards cannot be read: ${(error as Error).message}`,
        where: path,
        fix: 'pull the bundle again, or run the export stage again',
      },
      { cause: error },
    );
  }
}
