/** Writes sequences of behaviours into the columns of a sample. */

import type { Floats, Ints } from '../columns/growing.ts';
import { PAGE_BLOCKS } from '../contracts/device-log.ts';
import { NULL_INT } from '../parquet/column.ts';
import type { Exposures, PageViews } from './outcomes.ts';
import type { BlockColumns } from './page-blocks.ts';
import type { Part } from './part.ts';
import type { SampleTable } from './sample-table.ts';

/** A column that is copied from the events: where from, where to, and what stands for null. */
interface Copied {
  source: Int32Array | Float64Array;
  target: Ints | Floats;
  unknown: number;
}

function copied(
  table: SampleTable,
  prefix: string,
  sources: Record<string, Int32Array | Float64Array>,
): Copied[] {
  return Object.entries(sources).flatMap(([name, source]) => {
    const target = table.numbers(`${prefix}_${name}`);
    const unknown = source instanceof Int32Array ? NULL_INT : Number.NaN;
    return target ? [{ source, target, unknown }] : [];
  });
}

const present = (part: Part, type: 'exposure' | 'page_view', names: readonly string[]) => {
  const table = part.tables[type];
  return Object.fromEntries(
    names.flatMap((name) => (table.hasFloats(name) ? [[name, table.floats(name)]] : [])),
  );
};

/** `duration_ms` of every row. */
function durations(part: Part, type: 'exposure' | 'page_view'): Float64Array {
  const started = part.tables[type].floats('started');
  return part.tables[type].floats('ended').map((ended, row) => ended - started[row]!);
}

/** Scratch: rows of the table behind places of a sequence. */
class Rows {
  data = new Int32Array(64);

  take(row: Int32Array, places: Int32Array, from: number, to: number): Int32Array {
    if (this.data.length < to - from) this.data = new Int32Array(2 * (to - from));
    for (let i = from; i < to; i++) this.data[i - from] = row[places[i]!]!;
    return this.data;
  }
}

/** Columns `<prefix>_…` of exposures; what the source calls null stays null. */
export class ExposureColumns {
  readonly #table: SampleTable;
  readonly #prefix: string;
  readonly #copied: Copied[];
  readonly #item: { source: Int32Array; target: Ints | Floats } | undefined;
  readonly #reason: Ints | Floats | undefined;
  readonly #known: Ints | Floats | undefined;
  readonly #score: Ints | Floats | undefined;
  readonly #rows = new Rows();

  constructor(table: SampleTable, prefix: string, part: Part) {
    const events = part.tables.exposure;
    this.#table = table;
    this.#prefix = prefix;
    const item = table.numbers(`${prefix}_item`);
    this.#item = item && { source: events.ints('item'), target: item };
    this.#copied = copied(table, prefix, {
      ...present(part, 'exposure', ['started', 'ended', 'scroll_speed', 'scroll_duration_ms']),
      ...events.someInts(['position', 'count', 'scroll_count']),
      ...(table.numbers(`${prefix}_duration_ms`) && { duration_ms: durations(part, 'exposure') }),
    });
    this.#score = table.numbers(`${prefix}_score`);
    this.#reason = table.numbers(`${prefix}_delete_reason`);
    this.#known = table.numbers(`${prefix}_known`);
  }

  /**
   * Appends `places[from]` … `places[to − 1]` as this row's sequence, behind the items of the undated
   * history that fill up what room is left.
   * @param now a deletion is known only from the moment on at which it happened
   */
  write(
    exposures: Exposures,
    places: Int32Array,
    from: number,
    to: number,
    now: number,
    seed: Int32Array,
  ): void {
    const rows = this.#rows.take(exposures.row, places, from, to);
    const n = to - from;
    this.#table.setLength(this.#prefix, seed.length + n);
    if (this.#item) {
      for (const item of seed) this.#item.target.push(item);
      this.#item.target.gather(this.#item.source, rows, 0, n);
    }
    for (const { source, target, unknown } of this.#copied) {
      if (seed.length > 0) target.fill(unknown, seed.length);
      target.gather(source, rows, 0, n);
    }
    if (this.#known) {
      this.#known.fill(0, seed.length);
      this.#known.fill(1, n);
    }
    if (this.#score) {
      this.#score.fill(Number.NaN, seed.length);
      this.#score.gather(exposures.score, places, from, to);
    }
    if (this.#reason) {
      this.#reason.fill(-1, seed.length);
      for (let i = from; i < to; i++) {
        const e = places[i]!;
        this.#reason.push(exposures.removedTs[e]! < now ? exposures.removedReason[e]! : -1);
      }
    }
  }
}

/** Columns `<prefix>_…` of page views. */
export class PageViewColumns {
  readonly #table: SampleTable;
  readonly #prefix: string;
  readonly #copied: Copied[];
  readonly #known: Ints | Floats | undefined;
  readonly #bought: Ints | Floats | undefined;
  readonly #hasOrder: boolean;
  readonly #rows = new Rows();

  constructor(table: SampleTable, prefix: string, part: Part, blocks: BlockColumns | undefined) {
    const events = part.tables.page_view;
    this.#table = table;
    this.#prefix = prefix;
    this.#hasOrder = part.facts.hasOrder;
    this.#copied = copied(table, prefix, {
      ...events.someInts(['item', 'source']),
      ...present(part, 'page_view', ['started', 'ended']),
      ...(table.numbers(`${prefix}_duration_ms`) && { duration_ms: durations(part, 'page_view') }),
      ...(blocks &&
        Object.fromEntries(
          PAGE_BLOCKS.flatMap((block, b) => [
            [block, blocks.clicks[b]!],
            [`${block}_dwell_ms`, blocks.dwellMs[b]!],
          ]),
        )),
    });
    this.#known = table.numbers(`${prefix}_known`);
    this.#bought = table.numbers(`${prefix}_bought`);
  }

  /** Appends `places[from]` … `places[to − 1]`; a purchase is known only after it was made. */
  write(views: PageViews, places: Int32Array, from: number, to: number, now: number): void {
    const rows = this.#rows.take(views.row, places, from, to);
    const n = to - from;
    this.#table.setLength(this.#prefix, n);
    for (const { source, target } of this.#copied) target.gather(source, rows, 0, n);
    this.#known?.fill(1, n);
    if (!this.#bought) return;
    for (let i = from; i < to; i++) {
      this.#bought.push(this.#hasOrder ? Number(views.boughtTs[places[i]!]! < now) : NULL_INT);
    }
  }
}
