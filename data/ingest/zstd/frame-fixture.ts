/** Zstd frames made by hand from uncompressed blocks: the format without a compressor. */
import { Xxh64 } from './xxh64.ts';

/** One frame, one raw block; content below 64 KiB. */
export function rawZstdFrame(content: string, { checksum }: { checksum: boolean }): Buffer {
  const bytes = Buffer.from(content);
  const header = Buffer.alloc(7);
  header.writeUInt32LE(0xfd2fb528, 0);
  // Single segment, two bytes of content size (less 256), and whether a checksum follows.
  header[4] = 0x60 | (checksum ? 0x04 : 0);
  header.writeUInt16LE(bytes.length - 256, 5);
  const block = Buffer.alloc(3);
  block.writeUIntLE((bytes.length << 3) | 1, 0, 3);
  const hash = new Xxh64();
  hash.update(bytes);
  const tail = Buffer.alloc(checksum ? 4 : 0);
  if (checksum) tail.writeUInt32LE(hash.lower32(), 0);
  return Buffer.concat([header, block, bytes, tail]);
}
