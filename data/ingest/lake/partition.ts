/** Where a partition of the lake lies. */
import { join } from 'node:path';
import type { EventType } from '../../contracts/device-log.ts';

export interface Partition {
  type: EventType;
  /** Business day as days since 1970-01-01. */
  day: number;
  bucket: number;
}

const DAY_MS = 86_400_000;

/** YYYY-MM-DD. */
export const dateOf = (day: number): string => new Date(day * DAY_MS).toISOString().slice(0, 10);

/** Its file. */
export function partitionPath(lakeDir: string, { type, day, bucket }: Partition): string {
  const number = String(bucket).padStart(2, '0');
  const folder = join(`type=${type}`, `date=${dateOf(day)}`, `bucket=${number}`);
  return join(lakeDir, folder, 'part-0.parquet');
}
