/**
 * `rejects.ndjson`: every row that ingest refused, with where it is, why, and its raw text.
 *
 * Raw text holds personal data, so the file is readable by its owner only. `user_key` is there when
 * the row could be parsed so far, so that erasing a user finds it.
 */
import { isUtf8 } from 'node:buffer';
import { type FileHandle, open } from 'node:fs/promises';
import type { EventDefect } from '../contracts/check-event.ts';
import { writeAll } from '../write-all.ts';
import { KEPT_BYTES } from './lines.ts';

export type RejectReason =
  | EventDefect
  | 'not-json'
  | 'invalid-utf8'
  | 'line-too-long'
  | 'file-truncated'
  | 'file-checksum'
  | 'file-corrupt'
  | 'clock-ahead'
  | 'too-late';

export interface Reject {
  /** Path in the log folder. */
  file: string;
  /** Starts at 1 and counts bytes 0x0A; for Parquet the number of the row. */
  line: number;
  /** Byte offset in the decompressed content; null for Parquet. */
  offset: number | null;
  reason: RejectReason;
  detail: string;
  user_key: string | null;
  /**
   * Rows that this one stands for, when it is not one: what a damaged Parquet file no longer gives.
   * Null when the file does not say how many they were.
   */
  rows?: number | null;
  /** Length of the raw row in bytes. */
  bytes: number;
  /** True when `raw` holds the first 64 KiB only. */
  truncated: boolean;
  encoding: 'utf8' | 'base64';
  raw: string;
}

/** Text of raw bytes: as it is when it is valid UTF-8, else base64; at most 64 KiB. */
export function rawText(
  bytes: Buffer,
  length: number,
): Pick<Reject, 'bytes' | 'truncated' | 'encoding' | 'raw'> {
  let kept = bytes.subarray(0, KEPT_BYTES);
  const truncated = length > kept.length;
  let valid = isUtf8(kept);
  // A cut may fall inside a character, which has at most 4 bytes.
  for (let back = 1; truncated && !valid && back < 4; back++) {
    valid = isUtf8(kept.subarray(0, kept.length - back));
    if (valid) kept = kept.subarray(0, kept.length - back);
  }
  const encoding = valid ? 'utf8' : 'base64';
  return { bytes: length, truncated, encoding, raw: kept.toString(encoding) };
}

const FLUSH_CHARACTERS = 1 << 20;

export class RejectWriter {
  readonly #file: FileHandle;
  readonly #path: string;
  #pending: string[] = [];
  #pendingCharacters = 0;
  #bytes = 0;
  #closed = false;

  private constructor(file: FileHandle, path: string) {
    this.#file = file;
    this.#path = path;
  }

  static async create(path: string): Promise<RejectWriter> {
    return new RejectWriter(await open(path, 'wx', 0o600), path);
  }

  add(reject: Reject): void {
    const line = `${JSON.stringify(reject)}\n`;
    this.#pending.push(line);
    this.#pendingCharacters += line.length;
  }

  /** Writes when enough has come together. */
  async flushIfLarge(): Promise<void> {
    if (this.#pendingCharacters >= FLUSH_CHARACTERS) await this.flush();
  }

  async flush(): Promise<void> {
    if (this.#pending.length === 0) return;
    const data = Buffer.from(this.#pending.join(''), 'utf8');
    this.#pending = [];
    this.#pendingCharacters = 0;
    await writeAll(this.#file, data, this.#bytes, this.#path);
    this.#bytes += data.length;
  }

  /** The end of what was written, to come back to with `rewind`. */
  async mark(): Promise<number> {
    await this.flush();
    return this.#bytes;
  }

  /** Drops what was added after the mark. */
  async rewind(mark: number): Promise<void> {
    this.#pending = [];
    this.#pendingCharacters = 0;
    await this.#file.truncate(mark);
    this.#bytes = mark;
  }

  /** Writes the rest and closes; closing again does nothing. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    try {
      await this.flush();
      await this.#file.sync();
    } finally {
      await this.#file.close();
    }
  }
}
