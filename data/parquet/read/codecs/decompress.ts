/** Pages by codec. */
import * as zlib from 'node:zlib';
import { Damage, NotSupported } from '../damage.ts';
import { zstdDecompress } from '../zstd/decompress.ts';
import { PADDING } from '../zstd/literals.ts';
import { lz4Decompress } from './lz4.ts';
import { snappyDecompress } from './snappy.ts';

export const CODECS = [
  'uncompressed',
  'snappy',
  'gzip',
  'lzo',
  'brotli',
  'lz4-hadoop',
  'zstd',
  'lz4',
] as const;
export type Codec = (typeof CODECS)[number];

/** The decoder takes them, and how many bytes one compressed byte can become at most. */
const LARGEST_RATIO: Partial<Record<Codec, number>> = {
  uncompressed: 1,
  snappy: 64,
  gzip: 1040,
  zstd: 1 << 15,
  lz4: 256,
};

export const isReadable = (codec: Codec): boolean => LARGEST_RATIO[codec] !== undefined;

/** Pages of more bytes are left to other readers. */
const MAX_PAGE_BYTES = 2 ** 28;

/** Newer versions of Node bring a decoder of their own. */
interface NativeZstd {
  zstdDecompressSync?: (bytes: Uint8Array, options: { maxOutputLength: number }) => Uint8Array;
}
const nativeZstd = (zlib as NativeZstd).zstdDecompressSync;

/** Kept from chunk to chunk up to this size. */
const KEPT_SCRATCH_BYTES = 2 ** 24;

// Decoding a chunk is synchronous: one buffer serves all.
let scratch = new Uint8Array(0);

/** Decompresses page after page; each result is good until the next one, of any chunk. */
export class Decompressor {
  readonly #codec: Codec;

  constructor(codec: Codec) {
    this.#codec = codec;
  }

  /** @throws Damage, NotSupported */
  decompress(bytes: Uint8Array, size: number): Uint8Array {
    const codec = this.#codec;
    const ratio = LARGEST_RATIO[codec];
    if (ratio === undefined) throw new NotSupported(`the codec ${codec}`);
    if (codec === 'uncompressed') {
      if (size !== bytes.length) throw new Damage('a page has another size than it says');
      return bytes;
    }
    // So that a wrong size does not take memory that no content could fill.
    if (size > bytes.length * ratio + 64)
      throw new Damage('a page says a size that it cannot have');
    if (size > MAX_PAGE_BYTES) throw new NotSupported('a page above 256 MiB');
    if (size === 0) return new Uint8Array(0);
    if (codec === 'gzip') return native(zlib.gunzipSync, bytes, size);
    if (codec === 'zstd' && nativeZstd) return native(nativeZstd, bytes, size);
    const out = this.#room(size);
    if (codec === 'zstd') zstdDecompress(bytes, out, size);
    else if (codec === 'snappy') snappyDecompress(bytes, out, size);
    else lz4Decompress(bytes, out, size);
    return out.subarray(0, size);
  }

  #room(size: number): Uint8Array {
    const wanted = size + PADDING;
    if (scratch.length >= wanted) return scratch;
    const room = new Uint8Array(Math.max(wanted, Math.min(2 * size, MAX_PAGE_BYTES)));
    if (room.length <= KEPT_SCRATCH_BYTES) scratch = room;
    return room;
  }
}

function native(
  decode: (bytes: Uint8Array, options: { maxOutputLength: number }) => Uint8Array,
  bytes: Uint8Array,
  size: number,
): Uint8Array {
  let out: Uint8Array;
  try {
    out = decode(bytes, { maxOutputLength: size });
  } catch (error) {
    throw new Damage(`a page cannot be decompressed: ${(error as Error).message}`);
  }
  if (out.length !== size) throw new Damage('a page has another size than it says');
  return out;
}
