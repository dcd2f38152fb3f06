/** Writing packed content. Node 20 has no zstd: DuckDB compresses texts, bytes that are none stay as they are. */
import { isUtf8 } from 'node:buffer';
import { createReadStream, createWriteStream } from 'node:fs';
import { type FileHandle, open, rm } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { type DuckDb, sqlText, textList } from '../duckdb.ts';
import { Xxh64 } from '../ingest/zstd/xxh64.ts';
import type { Packing } from './content.ts';

const NEWLINE = 0x0a;
/** Of one zstd frame, at most; what memory holds. */
const FRAME_BYTES = 16 * 2 ** 20;
const BLOCK_BYTES = 128 * 1024;

/** A zstd frame of uncompressed blocks, with its checksum. */
export function rawFrame(bytes: Buffer): Buffer {
  const parts: Uint8Array[] = [Buffer.from([0x28, 0xb5, 0x2f, 0xfd])];
  // A checksum follows; the window is 128 KiB.
  parts.push(Buffer.from([0x04, 7 << 3]));
  for (let at = 0; at === 0 || at < bytes.length; at += BLOCK_BYTES) {
    const block = bytes.subarray(at, at + BLOCK_BYTES);
    const last = at + BLOCK_BYTES >= bytes.length ? 1 : 0;
    const header = Buffer.alloc(3);
    header.writeUIntLE((block.length << 3) | last, 0, 3);
    parts.push(header, block);
  }
  const hash = new Xxh64();
  hash.update(bytes);
  const checksum = Buffer.alloc(4);
  checksum.writeUInt32LE(hash.lower32());
  return Buffer.concat([...parts, checksum]);
}

/** Texts that end with a newline become a frame as a CSV of one column without quotes, which writes them as they are. */
async function textFrame(db: DuckDb, text: string, path: string): Promise<void> {
  await db.createTable('packed', 'select unnest($texts::varchar[]) as text', {
    texts: textList([text.slice(0, -1)]),
  });
  const format = "(format csv, header false, quote '', escape '', delimiter '', compression zstd)";
  await db.run(`copy packed to ${sqlText(path)} ${format}`);
  await db.run('drop table packed');
}

async function writeFrame(db: DuckDb, bytes: Buffer, out: FileHandle, path: string): Promise<void> {
  if (bytes.at(-1) !== NEWLINE || !isUtf8(bytes)) {
    await out.writeFile(rawFrame(bytes));
    return;
  }
  const frame = `${path}.frame`;
  try {
    await textFrame(db, bytes.toString('utf8'), frame);
    for await (const chunk of createReadStream(frame)) await out.writeFile(chunk as Buffer);
  } finally {
    await rm(frame, { force: true });
  }
}

async function writeZstd(db: DuckDb, content: AsyncIterable<Buffer>, path: string): Promise<void> {
  const out = await open(path, 'wx');
  try {
    let held: Buffer[] = [];
    let bytes = 0;
    let frames = 0;
    const flush = async (): Promise<void> => {
      await writeFrame(db, Buffer.concat(held), out, path);
      [held, bytes] = [[], 0];
      frames += 1;
    };
    for await (const piece of content) {
      // Bytes that are no text, and a last line without its end, do not cost the others their compression.
      const alone = piece.at(-1) !== NEWLINE || !isUtf8(piece);
      if (bytes > 0 && (alone || bytes + piece.length > FRAME_BYTES)) await flush();
      held.push(piece);
      bytes += piece.length;
      if (alone) await flush();
    }
    if (bytes > 0 || frames === 0) await flush();
  } finally {
    await out.close();
  }
}

/** Writes content into a new file. Zstd compresses pieces that end with a line (`keptLines`) only. */
export async function writePacked(
  db: DuckDb,
  content: AsyncIterable<Buffer>,
  packing: Packing,
  path: string,
): Promise<void> {
  if (packing === 'zstd') return writeZstd(db, content, path);
  const out = createWriteStream(path, { flags: 'wx' });
  if (packing === 'gzip') await pipeline(Readable.from(content), createGzip(), out);
  else await pipeline(Readable.from(content), out);
}
