/**
 * Reads one file row by row into a sink and accounts for every row of it.
 *
 * The rule for damaged files (see README.md): a cut-off file keeps the rows that were read and adds
 * one reject for what is missing; in a file whose bytes were altered every row after the last
 * verified checksum is rejected, because a changed digit still parses.
 */
import { isUtf8 } from 'node:buffer';
import { join } from 'node:path';
import { EdgeloomError } from '../../lib/errors.ts';
import { gunzip } from './gzip.ts';
import { type Content, type Ending, Input, readChunks, whole } from './input.ts';
import { type Line, LineSplitter, type OnLines, wholeLine } from './lines.ts';
import type { LogFile } from './log-folder.ts';
import { parquetRowCount, parquetRows, withNumbers, withoutNulls } from './parquet-rows.ts';
import { readAhead } from './read-ahead.ts';
import { type RejectReason, type RejectWriter, rawText } from './rejects.ts';
import { firstRowNo } from './staged-tables.ts';
import { unzstd } from './zstd/frames.ts';

export interface Defect {
  reason: RejectReason;
  detail: string;
  userKey: string | null;
}

/** What a sink took of a Parquet file by itself, and the places of the other rows, from 0. */
export interface ParquetTaken {
  rows: number;
  total: number;
  others: Float64Array;
}

export interface RowSink {
  /** Takes a parsed row, or says what is wrong with it. */
  take(row: unknown, rowNo: number): Defect | undefined;
  /**
   * Takes the lines that it can read by itself, each of which ends with a newline; `onLine` hears of
   * every other one, without its newline. Absent when rows can be taken one by one only.
   * @returns how many were taken
   */
  takeLines?(
    lines: Buffer,
    rowNo: number,
    onLine: (from: number, to: number, rowNo: number) => void,
  ): number;
  /**
   * Takes the rows of a Parquet file that it can read by itself.
   * @returns undefined when it took none
   */
  takeParquet?(
    path: string,
    rowNo: number,
    options: Pick<ReadOptions, 'signal'>,
  ): Promise<ParquetTaken | undefined>;
  /** Called between chunks: time to write out what has come together. */
  breathe(): Promise<void>;
  /** Takes back the rows of the pass that begins with this row number. */
  withdraw(rowNo: number): void;
}

export interface FileAccount {
  file: string;
  rowsIn: number;
  rejected: number;
  blankLines: number;
}

export interface ReadOptions {
  logsDir: string;
  /** Position of the file among those that are numbered together. */
  index: number;
  maxLineBytes: number;
  memoryLimitMb: number;
  /** For DuckDB when it reads Parquet. */
  tempDir: string;
  signal: AbortSignal | undefined;
  /** Hears the compressed bytes read. */
  onRead: (bytes: number) => void;
}

// Space, tab and carriage return: the white space of JSON without the newline.
const isBlank = (text: string): boolean => /^[ \t\r]*$/.test(text);

/** Pieces of content (256 KiB) that are read early. */
const AHEAD = 6;

const BYTE_ORDER_MARK = '\ufeff';

/** One pass over a file. Rows that end after `trustedBytes` are rejected unread. */
class FilePass {
  readonly account: FileAccount;
  readonly #sink: RowSink;
  readonly #rejects: RejectWriter;
  readonly #rowNo: number;
  readonly #distrust: Ending | undefined;

  /** @param rowNo row number of line 0 */
  constructor(
    file: LogFile,
    sink: RowSink,
    rejects: RejectWriter,
    rowNo: number,
    distrust?: Ending,
  ) {
    this.#rowNo = rowNo;
    this.account = { file: file.path, rowsIn: 0, rejected: 0, blankLines: 0 };
    this.#sink = sink;
    this.#rejects = rejects;
    this.#distrust = distrust;
  }

