/** Writes embedding shards and their index. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { EdgeloomError } from '../../lib/errors.ts';
import { writeFileAtomic } from '../../lib/files.ts';
import { sha256 } from '../../lib/hash.ts';
import type { RunOptions } from '../../lib/progress.ts';
import { type HashOf, hashId, layoutOf, type RowDtype, writeHeader } from './format.ts';
import { type EmbeddingTable, INDEX_FILE, type ShardEntry, shardIndexJson } from './index-file.ts';
import { writeParquetTwin } from './parquet.ts';
import { decodeRow, encodeRow } from './rows.ts';

export interface ShardInput extends RunOptions {
  /** Item ids, each once. */
  ids: string[];
  /** Row-major [ids.length, width]. */
  vectors: Float32Array;
  /** The row of unknown ids; its length is the width. */
  unknown: Float32Array;
  /** @default 'int8' */
  dtype?: RowDtype;
  /** Rows a shard holds at most (ids of equal hash stay together). @default 65536 */
  rowsPerShard?: number;
  /** Name of the model that the rows belong to. */
  model: string;
  modelVersion: string;
  /** Folder of the index and the shards. */
  outDir: string;
  /** Also writes `<model>.parquet`. @default true */
  parquet?: boolean;
  /** The row hash; only tests of collisions change it. */
  hashOf?: HashOf;
}

interface Entry {
  id: string;
  utf8: Buffer;
  hash: bigint;
  row: number;
}

/**
 * Writes `shard-<model>-NNNN.bin`, `index.json` and a Parquet twin. Equal input gives equal bytes.
 * @throws EdgeloomError `bad-embeddings` for repeated ids, wrong lengths or values that do not fit
 */
export async function writeShards(input: ShardInput): Promise<EmbeddingTable> {
  const { ids, unknown, model, modelVersion, outDir } = input;
  const dtype = input.dtype ?? 'int8';
  const width = unknown.length;
  checkInput(input);
  await mkdir(outDir, { recursive: true });
  const entries = sortedEntries(ids, input.hashOf ?? hashId);
  const decoded = new Float32Array(input.vectors.length);
  const shards: ShardEntry[] = [];
  for (const [number, part] of split(entries, input.rowsPerShard ?? 65536).entries()) {
    input.signal?.throwIfAborted();
    const path = `shard-${model}-${String(number).padStart(4, '0')}.bin`;
    const bytes = encodeShard(part, input, dtype, decoded);
    await writeFileAtomic(join(outDir, path), bytes);
    shards.push({
      path,
      sha256: sha256(bytes),
      bytes: bytes.length,
      rows: part.length,
      firstHash: hex(part[0]!.hash),
      lastHash: hex(part.at(-1)!.hash),
    });
    input.onProgress?.({ message: `embedding shard ${number + 1} of ${model}` });
  }
  const table: EmbeddingTable = {
    model,
    modelVersion,
    rows: ids.length,
    width,
    dtype,
    quantisation: errorOf(input.vectors, decoded),
    unknown: [...unknown],
    shards,
    parquet:
      input.parquet === false
        ? null
        : await writeParquetTwin({ ids, decoded, unknown, model, modelVersion, outDir }),
  };
  await writeFileAtomic(join(outDir, INDEX_FILE), shardIndexJson([table]));
  return table;
}

function checkInput({ ids, vectors, unknown, rowsPerShard }: ShardInput): void {
  const refuse = (what: string): never => {
    throw new EdgeloomError({
      code: 'bad-embeddings',
      what,
      where: 'embedding shards',
      fix: 'check the item table of the checkpoint',
    });
  };
  if (unknown.length === 0) refuse('The embedding of unknown ids is empty');
  if (!unknown.every(Number.isFinite)) refuse('The embedding of unknown ids is not finite');
  if (vectors.length !== ids.length * unknown.length) {
    refuse(`${vectors.length} values for ${ids.length} ids of width ${unknown.length}`);
  }
  if (new Set(ids).size !== ids.length) refuse('An item id occurs twice');
  if (rowsPerShard !== undefined && !(rowsPerShard >= 1)) refuse('rowsPerShard must be 1 or more');
}

function sortedEntries(ids: string[], hashOf: HashOf): Entry[] {
  return ids
    .map((id, row): Entry => ({ id, utf8: Buffer.from(id, 'utf8'), hash: hashOf(id), row }))
    .sort((a, b) => (a.hash < b.hash ? -1 : a.hash > b.hash ? 1 : Buffer.compare(a.utf8, b.utf8)));
}

/** Runs of at most `size`, made longer where equal hashes would be torn apart. */
function split(entries: Entry[], size: number): Entry[][] {
  const parts: Entry[][] = [];
  let start = 0;
  while (start < entries.length) {
    let end = Math.min(start + size, entries.length);
    while (end < entries.length && entries[end]!.hash === entries[end - 1]!.hash) end++;
    parts.push(entries.slice(start, end));
    start = end;
  }
  return parts;
}

function encodeShard(
  part: Entry[],
  { vectors, unknown, modelVersion }: ShardInput,
  dtype: RowDtype,
  decoded: Float32Array,
): Buffer {
  const width = unknown.length;
  const idBytes = part.reduce((sum, entry) => sum + entry.utf8.length, 0);
  const layout = layoutOf(part.length, width, dtype, idBytes);
  const out = Buffer.alloc(layout.fileBytes);
  writeHeader(out, layout, modelVersion);
  let idOffset = 0;
  part.forEach((entry, i) => {
    out.writeBigUInt64LE(entry.hash, layout.hashesOffset + i * 8);
    out.writeUInt32LE(idOffset, layout.idOffsetsOffset + i * 4);
    entry.utf8.copy(out, layout.idsOffset + idOffset);
    idOffset += entry.utf8.length;
    const from = entry.row * width;
    const offset = layout.vectorsOffset + i * layout.stride;
    const scale = encode(vectors.subarray(from, from + width), dtype, out, offset, entry.id);
    if (dtype === 'int8') out.writeUInt16LE(scale, layout.scalesOffset + i * 2);
    decodeRow(out, offset, dtype, scale, decoded.subarray(from, from + width));
  });
  out.writeUInt32LE(idOffset, layout.idOffsetsOffset + part.length * 4);
  return out;
}

function encode(
  row: Float32Array,
  dtype: RowDtype,
  out: Buffer,
  offset: number,
  id: string,
): number {
  try {
    return encodeRow(row, dtype, out, offset);
  } catch (error) {
    throw new EdgeloomError(
      {
        code: 'bad-embeddings',
        what: `The embedding of item ${id} cannot be kept as ${dtype}: ${(error as Error).message}`,
        where: 'embedding shards',
        fix: 'train again with a lower learning rate, or choose float32 rows',
      },
      { cause: error },
    );
  }
}

function errorOf(exact: Float32Array, decoded: Float32Array): EmbeddingTable['quantisation'] {
  let maxAbsError = 0;
  let squares = 0;
  let energy = 0;
  for (let i = 0; i < exact.length; i++) {
    const difference = decoded[i]! - exact[i]!;
    maxAbsError = Math.max(maxAbsError, Math.abs(difference));
    squares += difference * difference;
    energy += exact[i]! * exact[i]!;
  }
  return { maxAbsError, relativeRmsError: energy === 0 ? 0 : Math.sqrt(squares / energy) };
}

const hex = (hash: bigint): string => hash.toString(16).padStart(16, '0');
