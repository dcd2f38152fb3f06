/**
 * `rejects.ndjson`: every row that ingest refused, with where it is, why, and its raw text.
 *
 * Raw text holds personal data, so the file is readable by its owner only. `user_key` is there when
 * the row could be parsed so far, so that erasing a user finds it.
 */
import { isUtf8 } from 'node:buffer';
import { createReadStream } from 'node:fs';
import { type FileHandle, open, rm } from 'node:fs/promises';
import { statIfThere } from '../../lib/files.ts';
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
const COPY_BYTES = 1 << 20;

/** Rejects of one log file, in the order of its lines. The file is made with the first of them. */
export class RejectWriter {
  readonly #path: string;
  #file: FileHandle | undefined;
  #pending: string[] = [];
  #pendingCharacters = 0;
  #bytes = 0;

  constructor(path: string) {
    this.#path = path;
  }

  add(reject: Reject): void {
    const line = `${JSON.stringify(reject)}\n`;
    this.#pending.push(line);
    this.#pendingCharacters += line.length;
  }

  /** Writes when enough has come together. */
  async flushIfLarge(): Promise<void> {
    if (this.#pendingCharacters >= FLUSH_CHARACTERS) await this.#flush();
  }

  /** Drops what was added. */
  async restart(): Promise<void> {
    this.#pending = [];
    this.#pendingCharacters = 0;
    await this.#file?.truncate(0);
    this.#bytes = 0;
  }

  /** Writes the rest and closes. */
  async close(): Promise<void> {
    try {
      await this.#flush();
    } finally {
      await this.#file?.close();
      this.#file = undefined;
    }
  }

  async #flush(): Promise<void> {
    if (this.#pending.length === 0) return;
    const data = Buffer.from(this.#pending.join(''), 'utf8');
    this.#pending = [];
    this.#pendingCharacters = 0;
    this.#file ??= await open(this.#path, 'wx', 0o600);
    await writeAll(this.#file, data, this.#bytes, this.#path);
    this.#bytes += data.length;
  }
}

/** Writes the rejects of many files as one, in the order of the paths; those that have none are absent. */
export async function joinRejects(paths: readonly string[], target: string): Promise<void> {
  const file = await open(target, 'wx', 0o600);
  try {
    let at = 0;
    for (const path of paths) {
      if (!(await statIfThere(path))) continue;
      for await (const chunk of createReadStream(path, { highWaterMark: COPY_BYTES })) {
        const bytes = chunk as Buffer;
        await writeAll(file, bytes, at, target);
        at += bytes.length;
      }
      await rm(path);
    }
    await file.sync();
  } finally {
    await file.close();
  }
}