  /** The way for many lines at once; undefined when each must be looked at. */
  linesOf(maxLineBytes: number): OnLines | undefined {
    if (this.#distrust || !this.#sink.takeLines) return undefined;
    return (lines, number, offset) => {
      let others = 0;
      const taken = this.#sink.takeLines!(lines, this.#rowNo + number, (from, to, rowNo) => {
        others++;
        const place = { number: rowNo - this.#rowNo, offset: offset + from };
        this.line(wholeLine(lines.subarray(from, to), place, maxLineBytes));
      });
      this.account.rowsIn += taken;
      return taken + others;
    };
  }

  /** Rows that the sink took by itself are in the account. */
  async takeParquet(path: string, options: ReadOptions): Promise<ParquetTaken | undefined> {
    if (this.#distrust) return undefined;
    const taken = await this.#sink.takeParquet?.(path, this.#rowNo, options);
    this.account.rowsIn += taken?.rows ?? 0;
    return taken;
  }

  line(line: Line): void {
    const text = line.tooLong ? '' : line.bytes.toString('utf8');
    if (!line.tooLong && isBlank(text)) {
      this.account.blankLines++;
      return;
    }
    this.account.rowsIn++;
    const defect = this.#read(line, text);
    if (defect) this.reject(line, defect);
  }

  #read(line: Line, text: string): Defect | undefined {
    if (this.#distrust && line.offset + line.length >= this.#distrust.trustedBytes) {
      return { ...damage(this.#distrust), userKey: null };
    }
    if (line.tooLong) {
      const detail = `${line.length} bytes`;
      return { reason: 'line-too-long', detail, userKey: null };
    }
    // Decoding puts U+FFFD where bytes are invalid; a valid line may hold that character too.
    if (text.includes('\ufffd') && !isUtf8(line.bytes)) {
      return { reason: 'invalid-utf8', detail: 'not valid UTF-8', userKey: null };
    }
    const marked = line.offset === 0 && text.startsWith(BYTE_ORDER_MARK);
    return this.json(marked ? text.slice(1) : text, line.number, (value) => value);
  }

  json(text: string, line: number, prepare: (value: unknown) => unknown): Defect | undefined {
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch (error) {
      // The parser's message quotes the line, which may hold personal data: keep the position only.
      const position = /at position \d+/.exec((error as Error).message)?.[0];
      const detail = `not valid JSON${position ? ` ${position}` : ''}`;
      return { reason: 'not-json', detail, userKey: null };
    }
    return this.#sink.take(prepare(value), this.#rowNo + line);
  }

  /** @param rows how many rows the reject stands for; null when nobody can tell, counted as one */
  reject(place: Place, defect: Defect, rows: number | null = 1): void {
    this.account.rejected += rows ?? 1;
    this.#rejects.add({
      file: this.account.file,
      line: place.number,
      offset: place.offset,
      reason: defect.reason,
      detail: defect.detail,
      user_key: defect.userKey,
      ...(rows === 1 ? {} : { rows }),
      ...rawText(place.bytes, place.length),
    });
  }

  /** One reject that stands for what a damaged file no longer gives. */
  missing(place: Place, ending: Ending, rows: number | null = 1): void {
    this.account.rowsIn += rows ?? 1;
    this.reject(place, { ...damage(ending), userKey: null }, rows);
  }

  async breathe(): Promise<void> {
    await this.#sink.breathe();
    await this.#rejects.flushIfLarge();
  }
}

type Place = Pick<Line, 'number' | 'bytes' | 'length'> & { offset: number | null };

function damage(ending: Ending): { reason: RejectReason; detail: string } {
  const reasons = {
    truncated: 'file-truncated',
    checksum: 'file-checksum',
    corrupt: 'file-corrupt',
    whole: 'file-corrupt',
  } as const;
  return { reason: reasons[ending.kind], detail: ending.detail };
}

async function* plain(chunks: AsyncGenerator<Buffer, void, void>): Content {
  yield* chunks;
  return whole;
}

function contentOf(file: LogFile, chunks: AsyncGenerator<Buffer, void, void>): Content {
  if (file.format === 'plain') return plain(chunks);
  return file.format === 'gzip' ? gunzip(new Input(chunks)) : unzstd(new Input(chunks));
}

