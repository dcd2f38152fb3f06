/**
 * Zstandard (RFC 8878) in one go, for pages whose size is known: no stream, no window, no allocation a
 * sequence. Not supported: dictionaries. `data/ingest/zstd` decodes streams of any length.
 */
import { Xxh64 } from '../../../ingest/zstd/xxh64.ts';
import { Damage, NotSupported } from '../damage.ts';
import { Literals, MAX_BLOCK_BYTES, PADDING } from './literals.ts';
import { type Output, Sequences } from './sequences.ts';

const FRAME_MAGIC = 0xfd2fb528;
const SKIPPABLE_MAGIC = 0x184d2a50;
const DICTIONARY_BYTES = [0, 1, 2, 4];
const SIZE_BYTES = [0, 2, 4, 8];

// Decoding is synchronous: one set of tables serves all.
const literals = new Literals();
const sequences = new Sequences();

/**
 * Decompresses frames that give exactly `size` bytes.
 * @param out takes the result and, past it, scraps: must be `PADDING` bytes longer than `size`
 * @throws Damage, NotSupported
 */
export function zstdDecompress(compressed: Uint8Array, out: Uint8Array, size: number): void {
  // Words are read around the ends of bit streams: in front stand at least the frame's headers.
  const bytes = padded(compressed);
  const view = new DataView(bytes.buffer);
  const output: Output = {
    bytes: out,
    view: new DataView(out.buffer, out.byteOffset, out.byteLength),
    start: 0,
    at: 0,
    limit: 0,
  };
  const end = compressed.length;
  let at = 0;
  while (at < end) {
    if (at + 8 > end) throw new Damage('a zstd frame is cut off');
    const magic = view.getUint32(at, true);
    if (magic === FRAME_MAGIC) at = frame(bytes, view, at + 4, end, output, size);
    else if ((magic & 0xfffffff0) >>> 0 === SKIPPABLE_MAGIC) at += 8 + view.getUint32(at + 4, true);
    else throw new Damage('not a zstd frame');
  }
  if (at > end || output.at !== size)
    throw new Damage('zstd content has another size than it should');
}

/** Kept from page to page up to this size. */
const KEPT_INPUT_BYTES = 2 ** 23;
let input = new Uint8Array(0);

function padded(compressed: Uint8Array): Uint8Array {
  const wanted = compressed.length + PADDING;
  let bytes = input;
  if (bytes.length < wanted) {
    bytes = new Uint8Array(wanted + (wanted >> 1));
    if (bytes.length <= KEPT_INPUT_BYTES) input = bytes;
  }
  bytes.set(compressed);
  bytes.fill(0, compressed.length, wanted);
  return bytes;
}

function frame(
  bytes: Uint8Array,
  view: DataView,
  start: number,
  end: number,
  out: Output,
  size: number,
): number {
  const flags = bytes[start]!;
  const singleSegment = (flags & 0x20) !== 0;
  if (flags & 0x08) throw new Damage('a reserved bit of a zstd frame is set');
  let at = start + (singleSegment ? 1 : 2);
  const dictionaryEnd = at + DICTIONARY_BYTES[flags & 3]!;
  for (; at < dictionaryEnd; at++) {
    if (bytes[at] !== 0) throw new NotSupported('a zstd dictionary');
  }
  const sizeBytes = flags >>> 6 === 0 ? Number(singleSegment) : SIZE_BYTES[flags >>> 6]!;
  if (at + sizeBytes > end) throw new Damage('a zstd frame is cut off');
  const content = sizeBytes === 0 ? undefined : contentSize(view, at, sizeBytes);
  at += sizeBytes;
  out.start = out.at;
  if (content !== undefined && content > size - out.at) {
    throw new Damage('zstd content has another size than it should');
  }
  literals.reset();
  sequences.reset();
  at = blocks(bytes, view, at, end, out, size);
  if (content !== undefined && out.at - out.start !== content) {
    throw new Damage('a zstd frame has another size than it says');
  }
  if ((flags & 0x04) === 0) return at;
  if (at + 4 > end) throw new Damage('a zstd frame is cut off');
  const hash = new Xxh64();
  hash.update(out.bytes.subarray(out.start, out.at));
  if (view.getUint32(at, true) !== hash.lower32())
    throw new Damage('the zstd checksum does not fit');
  return at + 4;
}

function contentSize(view: DataView, at: number, sizeBytes: number): number {
  if (sizeBytes === 1) return view.getUint8(at);
  // A field of two bytes counts from 256.
  if (sizeBytes === 2) return view.getUint16(at, true) + 256;
  if (sizeBytes === 4) return view.getUint32(at, true);
  return view.getUint32(at, true) + view.getUint32(at + 4, true) * 2 ** 32;
}

function blocks(
  bytes: Uint8Array,
  view: DataView,
  start: number,
  end: number,
  out: Output,
  size: number,
): number {
  let at = start;
  for (let last = false; !last; ) {
    if (at + 3 > end) throw new Damage('a zstd frame is cut off');
    const word = view.getInt32(at, true) & 0xffffff;
    const kind = (word >>> 1) & 3;
    const length = word >>> 3;
    const from = at + 3;
    last = (word & 1) === 1;
    at = from + (kind === 1 ? 1 : length);
    if (kind === 3 || length > MAX_BLOCK_BYTES) throw new Damage('a zstd block is damaged');
    if (at > end) throw new Damage('a zstd frame is cut off');
    out.limit = Math.min(size, out.at + MAX_BLOCK_BYTES);
    if (kind === 2) {
      if (length === 0) throw new Damage('an empty zstd block is said to be compressed');
      const after = literals.read(bytes, view, from, at);
      sequences.run(bytes, view, after, at, literals, out);
    } else {
      if (out.at + length > out.limit) throw new Damage('a zstd block holds more than it may');
      if (kind === 0) out.bytes.set(bytes.subarray(from, at), out.at);
      else out.bytes.fill(bytes[from]!, out.at, out.at + length);
      out.at += length;
    }
  }
  return at;
}
