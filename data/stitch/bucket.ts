/** One user bucket of the lake → samples, in parts of some users. */
import { join } from 'node:path';
import type { DuckDbOptions } from '../duckdb.ts';
import { addCounts, emptyCounts, type StitchCounts } from './counts.ts';
import { type DecisionLengths, DecisionRows } from './decision-rows.ts';
import { loadsFor } from './event-columns.ts';
import type { LakeFile } from './lake.ts';
import { USER_DAY_COLUMNS } from './lake-schema.ts';
import { Lanes } from './moments.ts';
import { OutcomeReader } from './outcomes.ts';
import { blockColumns, hasBlocks } from './page-blocks.ts';
import { type LogFacts, type Part, readPart } from './part.ts';
import { BucketEvents } from './read/bucket-events.ts';
import { HistoryReader } from './read/history.ts';
import { LakeReader } from './read/lake-reader.ts';
import type { CutSettings } from './read/user-cut.ts';
import { type RerankLengths, RerankRows } from './rerank-rows.ts';
import { dictionaryKind, sequenceOf } from './sample-schema.ts';
import { SampleTable } from './sample-table.ts';
import { SlateReader } from './slates.ts';
import { UnwrittenRows } from './unwritten-rows.ts';
import { writeUserDays } from './user-days.ts';
import { type VideoLengths, VideoRows } from './video-rows.ts';

export interface WorkFolders {
  /** Where the samples go. */
  out: string;
  /** For parts that are joined at the end. */
  work: string;
}

export interface BucketSettings extends CutSettings {
  rerank: RerankLengths;
  decision: DecisionLengths;
  video: VideoLengths;
  /** Of the business day. */
  utcOffsetMs: number;
  /** DuckDB types of the columns to write. */
  columns: Record<'rerank' | 'decisions' | 'video', Readonly<Record<string, string>>>;
}

/** What stitching a bucket needs; plain data, so that it can be sent to a thread. */
export interface BucketJob {
  files: readonly LakeFile[];
  /** Parquet files of the undated history. */
  history: readonly string[];
  facts: LogFacts;
  folders: WorkFolders;
  settings: BucketSettings;
  /** Only these users. @default all */
  users?: readonly string[];
  /** By bucket, `<kind>/<date>` whose samples are written; of a bucket that is not named, all. */
  wanted?: Readonly<Record<string, readonly string[]>>;
}

/** Stitches buckets one after another. */
export class BucketStitcher {
  readonly #reader: LakeReader;
  readonly #history: HistoryReader;
  readonly #job: BucketJob;

  /** @param options of the database that reads what our reader refuses */
  constructor(job: BucketJob, options: DuckDbOptions) {
    this.#reader = new LakeReader(options);
    this.#history = new HistoryReader(this.#reader, job.history);
    this.#job = job;
  }

