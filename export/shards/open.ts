/** Reads embedding shards the way a phone does: binary search, then one row. */
import { type FileHandle, open } from 'node:fs/promises';
import { join } from 'node:path';
import { EdgeloomError } from '../../lib/errors.ts';
import { sha256File } from '../../lib/hash.ts';
import {
  type HashOf,
  HEADER_BYTES,
  hashId,
  type RowDtype,
  readHeader,
  type ShardHeader,
} from './format.ts';
import { type EmbeddingTable, readShardIndex, type ShardEntry } from './index-file.ts';
import { decodeRow } from './rows.ts';

export interface OpenShardsOptions {
  /** Which table; may be left out when the index has one. */
  model?: string;
  /** Refuses rows of any other version. */
  modelVersion?: string;
  /** Checks each file against the index before use. @default true */
  verify?: boolean;
  /** The row hash; only tests of collisions change it. */
  hashOf?: HashOf;
}

/** One shard: the keys are held in memory, the rows stay in the file. */
interface Shard {
  first: bigint;
  last: bigint;
  file: FileHandle;
  header: ShardHeader;
  dtype: RowDtype;
  /** Header, hashes, ids and scales. */
  keys: Buffer;
}

/**
 * Opens the shards of one table. Close it after use.
 * @throws EdgeloomError `bad-shards` when a file is missing, altered or of another model version
 */
export async function openShards(
  dir: string,
  options: OpenShardsOptions = {},
): Promise<EmbeddingShards> {
  const index = await readShardIndex(dir);
  const table = options.model
    ? index.tables.find((one) => one.model === options.model)
    : index.tables.length === 1
      ? index.tables[0]
      : undefined;
  if (!table) {
    throw bad(
      dir,
      `it holds the tables ${index.tables.map((one) => one.model).join(', ')}; name one`,
    );
  }
  if (options.modelVersion !== undefined && options.modelVersion !== table.modelVersion) {
    throw bad(dir, `its rows serve ${table.modelVersion}, the model is ${options.modelVersion}`);
  }
  if (table.unknown.length !== table.width) throw bad(dir, 'the unknown row has a wrong width');
  if (table.shards.reduce((sum, shard) => sum + shard.rows, 0) !== table.rows) {
    throw bad(dir, 'the rows of the shards do not add up');
  }
  const shards: Shard[] = [];
  try {
    for (const entry of table.shards) {
      shards.push(await openShard(dir, entry, table, options.verify ?? true));
    }
  } catch (error) {
    await Promise.all(shards.map(({ file }) => file.close()));
    throw error;
  }
  return new EmbeddingShards(table, shards, options.hashOf ?? hashId);
}

async function openShard(
  dir: string,
  entry: ShardEntry,
  table: EmbeddingTable,
  verify: boolean,
): Promise<Shard> {
  const path = join(dir, entry.path);
  const file = await open(path, 'r').catch((error: NodeJS.ErrnoException) => {
    throw bad(path, `it cannot be opened (${error.code})`, error);
  });
  try {
    if (verify && (await sha256File(path)) !== entry.sha256) {
      throw bad(path, 'its SHA-256 is not the one in the index');
    }
    const { size } = await file.stat();
    const head = Buffer.alloc(HEADER_BYTES);
    const { bytesRead } = await file.read(head, 0, HEADER_BYTES, 0);
    const header = readHeader(head.subarray(0, bytesRead), size, table.modelVersion);
    if ('problem' in header) throw bad(path, header.problem);
    if (header.rows !== entry.rows || header.width !== table.width) {
      throw bad(path, 'its size is not the one in the index');
    }
    const keys = Buffer.alloc(header.vectorsOffset);
    await file.read(keys, 0, keys.length, 0);
    const dtype = table.dtype;
    return {
      first: BigInt(`0x${entry.firstHash}`),
      last: BigInt(`0x${entry.lastHash}`),
      file,
      header,
      dtype,
      keys,
    };
  } catch (error) {
    await file.close();
    throw error;
  }
}

const bad = (where: string, what: string, cause?: unknown): EdgeloomError =>
  new EdgeloomError(
    {
      code: 'bad-shards',
      what: `Embedding shards refused: ${what}`,
      where,
      fix: 'pull the bundle again; a model and its embeddings must have one version',
    },
    { cause },
  );

/** Open shards of one table. */
export class EmbeddingShards {
  readonly table: EmbeddingTable;
  readonly #shards: Shard[];
  readonly #hashOf: HashOf;
  readonly #unknown: Float32Array;

  constructor(table: EmbeddingTable, shards: Shard[], hashOf: HashOf) {
    this.table = table;
    this.#shards = shards;
    this.#hashOf = hashOf;
    this.#unknown = Float32Array.from(table.unknown);
  }

  /** Rows of the ids in the order given, [ids.length, width]; unknown ids get the unknown row. */
  async lookup(ids: string[]): Promise<Float32Array> {
    const { width } = this.table;
    const out = new Float32Array(ids.length * width);
    for (const [i, id] of ids.entries()) {
      const target = out.subarray(i * width, (i + 1) * width);
      const found = this.#find(id);
      if (!found) {
        target.set(this.#unknown);
        continue;
      }
      const { shard, row } = found;
      const bytes = Buffer.alloc(shard.header.stride);
      const offset = shard.header.vectorsOffset + row * shard.header.stride;
      await shard.file.read(bytes, 0, bytes.length, offset);
      const scale =
        shard.dtype === 'int8' ? shard.keys.readUInt16LE(shard.header.scalesOffset + row * 2) : 0;
      decodeRow(bytes, 0, shard.dtype, scale, target);
    }
    return out;
  }

  has(id: string): boolean {
    return this.#find(id) !== undefined;
  }

  async close(): Promise<void> {
    await Promise.all(this.#shards.map(({ file }) => file.close()));
  }

  #find(id: string): { shard: Shard; row: number } | undefined {
    const hash = this.#hashOf(id);
    const at = lowerBound(this.#shards.length, (i) => this.#shards[i]!.last < hash);
    const shard = this.#shards[at];
    if (!shard || shard.first > hash) return undefined;
    const { keys, header } = shard;
    const hashAt = (row: number): bigint => keys.readBigUInt64LE(header.hashesOffset + row * 8);
    const wanted = Buffer.from(id, 'utf8');
    let row = lowerBound(header.rows, (i) => hashAt(i) < hash);
    for (; row < header.rows && hashAt(row) === hash; row++) {
      const begin = keys.readUInt32LE(header.idOffsetsOffset + row * 4);
      const end = keys.readUInt32LE(header.idOffsetsOffset + (row + 1) * 4);
      if (keys.subarray(header.idsOffset + begin, header.idsOffset + end).equals(wanted)) {
        return { shard, row };
      }
    }
    return undefined;
  }
}

/** The first i in [0, count) for which `before(i)` is false, or count. */
function lowerBound(count: number, before: (i: number) => boolean): number {
  let low = 0;
  let high = count;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (before(middle)) low = middle + 1;
    else high = middle;
  }
  return low;
}
