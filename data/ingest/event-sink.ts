/** Takes events: checks them against the contract and the clocks, replaces the user id, stages them. */
import { checkEvent } from '../contracts/check-event.ts';
import type { Column } from '../contracts/columns.ts';
import { EVENT_COLUMNS } from '../contracts/columns.ts';
import type { DatasetDescription } from '../contracts/dataset.ts';
import { type DeviceEvent, EVENT_TYPES, type EventType } from '../contracts/device-log.ts';
import type { Settings } from './options.ts';
import type { RejectReason } from './rejects.ts';
import type { Defect, RowSink } from './rows.ts';
import type { Staging } from './staging.ts';
import type { UserKeys } from './user-keys.ts';

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;

/** Columns by which the lake is cut into files. `day` counts days since 1970-01-01. */
export const PARTITION_COLUMNS: Column[] = [
  { name: 'day', type: 'INTEGER' },
  { name: 'bucket', type: 'INTEGER' },
];

export const eventTable = (type: EventType): string => `event_${type}`;

export function createEventTables(staging: Staging): void {
  for (const type of EVENT_TYPES) {
    staging.createTable(eventTable(type), [...PARTITION_COLUMNS, ...EVENT_COLUMNS[type]]);
  }
}

/** The key of a row's user, as far as the row can be read. */
export function userKeyIn(row: unknown, keys: UserKeys): string | null {
  const id = (row as { user_id?: unknown } | null)?.user_id;
  return typeof id === 'string' && id.length <= 1024 ? keys.of(id).key : null;
}

export class EventSink implements RowSink {
  readonly #staging: Staging;
  readonly #keys: UserKeys;
  readonly #settings: Settings;
  readonly #offsetMs: number;
  /** What `ts` may be where no receive time tells, by the days that the data set says it covers. */
  readonly #earliestTs: number;
  readonly #latestTs: number;

  constructor(
    staging: Staging,
    keys: UserKeys,
    settings: Settings,
    dataset: Pick<DatasetDescription, 'utc_offset_minutes' | 'first_date' | 'last_date'>,
  ) {
    this.#staging = staging;
    this.#keys = keys;
    this.#settings = settings;
    this.#offsetMs = dataset.utc_offset_minutes * MINUTE_MS;
    const startOf = (date: string): number => Date.parse(`${date}T00:00:00Z`) - this.#offsetMs;
    this.#earliestTs = startOf(dataset.first_date) - settings.maxLateMs;
    // A day more than the last: its users may live in other time zones than its description.
    this.#latestTs = startOf(dataset.last_date) + 2 * DAY_MS + settings.maxAheadMs;
  }

  take(row: unknown): Defect | undefined {
    const { event, defect, detail } = checkEvent(row);
    if (!event) return { reason: defect, detail, userKey: userKeyIn(row, this.#keys) };
    const { key, bucket } = this.#keys.of(event.user_id);
    const clock = this.#clockDefect(event);
    if (clock) return { ...clock, userKey: key };
    const day = Math.floor((event.ts + this.#offsetMs) / DAY_MS);
    // The row's own object is overwritten, so that the raw id is not even in the JSON text.
    event.user_id = key;
    const partition = `"day":${day},"bucket":${bucket}`;
    this.#staging.add(eventTable(event.type), JSON.stringify(event), partition);
    return undefined;
  }

  breathe(): Promise<void> {
    return this.#staging.breathe();
  }

  mark(): number {
    return this.#staging.nextRow;
  }

  rewind(mark: number): void {
    this.#staging.rewind(mark);
  }

  #clockDefect(event: DeviceEvent): { reason: RejectReason; detail: string } | undefined {
    if (event.received_ts == null) return this.#daysDefect(event.ts);
    const lateMs = event.received_ts - event.ts;
    if (-lateMs > this.#settings.maxAheadMs) {
      return { reason: 'clock-ahead', detail: `ts is ${-lateMs} ms ahead of received_ts` };
    }
    if (lateMs > this.#settings.maxLateMs) {
      return { reason: 'too-late', detail: `received ${lateMs} ms after ts` };
    }
    return undefined;
  }

  /** One line of the year 2100 would be the end of the log, and every decision before it matured. */
  #daysDefect(ts: number): { reason: RejectReason; detail: string } | undefined {
    if (ts > this.#latestTs) {
      const detail = `no received_ts, and ts is ${ts - this.#latestTs} ms after what last_date of dataset.json allows`;
      return { reason: 'clock-ahead', detail };
    }
    if (ts < this.#earliestTs) {
      const detail = `no received_ts, and ts is ${this.#earliestTs - ts} ms before what first_date of dataset.json allows`;
      return { reason: 'too-late', detail };
    }
    return undefined;
  }
}
