/** Reads log files one after another, with sinks and staged files of its own; then writes units of the lake. */
import { join } from 'node:path';
import { TABLE_NAMES, type TableName } from '../contracts/columns.ts';
import type { DatasetDescription } from '../contracts/dataset.ts';
import { type EventLimits, EventSink } from './event-sink.ts';
import type { TextHashes } from './held/hash-texts.ts';
import type { HoldLimit } from './held/held-blocks.ts';
import { type Unit, writeUnit } from './lake/write-unit.ts';
import type { LogFile } from './log-folder.ts';
import { RejectWriter } from './rejects.ts';
import { hashStagedIds } from './repeated/event-ids.ts';
import { type FileAccount, type RowSink, readFileRows } from './rows.ts';
import { type Staged, StagedRows } from './staged-rows.ts';
import { TableSink } from './table-sink.ts';
import { UserKeys } from './user-keys.ts';

/** What a file holds: events, or rows of a table. */
export type FileKind = 'events' | TableName;

export interface LaneInput {
  /** Tells apart what lanes write into the work folder. */
  lane: number;
  logsDir: string;
  workDir: string;
  userKey: Uint8Array;
  limits: EventLimits;
  memoryLimitMb: number;
  dataset: DatasetDescription;
  hold: HoldLimit;
}

/** A file and its position among those of its kind. */
export interface LaneFile {
  kind: FileKind;
  index: number;
  file: LogFile;
}

export const rejectsPath = (
  workDir: string,
  { kind, index }: Pick<LaneFile, 'kind' | 'index'>,
): string => join(workDir, `rejects-${kind}-${index}.ndjson`);

export class Lane {
  readonly #input: LaneInput;
  readonly #staged: StagedRows;
  readonly #events: EventSink;
  readonly #tables: Map<FileKind, RowSink>;

  constructor(input: LaneInput) {
    this.#input = input;
    this.#staged = new StagedRows(input.workDir, input.lane, input.limits.buckets, input.hold);
    const keys = new UserKeys(input.userKey, input.limits.buckets);
    this.#events = new EventSink(this.#staged, keys, input.limits, input.dataset);
    this.#tables = new Map(
      TABLE_NAMES.map((table) => [table, new TableSink(table, this.#staged, keys)]),
    );
  }

  /** @param onRead hears the bytes of the file that were read, as they are stored */
  async read(
    { kind, index, file }: LaneFile,
    onRead: (bytes: number) => void,
    signal?: AbortSignal,
  ): Promise<FileAccount> {
    const { logsDir, workDir, limits, memoryLimitMb } = this.#input;
    const rejects = new RejectWriter(rejectsPath(workDir, { kind, index }));
    try {
      return await readFileRows(file, this.#tables.get(kind) ?? this.#events, rejects, {
        ...{ logsDir, index, memoryLimitMb, signal, onRead },
        maxLineBytes: limits.maxLineBytes,
        tempDir: join(workDir, 'spill'),
      });
    } finally {
      await rejects.close();
    }
  }

  /** Writes out what is still here. */
  async finish(): Promise<Staged> {
    this.#events.finish();
    return this.#staged.finish();
  }

  /** Hashes of the event ids of a staged file. */
  async hash(path: string): Promise<TextHashes> {
    return hashStagedIds(path, this.#input.hold.seed);
  }

  async write(unit: Unit, signal?: AbortSignal): Promise<void> {
    await writeUnit(unit, signal);
  }
}
