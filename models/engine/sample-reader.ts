/**
 * Batches of the rows of some files, in bounded memory: two pools of rows (`row-order.ts`, 128 MiB each
 * at most unless one block is wider), and the batches that are not full yet, one of each length that
 * labels are cut to. It needs no features.json and no TensorFlow, so that a thread that reads is
 * started quickly.
 */
import { SafetensorsFile } from '../../lib/safetensors.ts';
import { type Columns, checkColumns, storedColumns } from './columns.ts';
import { batchBytes } from './gather.ts';
import { OpenBatch } from './open-batch.ts';
import { blocksOf, inFileOrder, type Pool, shuffledPools } from './row-order.ts';
import { checkFiles, RowPool } from './row-pool.ts';
import type { InputSpec, LabelCut } from './types.ts';

/** Where rows lie: enough to open them again, in another thread. */
export interface RowSource {
  /** Safetensors files with equal columns. */
  paths: readonly string[];
  /** Tables that int32 columns such as `cand_brand` point into. */
  tables: readonly { name: string; size: number }[];
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

/** A batch as it lies in memory: `batchColumns` with the inputs of its kind finds its columns. */
export interface PackedBatch {
  buffer: ArrayBuffer;
  rows: number;
  /** Place in `cut.lengths`; 0 where nothing is cut. */
  kind: number;
}

/** The inputs of a batch of each kind. */
export function cutInputs(
  inputs: Record<string, InputSpec>,
  cut: LabelCut | undefined,
): Record<string, InputSpec>[] {
  if (!cut) return [inputs];
  return cut.lengths.map((length) => {
    const specs = { ...inputs };
    for (const name of cut.columns) {
      const spec = inputs[name]!;
      specs[name] = { ...spec, shape: [length, ...spec.shape.slice(1)] };
    }
    return specs;
  });
}

/** A reader keeps the memory of a pass for the next one; passes that run beside each other share none. */
export class SampleReader {
  readonly rows: number;
  readonly #files: SafetensorsFile[];
  /** Of each file, in rows. */
  readonly #lengths: number[];
  readonly #tables: RowSource['tables'];
  /** Inputs that all rows were checked for, as JSON. */
  #checked = '';
  /** Memory of the last pass, while none runs. */
  #room: { key: string; pools: RowPool[] } | undefined;

  private constructor(files: SafetensorsFile[], tables: RowSource['tables']) {
    this.#files = files;
    this.#lengths = files.map((file) => file.shape(file.names()[0]!)[0]!);
    this.rows = this.#lengths.reduce((sum, length) => sum + length, 0);
    this.#tables = tables;
  }

  /** @throws EdgeloomError `bad-safetensors` */
  static async open({ paths, tables }: RowSource): Promise<SampleReader> {
    const files: SafetensorsFile[] = [];
    try {
      for (const path of paths) files.push(await SafetensorsFile.open(path));
    } catch (error) {
      for (const file of files) await file.close();
      throw error;
    }
    return new SampleReader(files, tables);
  }

  async close(): Promise<void> {
    for (const file of this.#files) await file.close();
  }

  /** Whole columns over all rows. @throws EdgeloomError `bad-samples` */
  async readColumns(names: readonly string[]): Promise<Columns> {
    checkFiles(this.#files, names);
    const whole = new RowPool(this.#files[0]!, names, this.rows);
    await whole.read(
      this.#files,
      this.#lengths.map((to, file) => ({ file, from: 0, to })),
    );
    return whole.columns;
  }

  /**
   * The batches of one pass, the last ones smaller. The next pool of rows is read while the current
   * one is used.
   * @param take gives a buffer of so many bytes for a batch; what stands in it does not matter
   * @throws EdgeloomError `bad-samples`
   */
  async *batches(
    inputs: Record<string, InputSpec>,
    { batchSize, shuffle, skip = 0, cut }: BatchOptions,
    take: (bytes: number) => ArrayBuffer,
  ): AsyncGenerator<PackedBatch> {
    const names = storedColumns(inputs);
    checkFiles(this.#files, names);
    const rowBytes = names.reduce((sum, name) => sum + this.#files[0]!.rowBytes(name), 0);
    const blocks = blocksOf(this.#lengths);
    const order = shuffle ? shuffledPools(blocks, rowBytes, shuffle) : inFileOrder(blocks);
    const open = cutInputs(inputs, cut).map(
      (specs) => new OpenBatch(specs, batchSize, () => take(batchBytes(inputs, batchSize))),
    );
    const room = this.#takeRoom(names, order);
    const load = this.#loader(inputs, order, room.pools);
    let reading = load(0);
    let made = 0;
    try {
      for (const [place, pool] of order.entries()) {
        const stored = (await reading)!;
        reading = load(place + 1);
        // Should the consumer stop here, a failure of the read ahead must not end the process.
        reading?.catch(() => undefined);
        const kindOf = cut ? kindsBy(stored[cut.mask]!, cut.lengths) : () => 0;
        for (const row of pool.visits()) {
          const kind = kindOf(row);
          const batch = open[kind]!;
          if (!batch.add(row)) continue;
          if (made++ < skip) {
            batch.drop();
            continue;
          }
          batch.write(stored);
          yield { ...batch.end(), kind };
        }
        for (const batch of open) batch.write(stored);
      }
      this.#checked = JSON.stringify(inputs);
    } finally {
      await reading?.catch(() => undefined);
      this.#room = room;
    }
    for (const [kind, batch] of open.entries()) {
      if (batch.rows === 0 || made++ < skip) continue;
      yield { ...batch.end(), kind };
    }
  }

  /** The memory of the last pass, or new: a pass that runs beside another one has its own. */
  #takeRoom(names: readonly string[], order: readonly Pool[]) {
    const rows = order.reduce((most, { room }) => Math.max(most, room), 0);
    const key = JSON.stringify([names, rows]);
    const last = this.#room;
    this.#room = undefined;
    if (last?.key === key) return last;
    const count = Math.min(2, order.length);
    const pools = Array.from({ length: count }, () => new RowPool(this.#files[0]!, names, rows));
    return { key, pools };
  }

  /** Reads pools into the rooms by turns; past the last pool nothing. */
  #loader(inputs: Record<string, InputSpec>, order: readonly Pool[], rooms: readonly RowPool[]) {
    const limits = indexLimits(inputs, this.#tables);
    const checked = this.#checked === JSON.stringify(inputs);
    return (place: number): Promise<Columns> | undefined => {
      const pool = order[place];
      return (
        pool &&
        rooms[place % 2]!.read(this.#files, pool.runs, (columns, { file, from }) => {
          if (!checked) checkColumns(inputs, columns, limits, this.#files[file]!.path, from);
        })
      );
    };
  }
}

/** Sizes of the tables that int32 inputs point into. */
function indexLimits(
  inputs: Record<string, InputSpec>,
  tables: RowSource['tables'],
): Record<string, number> {
  const limits: Record<string, number> = {};
  for (const [name, { dtype }] of Object.entries(inputs)) {
    const table = tables.find((t) => name.endsWith(`_${t.name}`));
    if (dtype === 'int32' && table) limits[name] = table.size;
  }
  return limits;
}

/** Tells of a row the place in `lengths` of the first length that holds all its labels. */
function kindsBy({ data, shape }: Columns[string], lengths: readonly number[]) {
  const width = shape[1]!;
  const kinds = Array.from({ length: width + 1 }, (_, last) =>
    lengths.findIndex((length) => length >= last),
  );
  return (row: number): number => {
    const start = row * width;
    let last = width;
    while (last > 0 && data[start + last - 1] === 0) last--;
    return kinds[last]!;
  };
}
