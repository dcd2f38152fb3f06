/**
 * Takes the rows of a Parquet file that are surely valid, column by column; the others are left to be
 * read one by one.
 */
import { EdgeloomError } from '../../../lib/errors.ts';
import type { EventType } from '../../contracts/device-log.ts';
import { openParquet, type ParquetFile } from '../../parquet/read/file.ts';
import type { Block } from '../held/block.ts';
import type { UserKeys } from '../user-keys.ts';
import { CheckedGroup } from './checked-group.ts';
import { contractRules, type TypeRules } from './contract-rules.ts';
import type { Clocks } from './line-reader.ts';
import { type GroupPlan, groupPlan } from './parquet-plan.ts';

export interface StagedParquet {
  /** Rows of the file that were staged. */
  rows: number;
  /** Rows of the file. */
  total: number;
  /** Places of those that were not, from 0. */
  others: Float64Array;
}

export interface ParquetStagerOptions {
  /** Of buckets: bucket b is in group b modulo this. */
  groups: number;
  clocks: Clocks;
  keys: UserKeys;
  onBlock: (block: Block) => void;
}

/** Values of a row group above which it is left to a reader that holds less at once. */
const MOST_SLOTS = 60_000_000;

/** What is wrong with a file is found out, and told, where it is read row by row. */
const LEFT_TO_OTHERS = ['bad-parquet', 'parquet-not-supported'];

export class ParquetStager {
  readonly #options: ParquetStagerOptions;
  readonly #rules: ReadonlyMap<EventType, TypeRules> = contractRules();

  constructor(options: ParquetStagerOptions) {
    this.#options = options;
  }

  /**
   * @param rowNo row number of row 0
   * @returns undefined when the file is to be read row by row: it has columns that are not the
   *   contract's, or is damaged, or written in a way that only DuckDB knows. Nothing is staged then.
   */
  async stage(
    path: string,
    rowNo: number,
    signal?: AbortSignal,
  ): Promise<StagedParquet | undefined> {
    let file: ParquetFile;
    try {
      file = await openParquet(path);
    } catch (error) {
      if (isLeft(error)) return undefined;
      throw error;
    }
    try {
      return await this.#stageFile(file, rowNo, signal);
    } finally {
      await file.close();
    }
  }

  async #stageFile(
    file: ParquetFile,
    rowNo: number,
    signal: AbortSignal | undefined,
  ): Promise<StagedParquet | undefined> {
    const plan = groupPlan(file, this.#rules);
    if (!plan) return undefined;
    const others: number[] = [];
    let first = 0;
    for (const [group, { rows, chunks }] of file.groups.entries()) {
      signal?.throwIfAborted();
      const slots = chunks.reduce((sum, chunk) => sum + chunk.slots, 0);
      const left =
        slots > MOST_SLOTS
          ? undefined
          : await this.#stageGroup(file, group, plan, rowNo + 1 + first);
      if (left) for (const row of left) others.push(first + row);
      else for (let row = 0; row < rows; row++) others.push(first + row);
      first += rows;
    }
    return { rows: file.rows - others.length, total: file.rows, others: Float64Array.from(others) };
  }

  /** @returns the rows that were not staged; undefined: none was, the group cannot be read here */
  async #stageGroup(
    file: ParquetFile,
    group: number,
    plan: GroupPlan,
    rowNo: number,
  ): Promise<number[] | undefined> {
    const checked = new CheckedGroup(plan, this.#options, rowNo);
    try {
      await checked.read(file, group);
    } catch (error) {
      if (isLeft(error)) return undefined;
      throw error;
    }
    for (const block of checked.blocks()) this.#options.onBlock(block);
    return checked.others();
  }
}

const isLeft = (error: unknown): boolean =>
  error instanceof EdgeloomError && LEFT_TO_OTHERS.includes(error.code);
