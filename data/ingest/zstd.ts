/**
 * Zstandard (RFC 8878) with an exact account of what can be trusted.
 *
 * The decoder is `fzstd`, on every version of Node alike. It neither verifies checksums nor says
 * where a frame ends, so the frame structure is walked here: each frame gets a decoder of its own,
 * its content is hashed (XXH64) and compared with the frame's checksum when it carries one. Frames
 * may follow one another; skippable frames are skipped.
 */
import { Decompress } from 'fzstd';
import { type Content, type Ending, type Input, truncated, whole } from './input.ts';
import { Xxh64 } from './xxh64.ts';

const FRAME_MAGIC = 0xfd2fb528;
const SKIPPABLE_MAGIC = 0x184d2a50;
const MAX_WINDOW_BYTES = 128 * 2 ** 20;
const MAX_BLOCK_BYTES = 128 * 1024;

/** What a file's bytes may do to the walk; carries the ending out of the nested calls. */
class Stop extends Error {
  constructor(
    readonly kind: 'truncated' | 'checksum' | 'corrupt',
    detail: string,
  ) {
    super(detail);
  }
}

async function need(input: Input, bytes: number): Promise<Buffer> {
  const taken = await input.take(bytes);
  if (!taken) throw new Stop('truncated', 'the file ends inside a zstd frame');
  return taken;
}

interface FrameHeader {
  bytes: Buffer;
  hasChecksum: boolean;
}

async function readFrameHeader(input: Input): Promise<FrameHeader> {
  const magic = await need(input, 4);
  const descriptor = await need(input, 1);
  const flags = descriptor[0]!;
  const singleSegment = (flags & 0x20) !== 0;
  if (flags & 0x08) throw new Stop('corrupt', 'a reserved bit of a zstd frame is set');
  const dictionaryBytes = [0, 1, 2, 4][flags & 3]!;
  const sizeBytes = [singleSegment ? 1 : 0, 2, 4, 8][flags >>> 6]!;
  const window = singleSegment ? Buffer.alloc(0) : await need(input, 1);
  const dictionary = await need(input, dictionaryBytes);
  const size = await need(input, sizeBytes);
  if (dictionary.some((byte) => byte !== 0)) {
    throw new Stop('corrupt', 'the zstd frame needs a dictionary');
  }
  if (windowBytes(window, size) > MAX_WINDOW_BYTES) {
    throw new Stop('corrupt', 'the zstd frame needs a window above 128 MiB');
  }
  return {
    bytes: Buffer.concat([magic, descriptor, window, dictionary, size]),
    hasChecksum: (flags & 0x04) !== 0,
  };
}

/** Memory that decoding needs: the window, or the content when the frame is one segment. */
function windowBytes(window: Buffer, size: Buffer): number {
  if (window.length > 0) {
    const base = 2 ** (10 + (window[0]! >>> 3));
    return base + (base / 8) * (window[0]! & 7);
  }
  if (size.length === 8) return Number(size.readBigUInt64LE(0));
  return size.readUIntLE(0, size.length);
}

/** A decoder that gives what each push decoded. */
function decoder(): (bytes: Buffer, last: boolean) => Uint8Array[] {
  let out: Uint8Array[] = [];
  const stream = new Decompress((piece) => out.push(piece));
  return (bytes, last) => {
    out = [];
    try {
      stream.push(bytes, last);
    } catch {
      // The decoder meets damaged bytes with errors of several kinds, out-of-range reads among them.
      throw new Stop('corrupt', 'the compressed data is damaged');
    }
    return out;
  };
}

/** One frame; returns the number of content bytes when its checksum fits. */
async function* readFrame(input: Input): AsyncGenerator<Buffer, number, void> {
  const header = await readFrameHeader(input);
  const decode = decoder();
  const hash = new Xxh64();
  let pending = header.bytes;
  let contentBytes = 0;
  for (let last = false; !last; ) {
    const blockHeader = await need(input, 3);
    const word = blockHeader.readUIntLE(0, 3);
    const kind = (word >>> 1) & 3;
    const size = word >>> 3;
    last = (word & 1) === 1;
    if (kind === 3 || size > MAX_BLOCK_BYTES) throw new Stop('corrupt', 'a zstd block is damaged');
    const block = await need(input, kind === 1 ? 1 : size);
    // The decoder takes a frame's checksum with its last block and ignores its value.
    const tail = last && header.hasChecksum ? Buffer.alloc(4) : Buffer.alloc(0);
    for (const piece of decode(Buffer.concat([pending, blockHeader, block, tail]), last)) {
      if (piece.length === 0) continue;
      hash.update(piece);
      contentBytes += piece.length;
      yield Buffer.from(piece.buffer, piece.byteOffset, piece.byteLength);
    }
    pending = Buffer.alloc(0);
  }
  if (header.hasChecksum && (await need(input, 4)).readUInt32LE(0) !== hash.lower32()) {
    throw new Stop('checksum', 'the zstd checksum does not fit');
  }
  return contentBytes;
}

/** Decompresses zstd. A frame without a checksum counts as verified when its structure is whole. */
export async function* unzstd(input: Input): Content {
  let trustedBytes = 0;
  try {
    for (let frames = 0; ; frames++) {
      const magic = await input.peek(4);
      if (magic.length === 0 && frames > 0) return whole;
      if (magic.length < 4) throw new Stop('truncated', 'the file ends inside a zstd header');
      const word = magic.readUInt32LE(0);
      if (word === FRAME_MAGIC) {
        trustedBytes += yield* readFrame(input);
      } else if ((word & 0xfffffff0) >>> 0 === SKIPPABLE_MAGIC) {
        const header = await need(input, 8);
        for (let left = header.readUInt32LE(4); left > 0; ) {
          left -= (await need(input, Math.min(left, MAX_BLOCK_BYTES))).length;
        }
      } else {
        throw new Stop('corrupt', frames > 0 ? 'what follows is not zstd' : 'not a zstd file');
      }
    }
  } catch (error) {
    if (!(error instanceof Stop)) throw error;
    if (error.kind === 'truncated') return truncated(error.message);
    return { kind: error.kind, detail: error.message, trustedBytes } satisfies Ending;
  }
}
