/** Looking for users in every file of a folder, whatever the file is. */
import { createReadStream } from 'node:fs';
import { open, readdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { createInterface } from 'node:readline';
import type { RunOptions } from '../../lib/progress.ts';
import { DuckDb } from '../duckdb.ts';
import { fileLiteral } from '../file-literal.ts';
import type { Reject } from '../ingest/rejects.ts';
import { contentOf } from './content.ts';
import { REJECTS_FILE } from './lake-files.ts';
import { columnPattern, filePattern, type UserTraces } from './user-pattern.ts';
import { rawOf } from './whose-reject.ts';

/** Where a trace was found; never the trace itself. */
export interface Place {
  path: string;
  /** `name`, `bytes`, `content` (unpacked), or a Parquet column. */
  where: string;
  /** Rows of the column, when it is one. */
  rows?: number;
}

export interface SearchOptions extends RunOptions {
  /** Paths below the folder that are left out, with all below them. */
  except?: readonly string[];
  tempDir: string;
}

export interface Found {
  /** Files that were read to their end. */
  files: number;
  places: Place[];
  /** Links, sockets and files that could not be read: absence is not proved there. */
  unread: { path: string; why: string }[];
}

const OVERLAP = 4096;
const PACKED = [
  { packing: 'gzip', magic: [0x1f, 0x8b] },
  { packing: 'zstd', magic: [0x28, 0xb5, 0x2f, 0xfd] },
] as const;

async function startOf(path: string): Promise<Buffer> {
  const file = await open(path);
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(4), 0, 4, 0);
    return buffer.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}

/** Bytes in pieces that overlap, so that no trace is cut. */
async function streamHolds(bytes: AsyncIterable<Buffer>, pattern: RegExp): Promise<boolean> {
  let rest = Buffer.alloc(0);
  for await (const chunk of bytes) {
    const piece = Buffer.concat([rest, chunk]);
    // Ids may hold any characters; keys do not. Both spellings of bytes above 0x7f are looked at.
    if (pattern.test(piece.toString('latin1')) || pattern.test(piece.toString('utf8'))) return true;
    rest = piece.subarray(Math.max(0, piece.length - OVERLAP));
  }
  return false;
}

/** Raw rows that are no valid text are kept in base64. */
async function rejectsHold(path: string, pattern: RegExp): Promise<boolean> {
  for await (const line of createInterface({ input: createReadStream(path) })) {
    if (!line.includes('"encoding":"base64"')) continue;
    if (pattern.test(rawOf(JSON.parse(line) as Reject))) return true;
  }
  return false;
}

/** Text columns, nested ones included, and what each may hold. */
async function columnsOf(
  db: DuckDb,
  file: string,
  traces: UserTraces,
): Promise<{ name: string; pattern: string }[]> {
  const described = await db.rows<{ column_name: string; column_type: string }>(
    `describe select * from read_parquet(${file}, hive_partitioning = false)`,
  );
  return described.flatMap(({ column_name: name, column_type: type }) => {
    // Logs may have ids as numbers.
    const number = /user/.test(name) && /INT/.test(type);
    if (!number && !/VARCHAR|BLOB|JSON|UUID|ENUM/i.test(type)) return [];
    const pattern = columnPattern(traces, name);
    return pattern === undefined ? [] : [{ name, pattern }];
  });
}

async function parquetPlaces(
  db: DuckDb,
  path: string,
  traces: UserTraces,
): Promise<Omit<Place, 'path'>[]> {
  const file = fileLiteral(path);
  const columns = await columnsOf(db, file, traces);
  if (columns.length === 0) return [];
  const counts = columns.map(
    ({ name }, i) =>
      `count(*) filter (regexp_matches("${name.replaceAll('"', '""')}"::varchar, $p${i})) as n${i}`,
  );
  const found = await db.row<Record<string, number>>(
    `select ${counts.join(', ')} from read_parquet(${file}, hive_partitioning = false)`,
    Object.fromEntries(columns.map(({ pattern }, i) => [`p${i}`, pattern])),
  );
  return columns.flatMap(({ name }, i) =>
    found[`n${i}`]! > 0 ? [{ where: `column ${name}`, rows: found[`n${i}`]! }] : [],
  );
}

async function placesIn(
  db: DuckDb,
  path: string,
  traces: UserTraces,
  pattern: RegExp,
): Promise<Omit<Place, 'path'>[]> {
  const start = await startOf(path);
  const found: Omit<Place, 'path'>[] = [];
  // Statistics and dictionaries of Parquet may lie open; of ids in there see the columns.
  if (basename(path) === REJECTS_FILE && (await rejectsHold(path, pattern)))
    found.push({ where: 'content' });
  const parquet = start.toString('latin1') === 'PAR1';
  const bytes = parquet ? new RegExp(filePattern({ ids: [], keys: traces.keys })) : pattern;
  if (await streamHolds(createReadStream(path), bytes)) found.push({ where: 'bytes' });
  if (parquet) found.push(...(await parquetPlaces(db, path, traces)));
  else {
    const packed = PACKED.find(({ magic }) => magic.every((byte, i) => start[i] === byte));
    if (packed && (await streamHolds(contentOf(path, packed.packing), pattern)))
      found.push({ where: 'content' });
  }
  return found;
}

/**
 * Reads every file below a folder: its name, its bytes, what gzip or zstd holds, and the text columns
 * of Parquet by their values.
 */
export async function findUser(
  folder: string,
  traces: UserTraces,
  options: SearchOptions,
): Promise<Found> {
  const pattern = new RegExp(filePattern(traces));
  const found: Found = { files: 0, places: [], unread: [] };
  const db = await DuckDb.open(options);
  const walk = async (below: string): Promise<void> => {
    const entries = await readdir(join(folder, below), { withFileTypes: true });
    for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
      options.signal?.throwIfAborted();
      const path = below ? `${below}/${entry.name}` : entry.name;
      if (options.except?.includes(path)) continue;
      if (pattern.test(entry.name)) found.places.push({ path, where: 'name' });
      if (entry.isDirectory()) await walk(path);
      else if (!entry.isFile()) found.unread.push({ path, why: 'neither file nor folder' });
      else {
        options.onProgress?.({ message: `looking into ${path}` });
        try {
          for (const place of await placesIn(db, join(folder, path), traces, pattern))
            found.places.push({ path, ...place });
          found.files += 1;
        } catch (error) {
          options.signal?.throwIfAborted();
          const { code, message } = error as NodeJS.ErrnoException;
          found.unread.push({ path, why: code ?? message.split('\n')[0]!.slice(0, 100) });
        }
      }
    }
  };
  try {
    await walk('');
  } finally {
    db.close();
  }
  return found;
}
