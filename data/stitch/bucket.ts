/** One user bucket of the lake → samples, in parts of some users. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DuckDb, type DuckDbOptions, sqlText } from '../duckdb.ts';
import { addCounts, emptyCounts, type StitchCounts } from './counts.ts';
import { type DecisionLengths, DecisionRows } from './decision-rows.ts';
import { loadsFor } from './event-columns.ts';
import type { LakeFile } from './lake.ts';
import {
  EVENT_COLUMNS,
  STITCHED_TYPES,
  TABLE_COLUMNS,
  USER_DAY_COLUMNS,
  viewSql,
} from './lake-schema.ts';
import { Lanes } from './moments.ts';
import { OutcomeReader } from './outcomes.ts';
import { blockColumns, hasBlocks } from './page-blocks.ts';
import { type LogFacts, type Part, readPart } from './part.ts';
import { type RerankLengths, RerankRows } from './rerank-rows.ts';
import { dictionaryKind, sequenceOf } from './sample-schema.ts';
import { SampleTable } from './sample-table.ts';
import { SlateReader } from './slates.ts';
import { UnwrittenRows } from './unwritten-rows.ts';
import { viewUsers } from './user-choice.ts';
import { writeUserDays } from './user-days.ts';
import { type VideoLengths, VideoRows } from './video-rows.ts';

const sqlFile = (name: string) => new URL(`../sql/stitch/${name}.sql`, import.meta.url);

export interface WorkFolders {
  /** Where the samples go. */
  out: string;
  /** For parts that are joined at the end. */
  work: string;
}

export interface BucketSettings {
  rerank: RerankLengths;
  decision: DecisionLengths;
  video: VideoLengths;
  /** Of the business day. */
  utcOffsetMs: number;
  eventsPerPart: number;
  /** Of a user with more events, the latest so many count. */
  maxUserEvents: number;
  /** DuckDB types of the columns to write. */
  columns: Record<'rerank' | 'decisions' | 'video', Readonly<Record<string, string>>>;
}

/** `copy` of a query that has a total order: equal rows, equal bytes. */
export const copySql = (query: string, path: string): string =>
  `copy (${query}) to ${sqlText(path)} (format parquet, compression zstd, parquet_version v2)`;

/** Makes a table by the statement of its file. */
export async function makeTable(
  db: DuckDb,
  table: string,
  parameters: Record<string, number> = {},
): Promise<void> {
  const select = await readFile(sqlFile(table.replaceAll('_', '-')), 'utf8');
  await db.createTable(table, select, parameters);
}

/** Views `<prefix>_<type>` over the given files, one for every type that stitching reads. */
export async function viewTypes(
  db: DuckDb,
  files: readonly LakeFile[],
  prefix = 'lake',
): Promise<void> {
  for (const type of STITCHED_TYPES) {
    const paths = files.filter((file) => file.type === type).map((file) => file.path);
    await db.run(viewSql(`${prefix}_${type}`, EVENT_COLUMNS[type], paths));
  }
}

/** Users from `first` to `last` by their key, both included. */
export interface UserRange {
  first: string;
  last: string;
}

/** Views `part_<type>` of some users; of capped users only their latest events. */
async function viewPart(db: DuckDb, { first, last }: UserRange, capped: boolean): Promise<void> {
  const users = `user_key between ${sqlText(first)} and ${sqlText(last)}`;
  for (const type of STITCHED_TYPES) {
    const latest = capped
      ? `select e.* from file_${type} e left join capped_user c using (user_key)
         where ${users} and (c.first_ts is null or e.ts >= c.first_ts)`
      : `select * from file_${type} where ${users}`;
    await db.run(`create or replace temp view part_${type} as ${latest}`);
  }
  await db.run(
    `create or replace temp view part_history as select * from lake_history where ${users}`,
  );
}

/** Views `file_<type>` of one bucket's files and tells the parts in which its users are stitched. */
export async function cutIntoParts(
  db: DuckDb,
  files: readonly LakeFile[],
  { maxUserEvents, eventsPerPart }: Pick<BucketSettings, 'maxUserEvents' | 'eventsPerPart'>,
  users?: readonly string[],
): Promise<UserRange[]> {
  await (users ? viewUsers(db, files, users) : viewTypes(db, files, 'file'));
  await makeTable(db, 'bucket_user');
  await makeTable(db, 'capped_user', { most: maxUserEvents });
  await makeTable(db, 'user_part', { events: eventsPerPart, most: maxUserEvents });
  return db.rows<UserRange>('select first, last from user_part order by part');
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

/** Stitches buckets one after another with a database of its own. */
export class BucketStitcher {
  readonly #db: DuckDb;
  readonly #job: BucketJob;

  private constructor(db: DuckDb, job: BucketJob) {
    this.#db = db;
    this.#job = job;
  }

  static async open(job: BucketJob, options: DuckDbOptions): Promise<BucketStitcher> {
    const db = await DuckDb.open(options);
    await db.run(await readFile(sqlFile('macros'), 'utf8'));
    await db.run(viewSql('lake_history', TABLE_COLUMNS.history, job.history));
    return new BucketStitcher(db, job);
  }

  /**
   * Stitches the users of one bucket, over all dates, and writes their samples. The bucket is cut into
   * parts by user, because the events of a part are in memory.
   */
  async stitch(bucket: string): Promise<StitchCounts> {
    const { files, facts, folders, settings } = this.#job;
    const own = files.filter((file) => file.bucket === bucket);
    const ranges = await cutIntoParts(this.#db, own, settings, this.#job.users);
    const loads = loadsFor(Object.values(settings.columns).flatMap(Object.keys));
    const counts = emptyCounts();
    const { users, events } = await this.#db.row<{ users: number; events: number }>(
      'select count(*) as users, coalesce(sum(dropped), 0)::bigint as events from capped_user',
    );
    counts.usersCapped = users;
    counts.eventsCapped = events;
    for (const [number, range] of ranges.entries()) {
      await viewPart(this.#db, range, users > 0);
      const part = await readPart(this.#db, facts, loads);
      const wanted = this.#job.wanted?.[bucket];
      const writer = new PartWriter(part, bucket, number, folders, settings, wanted);
      addCounts(counts, await writer.write());
    }
    return counts;
  }

  async close(): Promise<void> {
    this.#db.close();
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
    const videoRows = new VideoRows(part, video, utcOffsetMs);
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
        ...(writesVideo ? videoRows.write(rows, known, videoOf, counts) : []),
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
        return kind && codes[kind].dictionary;
      },
    });
    this.#tables.push(table);
    return table;
  }
}
