/** What ingest can be told. */
import type { RunOptions } from '../../lib/progress.ts';

export interface IngestOptions extends RunOptions {
  /** Folder with `dataset.json`, `events/` and `tables/`. */
  logsDir: string;
  /** The lake's folder: absent or empty before, whole afterwards, untouched on failure. */
  outDir: string;
  /** Secret of the keyed hash of user ids, 16 bytes or more. Never logged, never written. */
  userKey: Uint8Array;
  /** User buckets. @default 8 */
  buckets?: number;
  /** Above this share of rejected rows the run fails and leaves nothing behind. @default 0.01 */
  maxRejectShare?: number;
  /**
   * A row that arrived later than this after `ts` is rejected, ms; without `received_ts`, one that is
   * older than this before the data set's first day. @default 14 days
   */
  maxLateMs?: number;
  /**
   * A row whose `ts` is further than this ahead of `received_ts` is rejected, ms; without
   * `received_ts`, one that is a day and this after the data set's last day. @default 1 hour
   */
  maxAheadMs?: number;
  /** A longer line is rejected and never held in memory. @default 16 MiB */
  maxLineBytes?: number;
  /** DuckDB's memory limit, MB. @default 1000 */
  memoryLimitMb?: number;
  /** Threads that read and write, and DuckDB's. @default 2 */
  threads?: number;
  /**
   * Rows of Parquet logs wait in memory up to so many bytes, and in files beyond.
   * @default three fifths of `memoryLimitMb`
   */
  holdBytes?: number;
  /**
   * Duplicates are looked for in memory up to so many bytes, about 24 a row; beyond, by DuckDB.
   * @default half of `memoryLimitMb`
   */
  searchBytes?: number;
  /**
   * Rows of about so many bytes are sorted in memory at once by each thread; a day's bucket of more is
   * sorted by DuckDB, on disk if need be. @default a sixth of `memoryLimitMb`
   */
  unitBytes?: number;
}

export type Settings = Required<Omit<IngestOptions, 'signal' | 'onProgress'>> &
  Pick<IngestOptions, 'signal' | 'onProgress'>;

const HOUR_MS = 3_600_000;
const UNIT_SHARE = 1 / 6;
const HOLD_SHARE = 3 / 5;
const SEARCH_SHARE = 1 / 2;
const MIB = 2 ** 20;

export const withDefaults = ({ memoryLimitMb = 1000, ...options }: IngestOptions): Settings => ({
  ...options,
  buckets: options.buckets ?? 8,
  maxRejectShare: options.maxRejectShare ?? 0.01,
  maxLateMs: options.maxLateMs ?? 14 * 24 * HOUR_MS,
  maxAheadMs: options.maxAheadMs ?? HOUR_MS,
  maxLineBytes: options.maxLineBytes ?? 16 * 2 ** 20,
  memoryLimitMb,
  unitBytes: options.unitBytes ?? UNIT_SHARE * memoryLimitMb * MIB,
  holdBytes: options.holdBytes ?? HOLD_SHARE * memoryLimitMb * MIB,
  searchBytes: options.searchBytes ?? SEARCH_SHARE * memoryLimitMb * MIB,
  threads: options.threads ?? 2,
});
