/**
 * Gzip (RFC 1952) with an exact account of what can be trusted.
 *
 * Node's gunzip stream drops what it has already decoded when a checksum fails at the end, and the
 * rows of a bad file must be counted. So the framing is read here, the data by zlib's raw inflate,
 * and the checksum is compared after the data has been handed on. Members may follow one another.
 */
import { once } from 'node:events';
import { crc32, createInflateRaw, type InflateRaw } from 'node:zlib';
import { type Content, type Ending, type Input, truncated, whole } from './input.ts';

const FLAG_HEADER_CRC = 2;
const FLAG_EXTRA = 4;
const FLAG_NAME = 8;
const FLAG_COMMENT = 16;

type Header = 'ok' | 'cut' | 'bad';

async function skipZeroEnded(input: Input): Promise<boolean> {
  for (;;) {
    const byte = await input.take(1);
    if (!byte) return false;
    if (byte[0] === 0) return true;
  }
}

async function readHeader(input: Input): Promise<Header> {
  const start = await input.peek(10);
  if (start[0] !== 0x1f || (start.length > 1 && start[1] !== 0x8b)) return 'bad';
  const fixed = await input.take(10);
  if (!fixed) return 'cut';
  const flags = fixed[3]!;
  if (fixed[2] !== 8 || flags & 0xe0) return 'bad';
  if (flags & FLAG_EXTRA) {
    const length = await input.take(2);
    if (!length || !(await input.take(length.readUInt16LE(0)))) return 'cut';
  }
  if (flags & FLAG_NAME && !(await skipZeroEnded(input))) return 'cut';
  if (flags & FLAG_COMMENT && !(await skipZeroEnded(input))) return 'cut';
  if (flags & FLAG_HEADER_CRC && !(await input.take(2))) return 'cut';
  return 'ok';
}

/** True when nothing but zero bytes is left, as tapes and some file systems leave behind. */
async function onlyPaddingLeft(input: Input): Promise<boolean> {
  for (;;) {
    const bytes = await input.takeSome();
    if (!bytes) return true;
    if (bytes.some((byte) => byte !== 0)) return false;
  }
}

/** Raw inflate, fed by hand so that nothing decoded is lost when a later byte is wrong. */
class Inflater {
  readonly #stream: InflateRaw = createInflateRaw({ chunkSize: 256 * 1024 });
  #out: Buffer[] = [];
  #fed = 0;
  #wake: () => void = () => undefined;
  ended = false;
  error: Error | undefined;

  constructor() {
    this.#stream.on('data', (piece: Buffer) => this.#out.push(piece));
    this.#stream.on('end', () => {
      this.ended = true;
    });
    this.#stream.on('error', (error) => {
      this.error = error;
      this.#wake();
    });
  }

  async feed(bytes: Buffer): Promise<Buffer[]> {
    this.#fed += bytes.length;
    await new Promise<void>((resolve) => {
      // A write that meets damaged data is never called back: the error is all that comes.
      this.#wake = resolve;
      this.#stream.write(bytes, () => resolve());
    });
    // 'end' comes a turn after the write that met the end of the data.
    await new Promise((resolve) => setImmediate(resolve));
    return this.#drain();
  }

  /** Says that the file has ended. */
  async finish(): Promise<Buffer[]> {
    if (!this.ended && !this.error) {
      this.#stream.end();
      await Promise.race([once(this.#stream, 'end'), once(this.#stream, 'close')]).catch(
        (error: Error) => {
          this.error = error;
        },
      );
    }
    return this.#drain();
  }

  /** Bytes fed that belong to what follows the deflate data. */
  get unused(): number {
    return this.#fed - this.#stream.bytesWritten;
  }

  close(): void {
    this.#stream.destroy();
  }

  #drain(): Buffer[] {
    const out = this.#out;
    this.#out = [];
    return out;
  }
}

interface Member {
  crc: number;
  bytes: number;
}

/** Inflates one member's data; undefined when it ended as it should. */
async function* inflateMember(
  input: Input,
  member: Member,
): AsyncGenerator<Buffer, 'cut' | 'bad' | undefined, void> {
  const inflater = new Inflater();
  try {
    while (!inflater.ended && !inflater.error) {
      const bytes = await input.takeSome();
      const pieces = bytes ? await inflater.feed(bytes) : await inflater.finish();
      for (const piece of pieces) {
        member.crc = crc32(piece, member.crc);
        member.bytes += piece.length;
        yield piece;
      }
      if (inflater.ended && bytes && inflater.unused > 0) {
        input.putBack(bytes.subarray(bytes.length - inflater.unused));
      }
      if (!bytes && !inflater.ended) return 'cut';
    }
    return inflater.error ? 'bad' : undefined;
  } finally {
    inflater.close();
  }
}

/** Decompresses gzip. */
export async function* gunzip(input: Input): Content {
  let trustedBytes = 0;
  const corrupt = (detail: string): Ending => ({ kind: 'corrupt', detail, trustedBytes });
  for (let members = 0; ; members++) {
    if ((await input.peek(1)).length === 0) {
      return members > 0 ? whole : truncated('the file is empty, not even a gzip header');
    }
    const header = await readHeader(input);
    if (header === 'cut') return truncated('the file ends inside a gzip header');
    if (header === 'bad') {
      if (members > 0 && (await onlyPaddingLeft(input))) return whole;
      return corrupt(members > 0 ? 'what follows is not gzip' : 'not a gzip file');
    }
    const member: Member = { crc: 0, bytes: 0 };
    const failure = yield* inflateMember(input, member);
    if (failure === 'cut') return truncated('the file ends inside the compressed data');
    if (failure === 'bad') return corrupt('the compressed data is damaged');
    const trailer = await input.take(8);
    if (!trailer) return truncated('the file ends before the gzip checksum');
    const fits =
      trailer.readUInt32LE(0) === member.crc && trailer.readUInt32LE(4) === member.bytes % 2 ** 32;
    if (!fits) return { kind: 'checksum', detail: 'the gzip checksum does not fit', trustedBytes };
    trustedBytes += member.bytes;
  }
}
