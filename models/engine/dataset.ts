/**
 * Samples on disk: a family (`rerank`, `decisions`) is a folder with one safetensors file per date.
 * A place in training is an epoch and a batch number, and needs no other state to resume from.
 */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { EdgeloomError } from '../../lib/errors.ts';
import type { Columns } from './columns.ts';
import { type Features, readFeatures } from './features.ts';
import { type BatchColumns, batchColumns } from './gather.ts';
import { type BatchOptions, cutInputs, type RowSource, SampleReader } from './sample-reader.ts';
import type { InputSpec } from './types.ts';

export type Family = 'rerank' | 'decisions';

export interface RawBatch {
  columns: BatchColumns;
  rows: number;
}

/** The rows of some dates of one family. */
export class Dataset {
  readonly features: Features;
  readonly rows: number;
  readonly source: RowSource;
  readonly #reader: SampleReader;

  private constructor(source: RowSource, features: Features, reader: SampleReader) {
    this.source = source;
    this.features = features;
    this.rows = reader.rows;
    this.#reader = reader;
  }

  /**
   * @param tensorsDir folder with `features.json` and `<family>/<date>.safetensors`
   * @param dates none means all
   * @throws EdgeloomError `no-samples` when a date is missing or no row is there
   */
  static async open(tensorsDir: string, family: Family, dates?: string[]): Promise<Dataset> {
    const features = await readFeatures(tensorsDir);
    const present = await datesOf(tensorsDir, family);
    const missing = (dates ?? []).filter((date) => !present.includes(date));
    if (missing.length > 0 || present.length === 0) {
      throw new EdgeloomError({
        code: 'no-samples',
        what: `There are no ${family} samples of ${missing.join(', ') || 'any date'}`,
        where: join(tensorsDir, family),
        fix: `dates that are there: ${present.join(', ') || 'none'}`,
      });
    }
    const paths = (dates ?? present).map((date) => join(tensorsDir, family, `${date}.safetensors`));
    const tables = features.items.fields.map(({ name, size }) => ({ name, size }));
    const source = { paths, tables };
    return new Dataset(source, features, await SampleReader.open(source));
  }

  close(): Promise<void> {
    return this.#reader.close();
  }

  /** Whole columns over all rows, for metrics. Reads only what is named. */
  readColumns(names: string[]): Promise<Columns> {
    return this.#reader.readColumns(names);
  }

  /** The batches of one pass, each in memory of its own; see `SampleReader.batches`. */
  async *batches(
    inputs: Record<string, InputSpec>,
    options: BatchOptions,
  ): AsyncGenerator<RawBatch> {
    const kinds = cutInputs(inputs, options.cut);
    const take = (bytes: number) => new ArrayBuffer(bytes);
    for await (const { buffer, rows, kind } of this.#reader.batches(inputs, options, take)) {
      yield { columns: batchColumns(kinds[kind]!, buffer, options.batchSize, rows), rows };
    }
  }
}

/** Dates of a family, ascending. */
export async function datesOf(tensorsDir: string, family: Family): Promise<string[]> {
  try {
    const names = await readdir(join(tensorsDir, family));
    return names
      .filter((name) => name.endsWith('.safetensors'))
      .map((name) => name.slice(0, -'.safetensors'.length))
      .sort();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}
