/**
 * What stands beside the event files of a log folder: its description and its tables.
 *
 *   LOGS/dataset.json              DatasetDescription
 *   LOGS/events/**                 device events: *.ndjson, *.ndjson.gz, *.ndjson.zst, *.parquet
 *   LOGS/tables/items.*            ItemRow     (same formats)
 *   LOGS/tables/users.*            UserRow
 *   LOGS/tables/history.*          HistoryRow
 */
import { z } from 'zod';
import { id, name } from './device-log.ts';

export const datasetDescription = z.strictObject({
  name: z.string().regex(/^[a-z0-9][a-z0-9-]*$/),
  kind: z.enum(['device', 'simulated', 'imported']),
  /** What a reader of any result must know: origin, licence, what the source lacks. */
  notes: z.array(z.string()).default([]),
  citation: z.string().nullish(),
  license: z.string().nullish(),
  /** Minutes east of UTC of the business day; a date of the pipeline is a day in this offset. */
  utc_offset_minutes: z.int().min(-840).max(840).default(0),
  first_date: z.iso.date(),
  last_date: z.iso.date(),
});
export type DatasetDescription = z.infer<typeof datasetDescription>;

const text = name(256).nullish();

/** A version of an item's attributes, valid from `valid_from` (epoch ms; 0 = always). */
export const itemRow = z.strictObject({
  item_id: id,
  valid_from: z.int().min(0).max(9_999_999_999_999).default(0),
  category: text,
  brand: text,
  creator: text,
  kind: text,
  price_level: z.int().min(-1_000_000).max(1_000_000).nullish(),
  duration_ms: z.number().min(0).max(1e12).nullish(),
});
export type ItemRow = z.infer<typeof itemRow>;

/** A version of a user's attributes. `user_id` is personal and hashed at ingest. */
export const userRow = z.strictObject({
  user_id: id,
  valid_from: z.int().min(0).max(9_999_999_999_999).default(0),
  age_level: text,
  gender: text,
  activity_level: text,
});
export type UserRow = z.infer<typeof userRow>;

/** Items a user met before `as_of`, oldest first, whose times and actions are unknown. */
export const historyRow = z.strictObject({
  user_id: id,
  as_of: z.int().min(0).max(9_999_999_999_999),
  item_ids: z.array(id).max(10_000),
});
