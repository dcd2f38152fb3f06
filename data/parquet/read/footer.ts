/** The footer: schema and row groups, checked against the size of the file. */
import { CODECS, type Codec, isReadable } from './codecs/decompress.ts';
import { Damage } from './damage.ts';
import { type Leaf, leavesOf } from './schema.ts';
import { type Statistics, statisticsOf } from './statistics.ts';
import { type Struct, ThriftReader } from './thrift.ts';

/** Where the pages of one leaf in one row group stand. */
export interface Chunk {
  /** First byte in the file, of the dictionary page if there is one, and number of bytes. */
  start: number;
  length: number;
  codec: Codec;
  /** Numbers of Parquet's enum Encoding, as the writer lists them. */
  encodings: readonly number[];
  /** Values, nulls and empty lists counted. */
  slots: number;
  statistics: Statistics;
  /** Why `readColumn` refuses it; undefined when it does not. */
  unsupported: string | undefined;
}

export interface RowGroup {
  rows: number;
  /** In the order of the leaves. */
  chunks: readonly Chunk[];
}

export interface Footer {
  rows: number;
  leaves: readonly Leaf[];
  groups: readonly RowGroup[];
  createdBy: string | undefined;
}

/** Above this, chunks are left to other readers: their bytes are held at once. */
const MAX_CHUNK_BYTES = 2 ** 29;
/** Above this too; a file may claim billions of values in a few bytes. */
const MAX_SLOTS = 2 ** 25;

/**
 * @param bytes the footer without its length and the magic number
 * @param dataEnd where the footer begins in the file
 * @throws Damage
 */
export function readFooter(bytes: Uint8Array, dataEnd: number): Footer {
  const meta = new ThriftReader(bytes, 0, bytes.length).struct();
  const leaves = leavesOf(meta.structs(2));
  const rows = meta.count(3);
  const encrypted = meta.has(8);
  const groups = meta.structs(4).map((group) => groupOf(group, leaves, dataEnd, encrypted));
  const sum = groups.reduce((total, group) => total + group.rows, 0);
  if (sum !== rows) throw new Damage(`the row groups have ${sum} rows, the file ${rows}`);
  return { rows, leaves, groups, createdBy: meta.text(6) };
}

function groupOf(
  group: Struct,
  leaves: readonly Leaf[],
  dataEnd: number,
  encrypted: boolean,
): RowGroup {
  const rows = group.count(3);
  const columns = group.structs(1);
  if (columns.length !== leaves.length) {
    throw new Damage(`a row group has ${columns.length} columns, the schema ${leaves.length}`);
  }
  const chunks = columns.map((column, i) => {
    const meta = column.struct(3);
    if (!meta) {
      // Without its metadata an encrypted column cannot even be found.
      if (column.has(8) || column.has(9)) return unreadable('an encrypted column');
      throw new Damage('a column has no metadata');
    }
    const elsewhere = column.has(1) ? 'a column in another file' : undefined;
    const secret = encrypted || column.has(8) ? 'an encrypted column' : undefined;
    const leaf = leaves[i]!;
    const chunk = chunkOf(meta, leaf, rows, elsewhere ? Number.MAX_SAFE_INTEGER : dataEnd);
    return { ...chunk, unsupported: elsewhere ?? secret ?? leaf.unsupported ?? chunk.unsupported };
  });
  return { rows, chunks };
}

function chunkOf(meta: Struct, leaf: Leaf, rows: number, dataEnd: number): Chunk {
  const name = leaf.path.join('.');
  const path = meta.list(3)?.length ?? 0;
  if (path !== leaf.path.length) throw new Damage(`column ${name} has another path in a row group`);
  const data = meta.count(9);
  const dictionary = meta.int(11);
  const start =
    dictionary !== undefined && dictionary >= 4 && dictionary < data ? dictionary : data;
  const length = meta.count(7);
  if (start < 4 || start + length > dataEnd) {
    throw new Damage(`column ${name} does not lie within the file`);
  }
  const slots = meta.count(5);
  if (leaf.maxRepetition === 0 ? slots !== rows : slots < rows) {
    throw new Damage(`column ${name} has ${slots} values for ${rows} rows`);
  }
  const codec = CODECS[meta.count(4, CODECS.length - 1)]!;
  const encodings = (meta.list(2) ?? []).map(Number);
  const unsupported = !isReadable(codec)
    ? `the codec ${codec}`
    : length > MAX_CHUNK_BYTES || slots > MAX_SLOTS
      ? 'a row group of this size'
      : undefined;
  const statistics = statisticsOf(meta.struct(12), leaf);
  return { start, length, codec, encodings, slots, statistics, unsupported };
}

const unreadable = (unsupported: string): Chunk => ({
  start: 4,
  length: 0,
  codec: 'uncompressed',
  encodings: [],
  slots: 0,
  statistics: { nulls: undefined, min: undefined, max: undefined },
  unsupported,
});
