/** DuckDB inside this process: bounded memory, spill folder, no network, cancellation, typed reading. */
import {
  type DuckDBConnection,
  DuckDBInstance,
  type DuckDBValue,
  listValue,
} from '@duckdb/node-api';
import { EdgeloomError } from '../lib/errors.ts';
import type { RunOptions } from '../lib/progress.ts';
import { Batch } from './columns/duckdb-columns.ts';

export interface DuckDbOptions extends RunOptions {
  /** DuckDB's own limit, MB; the process takes more. @default 1000 */
  memoryLimitMb?: number;
  /** @default 2 */
  threads?: number;
  /** Where sorts and joins spill when they pass the limit. Created by DuckDB when needed. */
  tempDir: string;
}

export type SqlParameters = Record<string, DuckDBValue>;

/** A text as an SQL literal, for the places (paths, views) where DuckDB takes no parameter. */
export const sqlText = (text: string): string => `'${text.replaceAll("'", "''")}'`;

/** Texts as a list parameter. DuckDB cannot tell the type of an empty list: none is null. */
export const textList = (texts: readonly string[]): DuckDBValue =>
  texts.length > 0 ? listValue([...texts]) : null;

const plain = (value: unknown): unknown => {
  if (typeof value === 'bigint') return Number(value);
  if (Array.isArray(value)) return value.map(plain);
  if (value !== null && typeof value === 'object' && !(value instanceof Date)) {
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, plain(inner)]));
  }
  return value;
};

/**
 * One private in-memory database. Statements run one after another; `signal` interrupts the running
 * one, and progress is reported every second while one runs. A statement that passes the memory limit
 * and cannot spill throws EdgeloomError `out-of-memory`.
 */
export class DuckDb {
  readonly #instance: DuckDBInstance;
  readonly #connection: DuckDBConnection;
  readonly #options: DuckDbOptions;

  readonly #owner: boolean;

  private constructor(
    instance: DuckDBInstance,
    connection: DuckDBConnection,
    options: DuckDbOptions,
    owner: boolean,
  ) {
    this.#instance = instance;
    this.#connection = connection;
    this.#options = options;
    this.#owner = owner;
  }

  static async open(options: DuckDbOptions): Promise<DuckDb> {
    const instance = await DuckDBInstance.create(':memory:', {
      memory_limit: `${options.memoryLimitMb ?? 1000}MB`,
      threads: String(options.threads ?? 2),
      temp_directory: options.tempDir,
      autoinstall_known_extensions: 'false',
      autoload_known_extensions: 'false',
    });
    return new DuckDb(instance, await instance.connect(), options, true);
  }

  /**
   * Another connection to this database: statements of the two run at the same time, the memory limit
   * is common, temporary tables and views are not. To be closed before this one.
   * @param signal stops the statements of the new connection, as the database's own does
   */
  async connect(signal: AbortSignal): Promise<DuckDb> {
    const both = this.#options.signal ? AbortSignal.any([this.#options.signal, signal]) : signal;
    const options = { ...this.#options, signal: both };
    return new DuckDb(this.#instance, await this.#instance.connect(), options, false);
  }

  /** Runs a statement. `message` is what progress says meanwhile. */
  async run(sql: string, parameters: SqlParameters = {}, message = 'querying'): Promise<void> {
    await this.#watched(message, () => this.#connection.run(sql, parameters));
  }

  /** `create or replace temp table <table> as <select>`; parameters that it does not name are left out. */
  async createTable(table: string, select: string, parameters: SqlParameters = {}): Promise<void> {
    const statement = select.trim().replace(/;$/, '');
    await this.run(
      `create or replace temp table "${table}" as\n${statement}`,
      used(statement, parameters),
      table,
    );
  }

  /** All rows as plain objects: integers as numbers, lists as arrays. For small results. */
  async rows<T extends object>(sql: string, parameters: SqlParameters = {}): Promise<T[]> {
    const reader = await this.#watched('querying', () =>
      this.#connection.runAndReadAll(sql, parameters),
    );
    return reader.getRowObjectsJS().map((row) => plain(row) as T);
  }

  /** The only row of a query. @throws Error when there is not exactly one */
  async row<T extends object>(sql: string, parameters: SqlParameters = {}): Promise<T> {
    const rows = await this.rows<T>(sql, parameters);
    if (rows.length !== 1) throw new Error(`expected one row, got ${rows.length}: ${sql}`);
    return rows[0]!;
  }

  /** Streams a result in batches (2,048 rows at most each), in the order of the query. */
  async *batches(sql: string, parameters: SqlParameters = {}): AsyncGenerator<Batch> {
    const named = used(sql, parameters);
    const result = await this.#watched('querying', () => this.#connection.stream(sql, named));
    const names = result.columnNames();
    for (;;) {
      const chunk = await this.#watched('reading', () => result.fetchChunk());
      if (!chunk || chunk.rowCount === 0) return;
      yield new Batch(chunk, names);
    }
  }

  close(): void {
    this.#connection.closeSync();
    if (this.#owner) this.#instance.closeSync();
  }

  async #watched<T>(message: string, work: () => Promise<T>): Promise<T> {
    const { signal, onProgress } = this.#options;
    signal?.throwIfAborted();
    const interrupt = () => this.#connection.interrupt();
    signal?.addEventListener('abort', interrupt);
    const beat = onProgress && setInterval(() => onProgress({ message }), 1000);
    try {
      return await work();
    } catch (error) {
      signal?.throwIfAborted();
      if (/^Out of Memory/i.test((error as Error).message)) {
        throw outOfMemory(error as Error, message, this.#options);
      }
      throw error;
    } finally {
      if (beat) clearInterval(beat);
      signal?.removeEventListener('abort', interrupt);
    }
  }
}

/** DuckDB's own text advises statements that nobody can give here; its first line says what was full. */
function outOfMemory(error: Error, message: string, options: DuckDbOptions): EdgeloomError {
  const limit = `${options.memoryLimitMb ?? 1000} MB and ${options.threads ?? 2} threads`;
  return new EdgeloomError(
    {
      code: 'out-of-memory',
      // Begins as DuckDB's does: readers of damaged files tell by that that the file is not to blame.
      what: `Out of memory: DuckDB had ${limit}, which was not enough (${error.message.split('\n')[0]})`,
      where: `${message}; spilling to ${options.tempDir}`,
      fix: 'give the stage more memory (memoryLimitMb) or fewer threads, and free disk where it spills',
    },
    { cause: error },
  );
}

/** DuckDB refuses values for parameters that a statement does not name. */
function used(sql: string, parameters: SqlParameters): SqlParameters {
  const code = sql.replace(/--.*$/gm, '');
  return Object.fromEntries(
    Object.entries(parameters).filter(([name]) => new RegExp(`\\$${name}\\b`).test(code)),
  );
}
