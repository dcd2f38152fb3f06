/**
 * Zstandard (RFC 8878): frames, one after another, with an exact account of what can be trusted.
 *
 * Written here because Node 20 has no zstd and the decoders on npm either run for ever on some
 * damaged files, ignore checksums, or want the whole file in memory. Not supported: dictionaries, and
 * windows above 128 MiB (what the zstd program takes without being told otherwise).
 */
import { type Content, type Ending, type Input, truncated, whole } from '../input.ts';
import { ZstdDamage } from './bits.ts';
import { LiteralsDecoder, MAX_BLOCK_BYTES } from './literals.ts';
import { SequencesDecoder } from './sequences.ts';
import { Window } from './window.ts';
import { Xxh64 } from './xxh64.ts';

const FRAME_MAGIC = 0xfd2fb528;
const SKIPPABLE_MAGIC = 0x184d2a50;
const MAX_WINDOW_BYTES = 128 * 2 ** 20;
/** Readers load whole words: the last one may reach past the block. */
const PADDING = 8;

/** The file ends in the middle of something. */
class CutOff extends Error {}
/** The content is not what the frame's checksum says. */
class ChecksumError extends Error {}

async function need(input: Input, bytes: number): Promise<Buffer> {
  const taken = await input.take(bytes);
  if (!taken) throw new CutOff('the file ends inside a zstd frame');
  return taken;
}

interface FrameHeader {
  windowBytes: number;
  /** Size of the content, when the frame says it. */
  contentBytes: number | undefined;
  hasChecksum: boolean;
}

async function readFrameHeader(input: Input): Promise<FrameHeader> {
  const [flags] = await need(input, 1);
  const singleSegment = (flags! & 0x20) !== 0;
  if (flags! & 0x08) throw new ZstdDamage('a reserved bit of a zstd frame is set');
  const window = singleSegment ? undefined : (await need(input, 1))[0]!;
  const dictionary = await need(input, [0, 1, 2, 4][flags! & 3]!);
  const size = await need(input, [singleSegment ? 1 : 0, 2, 4, 8][flags! >>> 6]!);
  if (dictionary.some((byte) => byte !== 0)) {
    throw new ZstdDamage('the zstd frame needs a dictionary');
  }
  const contentBytes = contentSize(size);
  const windowBytes = window === undefined ? (contentBytes ?? 0) : windowSize(window);
  if (windowBytes > MAX_WINDOW_BYTES) {
    throw new ZstdDamage('the zstd frame needs a window above 128 MiB');
  }
  return { windowBytes, contentBytes, hasChecksum: (flags! & 0x04) !== 0 };
}

function windowSize(descriptor: number): number {
  const base = 2 ** (10 + (descriptor >>> 3));
  return base + (base / 8) * (descriptor & 7);
}

function contentSize(field: Buffer): number | undefined {
  if (field.length === 0) return undefined;
  if (field.length === 8) return Number(field.readBigUInt64LE(0));
  // A field of two bytes counts from 256.
  return field.readUIntLE(0, field.length) + (field.length === 2 ? 256 : 0);
}

/** Decodes the blocks of one frame. */
class BlockDecoder {
  readonly #literals = new LiteralsDecoder();
  readonly #sequences = new SequencesDecoder();
  readonly #window: Window;

  constructor(windowBytes: number) {
    this.#window = new Window(windowBytes);
  }

  /** @param kind 0 as it is, 1 one byte repeated, 2 compressed */
  decode(kind: number, size: number, bytes: Buffer): Buffer {
    this.#window.startBlock();
    if (kind === 0) this.#window.append(bytes, 0, size);
    else if (kind === 1) this.#window.fill(bytes[0]!, size);
    else {
      if (size === 0) throw new ZstdDamage('an empty block is said to be compressed');
      const padded = new Uint8Array(size + PADDING);
      padded.set(bytes);
      const literals = this.#literals.decode(padded, size);
      this.#sequences.decode(padded, size, literals, this.#window);
    }
    return this.#window.block();
  }
}

/** One frame after its magic number; returns the bytes of content when all of it fits. */
async function* readFrame(input: Input): AsyncGenerator<Buffer, number, void> {
  const header = await readFrameHeader(input);
  const blocks = new BlockDecoder(header.windowBytes);
  const hash = new Xxh64();
  let contentBytes = 0;
  for (let last = false; !last; ) {
    const word = (await need(input, 3)).readUIntLE(0, 3);
    const kind = (word >>> 1) & 3;
    const size = word >>> 3;
    last = (word & 1) === 1;
    if (kind === 3 || size > MAX_BLOCK_BYTES) throw new ZstdDamage('a zstd block is damaged');
    const piece = blocks.decode(kind, size, await need(input, kind === 1 ? 1 : size));
    hash.update(piece);
    contentBytes += piece.length;
    if (piece.length > 0) yield piece;
  }
  if (header.hasChecksum && (await need(input, 4)).readUInt32LE(0) !== hash.lower32()) {
    throw new ChecksumError('the zstd checksum does not fit');
  }
  if (header.contentBytes !== undefined && header.contentBytes !== contentBytes) {
    throw new ZstdDamage('a zstd frame has another size than it says');
  }
  return contentBytes;
}

async function skipFrame(input: Input): Promise<void> {
  for (let left = (await need(input, 4)).readUInt32LE(0); left > 0; ) {
    left -= (await need(input, Math.min(left, MAX_BLOCK_BYTES))).length;
  }
}

/** Decompresses zstd. A frame without a checksum counts as verified when its structure is whole. */
export async function* unzstd(input: Input): Content {
  let trustedBytes = 0;
  try {
    for (let frames = 0; ; frames++) {
      const start = await input.peek(4);
      if (start.length === 0 && frames > 0) return whole;
      const magic = (await need(input, 4)).readUInt32LE(0);
      if (magic === FRAME_MAGIC) trustedBytes += yield* readFrame(input);
      else if ((magic & 0xfffffff0) >>> 0 === SKIPPABLE_MAGIC) await skipFrame(input);
      else throw new ZstdDamage(frames > 0 ? 'what follows is not zstd' : 'not a zstd file');
    }
  } catch (error) {
    const ending = (kind: Ending['kind']): Ending => ({
      kind,
      detail: (error as Error).message,
      trustedBytes,
    });
    if (error instanceof CutOff) return truncated(error.message);
    if (error instanceof ChecksumError) return ending('checksum');
    if (error instanceof ZstdDamage) return ending('corrupt');
    throw error;
  }
}
