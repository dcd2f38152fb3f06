/**
 * Columns of the lake's files, read by `data/parquet/read`. What that refuses, and what has other types
 * than ingest writes, DuckDB writes anew into a file beside the work: there is one way to read.
 */
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { EdgeloomError } from '../../../lib/errors.ts';
import { areUtf8 } from '../../columns/chunk-texts.ts';
import { DuckDb, type DuckDbOptions, sqlText } from '../../duckdb.ts';
import type { ColumnVector } from '../../parquet/read/decode.ts';
import { openParquet, type ParquetFile } from '../../parquet/read/file.ts';
import type { Statistics } from '../../parquet/read/statistics.ts';
import { viewSql } from '../lake-schema.ts';
import { leafOf } from './leaves.ts';
import { type Load, type Source, sourcesOf } from './loads.ts';

/** DuckDB types by column. */
type Columns = Readonly<Record<string, string>>;

/** One column of one row group. */
export interface Chunk {
  vector: ColumnVector;
  /** Definition level of a value that is there. */
  maxDefinition: number;
}

/** A file of which only reading it told that it is one for DuckDB. */
class Refused extends Error {
  readonly path: string;
  readonly columns: Columns;

  constructor(path: string, columns: Columns, cause: unknown) {
    super('a file of the lake is refused', { cause });
    this.path = path;
    this.columns = columns;
  }
}

const isRefusal = (error: unknown): boolean =>
  error instanceof EdgeloomError && error.code === 'parquet-not-supported';

const nameOf = ({ column, field }: Source): string => (field ? `${column}.${field}` : column);

/** An open file of the lake; `close` it. */
export class OpenFile {
  /** Rows by row group. */
  readonly groups: readonly number[];
  readonly #file: ParquetFile;
  readonly #leaves: ReadonlyMap<string, number | undefined>;
  readonly #refuse: (error: unknown) => unknown;
  readonly #signal: AbortSignal | undefined;

  constructor(
    file: ParquetFile,
    leaves: ReadonlyMap<string, number | undefined>,
    refuse: (error: unknown) => unknown,
    signal: AbortSignal | undefined,
  ) {
    this.#signal = signal;
    this.groups = file.groups.map(({ rows }) => rows);
    this.#file = file;
    this.#leaves = leaves;
    this.#refuse = refuse;
  }

  /** What the chunk says of its values, by the column that is read. */
  statistics(group: number, source: Source): Statistics | undefined {
    const leaf = this.#leaves.get(nameOf(source));
    return leaf === undefined ? undefined : this.#file.groups[group]!.chunks[leaf]!.statistics;
  }

  /**
   * @returns undefined when the file has no such column: all its values are null
   * @throws EdgeloomError `bad-parquet`
   */
  async read(group: number, source: Source): Promise<Chunk | undefined> {
    this.#signal?.throwIfAborted();
    const leaf = this.#leaves.get(nameOf(source));
    if (leaf === undefined) return undefined;
    const { maxDefinition } = this.#file.leaves[leaf]!;
    let vector: ColumnVector;
    try {
      vector = await this.#file.readColumn(group, leaf, { largeIntegers: 'round' });
    } catch (error) {
      throw this.#refuse(error);
    }
    if (areUtf8(vector)) return { vector, maxDefinition };
    throw new EdgeloomError({
      code: 'bad-parquet',
      what: 'A text is not UTF-8',
      where: `${this.#file.path}: row group ${group}, column ${nameOf(source)}`,
      fix: 'write the file anew, or take it out',
    });
  }

  async close(): Promise<void> {
    await this.#file.close();
  }
}

/** Opens files of a lake. */
export class LakeReader {
  readonly #options: DuckDbOptions;
  readonly #folder: string;
  #db: DuckDb | undefined;
  /** Path in the lake → the file to read instead. */
  readonly #converted = new Map<string, string>();
  #files = 0;

  /** @param options of the database for files that are refused; it is opened when there is one */
  constructor(options: DuckDbOptions) {
    this.#options = options;
    this.#folder = join(options.tempDir, 'converted');
  }

  /**
   * @param columns as the file should have them
   * @param loads what will be read
   * @throws EdgeloomError `bad-parquet`, what DuckDB says of a file that it cannot read either
   */
  async open(path: string, columns: Columns, loads: readonly Load[]): Promise<OpenFile> {
    const instead = this.#converted.get(path);
    let file: ParquetFile | undefined;
    try {
      file = await openParquet(instead ?? path);
    } catch (error) {
      if (instead || !isRefusal(error)) throw error;
    }
    const leaves = file && leavesOf(file, loads);
    if (file && leaves) {
      const refuse = (error: unknown): unknown =>
        !instead && isRefusal(error) ? new Refused(path, columns, error) : error;
      return new OpenFile(file, leaves, refuse, this.#options.signal);
    }
    await file?.close();
    if (instead) throw new Error('DuckDB wrote a file with other columns than it was told to');
    await this.#convert(path, columns);
    return this.open(path, columns, loads);
  }

  /**
   * After a failure of reading. When reading refused the file, it can be read from now on.
   * @returns its path; undefined when the failure was another one
   */
  async mend(error: unknown): Promise<string | undefined> {
    if (!(error instanceof Refused)) return undefined;
    await this.#convert(error.path, error.columns);
    return error.path;
  }

  async #convert(path: string, columns: Columns): Promise<void> {
    await mkdir(this.#folder, { recursive: true });
    this.#db ??= await DuckDb.open(this.#options);
    const to = join(this.#folder, `${this.#files++}.parquet`);
    // The date stands in the path alone.
    const { date: _, ...own } = columns;
    await this.#db.run(viewSql('refused', own, [path]));
    // Whole numbers beyond 2^53 and fractions alike are read as doubles.
    const cast = Object.entries(own).map(
      ([name, type]) => `"${name}"::${type === 'BIGINT' ? 'DOUBLE' : type} as "${name}"`,
    );
    await this.#db.run(
      `copy (select ${cast.join(', ')} from refused) to ${sqlText(to)}
       (format parquet, compression uncompressed)`,
    );
    this.#converted.set(path, to);
  }

  /** Removes the files that were written. */
  async clear(): Promise<void> {
    if (this.#converted.size === 0) return;
    this.#converted.clear();
    await rm(this.#folder, { recursive: true, force: true });
  }

  close(): void {
    this.#db?.close();
  }
}

/** Leaves by column; undefined when one of them is for DuckDB. */
function leavesOf(
  file: ParquetFile,
  loads: readonly Load[],
): Map<string, number | undefined> | undefined {
  const leaves = new Map<string, number | undefined>();
  for (const source of loads.flatMap(sourcesOf)) {
    const leaf = leafOf(file, source);
    if (leaf === 'other') return undefined;
    if (leaf !== undefined && file.groups.some(({ chunks }) => chunks[leaf]!.unsupported)) {
      return undefined;
    }
    leaves.set(nameOf(source), leaf);
  }
  return leaves;
}