async function readLines(file: LogFile, pass: FilePass, options: ReadOptions): Promise<Ending> {
  const { maxLineBytes } = options;
  const onLines = pass.linesOf(maxLineBytes);
  const lines = new LineSplitter(maxLineBytes, (line) => pass.line(line), onLines);
  const chunks = readChunks(join(options.logsDir, file.path), options.onRead);
  const content = readAhead(contentOf(file, chunks), AHEAD);
  try {
    for (;;) {
      options.signal?.throwIfAborted();
      const next = await content.next();
      if (next.done) {
        const rest = lines.rest();
        const ending = next.value;
        if (ending.kind === 'truncated' || ending.kind === 'corrupt') pass.missing(rest, ending);
        else if (rest.length > 0) pass.line(rest);
        return ending;
      }
      lines.feed(next.value);
      await pass.breathe();
    }
  } finally {
    // Closes the file, also when reading stops before its end.
    await content.return(whole);
    await chunks.return();
  }
}

async function readParquet(
  file: LogFile,
  pass: FilePass,
  options: ReadOptions,
  distrust: Ending | undefined,
): Promise<Ending> {
  const path = join(options.logsDir, file.path);
  let read = 0;
  try {
    const taken = await pass.takeParquet(path, options);
    if (!taken || taken.others.length > 0) {
      for await (const rows of parquetRows(path, options, taken?.others)) {
        options.signal?.throwIfAborted();
        for (const { number, text } of rows) {
          const bytes = Buffer.from(text, 'utf8');
          const place: Place = { number, offset: null, bytes, length: bytes.length };
          pass.account.rowsIn++;
          read++;
          const defect = distrust
            ? { ...damage(distrust), userKey: null }
            : pass.json(withNumbers(text), number, withoutNulls);
          if (defect) pass.reject(place, defect);
        }
        await pass.breathe();
      }
    }
    if (taken && taken.rows + read !== taken.total) {
      throw new EdgeloomError({
        code: 'account-does-not-balance',
        what: `${taken.total} rows in a Parquet file, but ${taken.rows} were staged and ${read} read`,
        where: file.path,
        fix: 'this is a defect of edgeloom: please report it; nothing was written',
      });
    }
    options.onRead(file.bytes);
    return whole;
  } catch (error) {
    options.signal?.throwIfAborted();
    if (!isParquetError(error)) throw error;
    const detail = 'DuckDB cannot read this Parquet file to its end';
    const ending: Ending = { kind: 'corrupt', detail, trustedBytes: 0 };
    const total = await parquetRowCount(path, options);
    const rest = total !== null && total > read ? total - read : null;
    const place: Place = { number: read + 1, offset: null, bytes: Buffer.alloc(0), length: 0 };
    pass.missing(place, ending, rest);
    return ending;
  }
}

// DuckDB says in its message what kind of error it met; running out of memory is not the file's fault.
const isParquetError = (error: unknown): boolean =>
  error instanceof Error &&
  !(error instanceof EdgeloomError) &&
  !/^(Out of Memory|Interrupt|Permission|Fatal)/i.test(error.message);

/**
 * Reads a file into the sink, its rejects into a writer of its own; nothing that is wrong with the file's content throws.
 * @returns the file's account; `rowsIn − rejected` rows were taken by the sink
 */
export async function readFileRows(
  file: LogFile,
  sink: RowSink,
  rejects: RejectWriter,
  options: ReadOptions,
): Promise<FileAccount> {
  const read = (pass: FilePass, distrust?: Ending): Promise<Ending> =>
    file.format === 'parquet'
      ? readParquet(file, pass, options, distrust)
      : readLines(file, pass, options);
  const rowNo = firstRowNo(options.index, 0);
  const first = new FilePass(file, sink, rejects, rowNo);
  const ending = await read(first);
  if (ending.kind === 'whole' || ending.kind === 'truncated') return first.account;
  // Altered bytes: take back what was stored and read again, storing the verified part only.
  sink.withdraw(rowNo);
  await rejects.restart();
  const second = new FilePass(file, sink, rejects, firstRowNo(options.index, 1), ending);
  await read(second, ending);
  return second.account;
}