  /**
   * Stitches the users of one bucket, over all dates, and writes their samples. The bucket is cut into
   * parts by user, because the events of a part are in memory.
   */
  async stitch(bucket: string): Promise<StitchCounts> {
    const { files, facts, folders, settings, users } = this.#job;
    const own = files.filter((file) => file.bucket === bucket);
    const columns = Object.entries(settings.columns).flatMap(([kind, types]) =>
      Object.keys(types).map((name) => `${kind}.${name}`),
    );
    const events = await BucketEvents.open(this.#reader, own, settings, loadsFor(columns), users);
    const { usersCapped, eventsCapped } = events.counts;
    const counts = { ...emptyCounts(), usersCapped, eventsCapped };
    const wanted = this.#job.wanted?.[bucket];
    for (const number of events.parts.keys()) {
      const part = await readPart(events, number, this.#history, facts);
      const writer = new PartWriter(part, bucket, number, folders, settings, wanted);
      addCounts(counts, await writer.write());
    }
    await this.#reader.clear();
    return counts;
  }

  close(): void {
    this.#reader.close();
  }
}

/** Writes the samples of one part: a file by kind and date, the users in the order of their keys. */
class PartWriter {
  readonly #part: Part;
  readonly #settings: BucketSettings;
  readonly #tables: SampleTable[] = [];
  readonly #folders: WorkFolders;
  readonly #bucket: string;
  readonly #number: number;
  readonly #wanted: readonly string[] | undefined;

  constructor(
    part: Part,
    bucket: string,
    number: number,
    folders: WorkFolders,
    settings: BucketSettings,
    wanted?: readonly string[],
  ) {
    this.#wanted = wanted;
    this.#part = part;
    this.#bucket = bucket;
    this.#number = number;
    this.#folders = folders;
    this.#settings = settings;
  }

  async write(): Promise<StitchCounts> {
    const counts = emptyCounts();
    try {
      await this.#writeUsers(counts);
      this.#writeItems();
      for (const table of this.#tables) await table.close();
    } catch (error) {
      for (const table of this.#tables) await table.abandon();
      throw error;
    }
    return counts;
  }

  async #writeUsers(counts: StitchCounts): Promise<void> {
    const part = this.#part;
    const { rerank, decision, video, utcOffsetMs, columns } = this.#settings;
    const slateReader = new SlateReader(part);
    const writesVideo = Object.keys(columns.video).length > 0;
    const written = [...Object.keys(columns.rerank), ...Object.keys(columns.decisions)];
    const places = writesVideo || written.some((name) => /exp_score$/.test(name));
    const outcomeReader = new OutcomeReader(part, places);
    const blocks = hasBlocks(part) ? blockColumns(part) : undefined;
    const rerankRows = new RerankRows(part, rerank, blocks, utcOffsetMs, columns.rerank);
    const videoRows = new VideoRows(part, video, utcOffsetMs, columns.video);
    const decisionRows = new DecisionRows(part, decision, blocks, utcOffsetMs);
    const days = this.#joined('user-days', USER_DAY_COLUMNS);
    const rerankOf = this.#daily('rerank', columns.rerank);
    const videoOf = this.#daily('video', columns.video);
    const decisionsOf = this.#daily('decisions', columns.decisions);
    for (const user of part.users) {
      const slates = slateReader.read(user);
      const exposures = outcomeReader.exposures(user, slates);
      const pageViews = outcomeReader.pageViews(user);
      const lanes = new Lanes(exposures, pageViews);
      const rows = { user, slates, exposures, pageViews, lanes };
      const known = lanes.known(slates);
      const full = [
        ...rerankRows.write(rows, known, rerankOf, counts),
        ...(writesVideo ? videoRows.write(rows, videoOf, counts) : []),
        ...decisionRows.write(rows, decisionsOf, counts),
      ];
      writeUserDays(part, rows, utcOffsetMs, days);
      counts.exposures += exposures.count;
      counts.exposuresUnfinished += exposures.count - exposures.byEnd.length;
      for (let e = 0; e < exposures.count; e++) {
        if (exposures.slate[e]! < 0) counts.exposuresUnattributed++;
        if (exposures.click[e] === 1) counts.clicks++;
      }
      for (const table of full) await table.flush();
    }
  }

  #writeItems(): void {
    const items = this.#joined('seen-items', { item_id: 'VARCHAR' });
    for (let item = 0; item < this.#part.codes.item.size; item++) {
      items.set('item_id', item);
      items.endRow();
    }
  }

  /** Tables by day: `<kind>/date=…/bucket=…/part-<n>.parquet`. */
  #daily(kind: string, types: Readonly<Record<string, string>>): (day: number) => SampleTable {
    const tables = new Map<number, SampleTable>();
    return (day) => {
      let table = tables.get(day);
      if (!table) {
        const date = new Date(day * 86_400_000).toISOString().slice(0, 10);
        const folder = join(this.#folders.out, kind, `date=${date}`, `bucket=${this.#bucket}`);
        const path = join(folder, `part-${this.#number}.parquet`);
        const dropped = this.#wanted && !this.#wanted.includes(`${kind}/${date}`);
        table = dropped ? new UnwrittenRows() : this.#table(path, types);
        tables.set(day, table);
      }
      return table;
    };
  }

  /** A part of a table that is joined over all buckets at the end. */
  #joined(kind: string, types: Readonly<Record<string, string>>): SampleTable {
    const name = `${this.#bucket}-${this.#number}.parquet`;
    return this.#table(join(this.#folders.work, kind, name), types);
  }

  #table(path: string, types: Readonly<Record<string, string>>): SampleTable {
    const { codes } = this.#part;
    const table = new SampleTable(path, {
      types,
      sequenceOf,
      dictionaryOf: (column) => {
        const kind = dictionaryKind(column);
        return kind && codes[kind];
      },
    });
    this.#tables.push(table);
    return table;
  }
}
