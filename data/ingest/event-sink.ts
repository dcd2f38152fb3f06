/** Takes events: checks them against the contract and the clocks, replaces the user id, stages them. */
import { checkEvent } from '../contracts/check-event.ts';
import type { DatasetDescription } from '../contracts/dataset.ts';
import type { DeviceEvent } from '../contracts/device-log.ts';
import { type Clocks, LineReader } from './fast/line-reader.ts';
import { ParquetStager } from './fast/parquet-stager.ts';
import type { Settings } from './options.ts';
import type { RejectReason } from './rejects.ts';
import type { Defect, ParquetTaken, ReadOptions, RowSink } from './rows.ts';
import type { StagedRows } from './staged-rows.ts';
import { eventTable, groupsOf } from './staged-tables.ts';
import type { UserKeys } from './user-keys.ts';

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;

/** What of the settings says which events are taken. */
export type EventLimits = Pick<Settings, 'buckets' | 'maxAheadMs' | 'maxLateMs' | 'maxLineBytes'>;

/** The key of a row's user, as far as the row can be read. */
export function userKeyIn(row: unknown, keys: UserKeys): string | null {
  const id = (row as { user_id?: unknown } | null)?.user_id;
  return typeof id === 'string' && id.length <= 1024 ? keys.of(id).key : null;
}

export class EventSink implements RowSink {
  readonly #staged: StagedRows;
  readonly #keys: UserKeys;
  readonly #limits: EventLimits;
  readonly #offsetMs: number;
  /** What `ts` may be where no receive time tells, by the days that the data set says it covers. */
  readonly #earliestTs: number;
  readonly #latestTs: number;
  #reader: LineReader | undefined;
  #stager: ParquetStager | undefined;

  constructor(
    staged: StagedRows,
    keys: UserKeys,
    limits: EventLimits,
    dataset: Pick<DatasetDescription, 'utc_offset_minutes' | 'first_date' | 'last_date'>,
  ) {
    this.#staged = staged;
    this.#keys = keys;
    this.#limits = limits;
    this.#offsetMs = dataset.utc_offset_minutes * MINUTE_MS;
    const startOf = (date: string): number => Date.parse(`${date}T00:00:00Z`) - this.#offsetMs;
    this.#earliestTs = startOf(dataset.first_date) - limits.maxLateMs;
    // A day more than the last: its users may live in other time zones than its description.
    this.#latestTs = startOf(dataset.last_date) + 2 * DAY_MS + limits.maxAheadMs;
  }

  take(row: unknown, rowNo: number): Defect | undefined {
    const { event, defect, detail } = checkEvent(row);
    if (!event) return { reason: defect, detail, userKey: userKeyIn(row, this.#keys) };
    const { key, bucket } = this.#keys.of(event.user_id);
    const clock = this.#clockDefect(event);
    if (clock) return { ...clock, userKey: key };
    const day = Math.floor((event.ts + this.#offsetMs) / DAY_MS);
    // The row's own object is overwritten, so that the raw id is not even in the JSON text.
    event.user_id = key;
    const partition = `"day":${day},"bucket":${bucket}`;
    const table = eventTable(event.type, bucket % groupsOf(this.#limits.buckets));
    this.#staged.add(table, rowNo, JSON.stringify(event), partition);
    return undefined;
  }

  takeLines(
    lines: Buffer,
    rowNo: number,
    onLine: (from: number, to: number, rowNo: number) => void,
  ): number {
    this.#reader ??= this.#openReader();
    return this.#reader.read(lines, rowNo, onLine);
  }

  async takeParquet(
    path: string,
    rowNo: number,
    { signal }: Pick<ReadOptions, 'signal'>,
  ): Promise<ParquetTaken | undefined> {
    this.#stager ??= new ParquetStager({
      ...{ clocks: this.#clocks(), keys: this.#keys, groups: groupsOf(this.#limits.buckets) },
      onBlock: (block) => this.#staged.addBlock(block),
    });
    return this.#stager.stage(path, rowNo, signal);
  }

  /** Stages what the line reader holds, and lets go of it. */
  finish(): void {
    this.#reader?.flush();
    this.#reader = undefined;
  }

  breathe(): Promise<void> {
    return this.#staged.breathe();
  }

  withdraw(rowNo: number): void {
    this.#staged.withdraw(rowNo);
  }

  #clocks(): Clocks {
    const { maxAheadMs, maxLateMs } = this.#limits;
    return {
      ...{ maxAheadMs, maxLateMs, offsetMs: this.#offsetMs },
      ...{ earliestTs: this.#earliestTs, latestTs: this.#latestTs },
    };
  }

  #openReader(): LineReader {
    const { buckets, maxLineBytes } = this.#limits;
    return new LineReader({
      ...{ buckets, maxLineBytes, groups: groupsOf(buckets), keys: this.#keys },
      clocks: this.#clocks(),
      onRows: ({ type, group }, schema, rows, columns) =>
        this.#staged.addColumns(eventTable(type, group), schema, rows, columns),
    });
  }

  #clockDefect(event: DeviceEvent): { reason: RejectReason; detail: string } | undefined {
    if (event.received_ts == null) return this.#daysDefect(event.ts);
    const lateMs = event.received_ts - event.ts;
    if (-lateMs > this.#limits.maxAheadMs) {
      return { reason: 'clock-ahead', detail: `ts is ${-lateMs} ms ahead of received_ts` };
    }
    if (lateMs > this.#limits.maxLateMs) {
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
