/**
 * Stages the rows of a Parquet file that are surely valid, by SQL alone; the others are left to be
 * read one by one.
 */
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { listValue } from '@duckdb/node-api';
import { listFiles } from '../../../lib/files.ts';
import { EVENT_COLUMNS } from '../../contracts/columns.ts';
import type { EventType } from '../../contracts/device-log.ts';
import { DuckDb, sqlText } from '../../duckdb.ts';
import { fileLiteral } from '../../file-literal.ts';
import type { UserKeys } from '../user-keys.ts';
import type { Clocks } from './line-reader.ts';
import { MAX_USER_BYTES } from './memory.ts';
import { type FileColumn, rowConditions } from './row-predicate.ts';

const DAY_MS = 86_400_000;
const USERS_AT_ONCE = 10_000;
const ROW_GROUP = 8192;

export interface StagedParquet {
  /** Rows of the file that were staged. */
  rows: number;
  /** Rows of the file. */
  total: number;
  /** Condition on the rows that were not; undefined when all were. */
  others: string | undefined;
  tables: { type: EventType; group: number; file: string }[];
}

export interface ParquetStagerOptions {
  workDir: string;
  memoryLimitMb: number;
  threads: number;
  groups: number;
  clocks: Clocks;
  keys: UserKeys;
}

const double = (n: number): string => `'${n}'::double`;

function clockCondition(
  { maxAheadMs, maxLateMs, earliestTs, latestTs }: Clocks,
  received: boolean,
): string {
  const byDays = `"ts" between ${double(earliestTs)} and ${double(latestTs)}`;
  if (!received) return byDays;
  const late = '("received_ts"::bigint - "ts"::bigint)';
  const byReceipt = `(-${late} <= ${double(maxAheadMs)} and ${late} <= ${double(maxLateMs)})`;
  return `case when "received_ts" is null then ${byDays} else ${byReceipt} end`;
}

/** What the staged files hold of a type, from what the log's file has. */
function selectedColumns(type: EventType, columns: readonly FileColumn[]): string {
  return EVENT_COLUMNS[type]
    .filter(({ name }) => name !== 'type' && name !== 'schema_version')
    .map(({ name, type: target }) => {
      if (name === 'user_key') return 'user.user_key';
      const there = columns.some((column) => column.name === name);
      return `${there ? `"${name}"` : 'null'}::${target} as "${name}"`;
    })
    .join(', ');
}

export class ParquetStager {
  readonly #options: ParquetStagerOptions;
  readonly #db: DuckDb;

  private constructor(options: ParquetStagerOptions, db: DuckDb) {
    this.#options = options;
    this.#db = db;
  }

  static async open(options: ParquetStagerOptions, signal?: AbortSignal): Promise<ParquetStager> {
    const { workDir, memoryLimitMb, threads } = options;
    const tempDir = join(workDir, 'spill-parquet');
    const db = await DuckDb.open({ memoryLimitMb, threads, tempDir, ...(signal && { signal }) });
    await db.run('set preserve_insertion_order = false');
    await db.run('create table known_user (known_id varchar, user_key varchar, bucket integer)');
    return new ParquetStager(options, db);
  }

  close(): void {
    this.#db.close();
  }

  /**
   * @param name of a folder that is made in the work folder
   * @param rowNo row number of row 0
   * @returns undefined when the file is to be read row by row: its columns are none of the contract's,
   *   or DuckDB cannot read it
   */
  async stage(path: string, name: string, rowNo: number): Promise<StagedParquet | undefined> {
    const folder = join(this.#options.workDir, name);
    try {
      return await this.#stage(path, folder, rowNo);
    } catch (error) {
      await rm(folder, { recursive: true, force: true });
      // What is wrong with a file is found out, and told, where it is read row by row.
      if (!/^(Invalid|Conversion|Out of Range|IO|Binder|Serialization)/i.test(messageOf(error)))
        throw error;
      return undefined;
    }
  }

  async #stage(path: string, folder: string, rowNo: number): Promise<StagedParquet | undefined> {
    const { clocks, groups } = this.#options;
    const file = `read_parquet(${fileLiteral(path)}, hive_partitioning = false)`;
    const described = await this.#db.rows<{ column_name: string; column_type: string }>(
      `describe select * from ${file}`,
    );
    const columns = described.map((c) => ({ name: c.column_name, type: c.column_type }));
    const has = (column: string): boolean => columns.some(({ name }) => name === column);
    const conditions = rowConditions(columns, clockCondition(clocks, has('received_ts')));
    if (!conditions || conditions.size === 0) return undefined;
    await this.#learnUsers(file);
    const types = await this.#db.rows<{ type: EventType }>(`select distinct type from ${file}`);
    const numbered = `read_parquet(${fileLiteral(path)}, hive_partitioning = false, file_row_number = true)`;
    const staged: StagedParquet = { rows: 0, total: 0, others: undefined, tables: [] };
    const taken: string[] = [];
    for (const { type } of types) {
      const condition = conditions.get(type);
      if (!condition) continue;
      const target = join(folder, type);
      await mkdir(folder, { recursive: true });
      await this.#db.run(
        `copy (
           select file_row_number + ${rowNo + 1} as row_no,
             (("ts"::bigint + ${clocks.offsetMs}) // ${DAY_MS})::integer as day,
             user.bucket, ${selectedColumns(type, columns)}, user.bucket % ${groups} as part
           from ${numbered} as log join known_user as user on user_id = known_id
           where ${condition}
         ) to ${sqlText(target)} (format parquet, compression uncompressed, parquet_version v1,
           dictionary_size_limit 1, row_group_size ${ROW_GROUP}, partition_by (part))`,
        {},
        'reading Parquet',
      );
      taken.push(condition);
      for (const found of await listFiles(target)) {
        const group = Number(/^part=(\d+)\//.exec(found)![1]);
        staged.tables.push({ type, group, file: join(target, found) });
      }
    }
    staged.rows = await this.#count(staged.tables.map((table) => table.file));
    staged.total = await this.#count([path]);
    if (staged.rows < staged.total) {
      staged.others = `not (${taken.map((one) => `(${one})`).join(' or ') || 'false'})`;
    }
    return staged;
  }

  async #count(paths: readonly string[]): Promise<number> {
    if (paths.length === 0) return 0;
    const list = paths.map(fileLiteral).join(', ');
    const { n } = await this.#db.row<{ n: number }>(
      `select sum(num_rows)::bigint as n from parquet_file_metadata([${list}])`,
    );
    return n;
  }

  /** Keys of the users of a file that are not known yet. */
  async #learnUsers(file: string): Promise<void> {
    const rows = await this.#db.rows<{ id: string }>(
      `select distinct user_id as id from ${file}
       where strlen(user_id) <= ${MAX_USER_BYTES} and user_id not in (select known_id from known_user)`,
    );
    for (let from = 0; from < rows.length; from += USERS_AT_ONCE) {
      const ids = rows.slice(from, from + USERS_AT_ONCE).map(({ id }) => id);
      const keys = ids.map((id) => this.#options.keys.of(id));
      await this.#db.run(
        'insert into known_user select unnest($ids), unnest($keys), unnest($buckets)',
        {
          ids: listValue(ids),
          keys: listValue(keys.map(({ key }) => key)),
          buckets: listValue(keys.map(({ bucket }) => bucket)),
        },
      );
    }
  }
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : '');
