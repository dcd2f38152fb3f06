/** Takes events: checks them against the contract and the clocks, replaces the user id, stages them. */
import { checkEvent } from '../contracts/check-event.ts';
import type { Column } from '../contracts/columns.ts';
import { EVENT_COLUMNS } from '../contracts/columns.ts';
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

export async function createEventTables(staging: Staging): Promise<void> {
  for (const type of EVENT_TYPES) {
    await staging.createTable(eventTable(type), [...PARTITION_COLUMNS, ...EVENT_COLUMNS[type]]);
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

  constructor(staging: Staging, keys: UserKeys, settings: Settings, utcOffsetMinutes: number) {
    this.#staging = staging;
    this.#keys = keys;
    this.#settings = settings;
    this.#offsetMs = utcOffsetMinutes * MINUTE_MS;
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

  rewind(mark: number): Promise<void> {
    return this.#staging.rewind(mark);
  }

  #clockDefect(event: DeviceEvent): { reason: RejectReason; detail: string } | undefined {
    if (event.received_ts == null) return undefined;
    const lateMs = event.received_ts - event.ts;
    if (-lateMs > this.#settings.maxAheadMs) {
      return { reason: 'clock-ahead', detail: `ts is ${-lateMs} ms ahead of received_ts` };
    }
    if (lateMs > this.#settings.maxLateMs) {
      return { reason: 'too-late', detail: `received ${lateMs} ms after ts` };
    }
    return undefined;
  }
}
