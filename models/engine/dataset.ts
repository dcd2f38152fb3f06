/**
 * Samples on disk as batches, in bounded memory.
 *
 * A family (`rerank`, `decisions`) is a folder with one safetensors file per date. Rows are read in
 * blocks; an epoch visits the blocks in a random order and shuffles the rows within pools of blocks,
 * so that at most two pools are in memory and the disk is read in long runs. With fewer rows than a
 * pool holds (16,384) this is a plain shuffle of all rows. The order depends on (seed, epoch) only:
 * a place in training is an epoch and a batch number, and needs no other state to resume from.
 */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { EdgeloomError } from '../../lib/errors.ts';
import { Random } from '../../lib/random.ts';
import { SafetensorsFile } from '../../lib/safetensors.ts';
import {
  type BatchColumns,
  type Columns,
  checkColumns,
  gatherBatch,
  type RowRef,
  storedColumns,
} from './columns.ts';
import { type Features, readFeatures } from './features.ts';
import type { InputSpec, LabelCut } from './types.ts';

const BLOCK_ROWS = 256;
const POOL_BLOCKS = 64;

export type Family = 'rerank' | 'decisions';

interface Block {
  file: SafetensorsFile;
  from: number;
  to: number;
}

export interface RawBatch {
  columns: BatchColumns;
  rows: number;
}

/** Where a dataset's rows lie: enough to open it again, in another thread. */
export interface DatasetSource {
  tensorsDir: string;
  family: Family;
  dates: string[];
}

export interface BatchOptions {
  batchSize: number;
  /** Absent: rows in the order of the files. */
  shuffle?: { seed: number; epoch: number };
  /** Batches to leave out at the start. @default 0 */
  skip?: number;
  /** Makes batches of rows whose labels end early, cut to a common length. */
  cut?: LabelCut | undefined;
}

/** The rows of some dates of one family. */
export class Dataset {
  readonly features: Features;
  readonly rows: number;
  readonly source: DatasetSource;
  readonly #files: SafetensorsFile[];
  readonly #blocks: Block[];
  /** Blocks that passed the checks. */
  readonly #checked = new WeakSet<Block>();

  private constructor(source: DatasetSource, features: Features, files: SafetensorsFile[]) {
    this.source = source;
    this.features = features;
    this.#files = files;
    this.#blocks = files.flatMap((file) => blocksOf(file));
    this.rows = this.#blocks.reduce((sum, block) => sum + block.to - block.from, 0);
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
    const files: SafetensorsFile[] = [];
    for (const date of dates ?? present) {
      files.push(await SafetensorsFile.open(join(tensorsDir, family, `${date}.safetensors`)));
    }
    return new Dataset({ tensorsDir, family, dates: dates ?? present }, features, files);
  }

