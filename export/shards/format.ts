/**
 * The binary layout of one embedding shard. Little-endian; every section begins at a multiple of
 * 64 bytes, so that a phone can map the file into memory and read rows in place.
 *
 * ```
 * header       64 bytes: magic "EDGESHRD", then 12 × u32 (see HEADER_FIELDS), then the first
 *              8 bytes of SHA-256(model version)
 * hashes       u64[rows], ascending: the first 8 bytes of SHA-256(id in UTF-8), read as big-endian
 * id offsets   u32[rows + 1]: where the id of each row begins in the ids section
 * ids          UTF-8, one after another; equal hashes are told apart by these
 * scales       float16[rows], int8 shards only: value = scale · int8
 * vectors      rows × stride bytes: width values of the shard's type, then zeros up to the stride
 * ```
 * Rows are ordered by (hash, id in UTF-8 bytes).
 */
import { createHash } from 'node:crypto';

export const SHARD_FORMAT_VERSION = 1;
export const MAGIC = Buffer.from('EDGESHRD', 'latin1');
export const HEADER_BYTES = 64;
const ALIGNMENT = 64;

export const ROW_DTYPES = ['int8', 'float16', 'float32'] as const;
/** How a row's values are kept. */
export type RowDtype = (typeof ROW_DTYPES)[number];

export const VALUE_BYTES: Record<RowDtype, number> = { int8: 1, float16: 2, float32: 4 };

/** The u32 fields after the magic, in file order. Offsets count from the start of the file. */
const HEADER_FIELDS = [
  'version',
  'rows',
  'width',
  'dtype',
  'stride',
  'hashesOffset',
  'idOffsetsOffset',
  'idsOffset',
  'scalesOffset',
  'vectorsOffset',
  'fileBytes',
  'reserved',
] as const;

/** `dtype` is the index in {@link ROW_DTYPES}; `stride` is the bytes from one row to the next. */
export type ShardHeader = Record<(typeof HEADER_FIELDS)[number], number>;

export type HashOf = (id: string) => bigint;

/** The 64-bit hash by which rows are found: any platform with SHA-256 can compute it. */
export const hashId: HashOf = (id) =>
  createHash('sha256').update(id, 'utf8').digest().readBigUInt64BE(0);

export const aligned = (offset: number): number => Math.ceil(offset / ALIGNMENT) * ALIGNMENT;

/** Rows keep 4-byte alignment, so that a mapped float row can be read directly. */
export const strideOf = (width: number, dtype: RowDtype): number =>
  Math.ceil((width * VALUE_BYTES[dtype]) / 4) * 4;

/** Where the sections lie for a shard of these sizes. */
export function layoutOf(
  rows: number,
  width: number,
  dtype: RowDtype,
  idBytes: number,
): ShardHeader {
  const stride = strideOf(width, dtype);
  const hashesOffset = HEADER_BYTES;
  const idOffsetsOffset = aligned(hashesOffset + rows * 8);
  const idsOffset = aligned(idOffsetsOffset + (rows + 1) * 4);
  const scalesOffset = aligned(idsOffset + idBytes);
  const vectorsOffset = aligned(scalesOffset + (dtype === 'int8' ? rows * 2 : 0));
  return {
    version: SHARD_FORMAT_VERSION,
    rows,
    width,
    dtype: ROW_DTYPES.indexOf(dtype),
    stride,
    hashesOffset,
    idOffsetsOffset,
    idsOffset,
    scalesOffset,
    vectorsOffset,
    fileBytes: vectorsOffset + rows * stride,
    reserved: 0,
  };
}

export const versionTag = (modelVersion: string): Buffer =>
  createHash('sha256').update(modelVersion, 'utf8').digest().subarray(0, 8);

export function writeHeader(out: Buffer, header: ShardHeader, modelVersion: string): void {
  MAGIC.copy(out, 0);
  HEADER_FIELDS.forEach((field, i) => {
    out.writeUInt32LE(header[field], 8 + i * 4);
  });
  versionTag(modelVersion).copy(out, 56);
}

/** Reads a header and returns what is wrong with it, or the header. */
export function readHeader(
  bytes: Buffer,
  fileBytes: number,
  modelVersion: string,
): ShardHeader | { problem: string } {
  if (bytes.length < HEADER_BYTES) return { problem: 'it is shorter than a header' };
  if (!bytes.subarray(0, 8).equals(MAGIC)) return { problem: 'it does not begin with EDGESHRD' };
  const header = Object.fromEntries(
    HEADER_FIELDS.map((field, i) => [field, bytes.readUInt32LE(8 + i * 4)]),
  ) as ShardHeader;
  if (header.version !== SHARD_FORMAT_VERSION) {
    return { problem: `its format version is ${header.version}, not ${SHARD_FORMAT_VERSION}` };
  }
  if (!bytes.subarray(56, 64).equals(versionTag(modelVersion))) {
    return { problem: `it belongs to another model version than ${modelVersion}` };
  }
  const dtype = ROW_DTYPES[header.dtype];
  if (!dtype) return { problem: `its row type ${header.dtype} is unknown` };
  if (header.fileBytes !== fileBytes) {
    return { problem: `it has ${fileBytes} bytes instead of ${header.fileBytes}` };
  }
  const idBytes = header.scalesOffset - header.idsOffset;
  const expected = layoutOf(header.rows, header.width, dtype, Math.max(0, idBytes));
  if (expected.fileBytes !== header.fileBytes || expected.stride !== header.stride) {
    return { problem: 'its sections do not add up' };
  }
  return header;
}