  async close(): Promise<void> {
    for (const file of this.#files) await file.close();
  }

  /** Whole columns over all rows, for metrics. Reads only what is named. */
  async readColumns(names: string[]): Promise<Columns> {
    const columns: Columns = {};
    for (const name of names) {
      const parts = [];
      for (const file of this.#files) parts.push(await file.read(name));
      const first = parts[0]!;
      const length = parts.reduce((sum, part) => sum + part.data.length, 0);
      const make = first.data.constructor as new (length: number) => typeof first.data;
      const data = new make(length);
      let at = 0;
      for (const part of parts) {
        data.set(part.data, at);
        at += part.data.length;
      }
      columns[name] = { data, shape: [this.rows, ...first.shape.slice(1)] };
    }
    return columns;
  }

  /**
   * The batches of one epoch, the last ones smaller. The next pool of rows is read while the current
   * one is used.
   */
  async *batches(
    inputs: Record<string, InputSpec>,
    { batchSize, shuffle, skip = 0, cut }: BatchOptions,
  ): AsyncGenerator<RawBatch> {
    const limits = indexLimits(this.features, inputs);
    const order = shuffle ? poolOrder(this.#blocks, shuffle) : inFileOrder(this.#blocks);
    const load = (pool: number): Promise<Columns[]> | undefined => {
      const blocks = order[pool]?.blocks;
      return blocks && Promise.all(blocks.map((block) => this.#read(block, inputs, limits)));
    };
    // Rows that wait for a full batch, by the length that their labels are cut to.
    const lengths = cut?.lengths ?? [0];
    const waiting = lengths.map((): RowRef[] => []);
    const specs = lengths.map((length) => (cut ? cutSpecs(inputs, cut, length) : inputs));
    let made = 0;
    let reading = load(0);
    for (let pool = 0; pool < order.length; pool++) {
      const columns = (await reading)!;
      reading = load(pool + 1);
      // Should the consumer stop here, a failure of the read ahead must not end the process.
      reading?.catch(() => undefined);
      for (const place of order[pool]!.rows()) {
        const row = place % BLOCK_ROWS;
        const ref = { columns: columns[(place - row) / BLOCK_ROWS]!, row };
        const kind = cut ? lengthNeeded(ref, cut) : 0;
        const rows = waiting[kind]!;
        if (rows.push(ref) < batchSize) continue;
        waiting[kind] = [];
        if (made++ >= skip) yield { columns: gatherBatch(specs[kind]!, rows), rows: rows.length };
      }
    }
    for (const [kind, rows] of waiting.entries()) {
      if (rows.length === 0 || made++ < skip) continue;
      yield { columns: gatherBatch(specs[kind]!, rows), rows: rows.length };
    }
  }

  async #read(
    block: Block,
    inputs: Record<string, InputSpec>,
    limits: Record<string, number>,
  ): Promise<Columns> {
    const present = new Set(block.file.names());
    const columns: Columns = {};
    for (const name of storedColumns(inputs)) {
      if (!present.has(name)) {
        throw new EdgeloomError({
          code: 'bad-samples',
          what: `The samples have no column ${name}`,
          where: block.file.path,
          fix: 'run the features stage again',
        });
      }
      columns[name] = await block.file.read(name, block.from, block.to);
    }
    if (!this.#checked.has(block)) {
      checkColumns(inputs, columns, limits, block.file.path, block.from);
      this.#checked.add(block);
    }
    return columns;
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

/** Sizes of the tables that int32 columns such as `cand_brand` point into. */
function indexLimits(
  features: Features,
  inputs: Record<string, InputSpec>,
): Record<string, number> {
  const limits: Record<string, number> = {};
  for (const [name, { dtype }] of Object.entries(inputs)) {
    const field = features.items.fields.find((f) => name.endsWith(`_${f.name}`));
    if (dtype === 'int32' && field) limits[name] = field.size;
  }
  return limits;
}

function blocksOf(file: SafetensorsFile): Block[] {
  const rows = file.shape(file.names()[0]!)[0]!;
  const blocks: Block[] = [];
  for (let from = 0; from < rows; from += BLOCK_ROWS) {
    blocks.push({ file, from, to: Math.min(from + BLOCK_ROWS, rows) });
  }
  return blocks;
}

interface Pool {
  blocks: Block[];
  /** Rows in the order of use: a place in `blocks`, times BLOCK_ROWS, plus the row within the block. */
  rows(): number[];
}

function inFileOrder(blocks: Block[]): Pool[] {
  return blocks.map((block) => ({ blocks: [block], rows: () => rowsOf([block]) }));
}

function poolOrder(blocks: Block[], { seed, epoch }: { seed: number; epoch: number }): Pool[] {
  const shuffled = Random.of(seed, 'blocks', epoch).shuffle([...blocks]);
  const pools: Pool[] = [];
  for (let i = 0; i < shuffled.length; i += POOL_BLOCKS) {
    const members = shuffled.slice(i, i + POOL_BLOCKS);
    pools.push({
      blocks: members,
      rows: () => Random.of(seed, 'rows', epoch, i).shuffle(rowsOf(members)),
    });
  }
  return pools;
}

function rowsOf(blocks: Block[]): number[] {
  return blocks.flatMap(({ from, to }, block) =>
    Array.from({ length: to - from }, (_, row) => block * BLOCK_ROWS + row),
  );
}

/** The place in `cut.lengths` of the first length that holds every label of a row. */
function lengthNeeded({ columns, row }: RowRef, { mask, lengths }: LabelCut): number {
  const { data, shape } = columns[mask]!;
  const width = shape[1]!;
  let last = width;
  while (last > 0 && data[row * width + last - 1] === 0) last--;
  return lengths.findIndex((length) => length >= last);
}

function cutSpecs(
  inputs: Record<string, InputSpec>,
  { columns }: LabelCut,
  length: number,
): Record<string, InputSpec> {
  const specs = { ...inputs };
  for (const name of columns) {
    const spec = inputs[name]!;
    specs[name] = { ...spec, shape: [length, ...spec.shape.slice(1)] };
  }
  return specs;
}
