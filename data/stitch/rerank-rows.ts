/** Rerank samples of a user: one row for each part of each slate decision. */

import type { Ints } from '../columns/growing.ts';
import { NULL_INT } from '../parquet/column.ts';
import type { StitchCounts } from './counts.ts';
import { Intents } from './intents.ts';
import type { Known, Lanes } from './moments.ts';
import type { Exposures, PageViews } from './outcomes.ts';
import type { BlockColumns } from './page-blocks.ts';
import type { Part } from './part.ts';
import { flag, type SampleTable } from './sample-table.ts';
import { ExposureColumns, PageViewColumns } from './sequence-columns.ts';
import { REQUEST, RERANK, type Slates } from './slates.ts';
import { watermarkOf } from './windows.ts';

export interface RerankLengths {
  candidates: number;
  exposures: number;
  pageViews: number;
  carts: number;
  orders: number;
}

const NONE = new Int32Array(0);
/** Labels beside `exposed`. */
const LABELS = ['click', 'long', 'like', 'order'] as const;
type Label = (typeof LABELS)[number];

/** Everything known of one user. */
export interface UserRows {
  user: number;
  slates: Slates;
  exposures: Exposures;
  pageViews: PageViews;
  lanes: Lanes;
}

/** What happened to an item under a slate; an item exposed twice counts once, with what was best. */
class Outcomes {
  readonly #slate: Int32Array;
  readonly labels: Record<Label, Uint8Array>;
  readonly #wanted: readonly Label[];
  #mark = 0;

  /** @param wanted the others stay 0 */
  constructor(items: number, wanted: readonly Label[]) {
    this.#slate = new Int32Array(items);
    this.#wanted = wanted;
    this.labels = {
      click: new Uint8Array(items),
      long: new Uint8Array(items),
      like: new Uint8Array(items),
      order: new Uint8Array(items),
    };
  }

  next(): void {
    this.#mark++;
  }

  has(item: number): boolean {
    return this.#slate[item] === this.#mark;
  }

  /** @returns whether the item is new under this slate */
  add(item: number, exposures: Exposures, e: number): boolean {
    const fresh = this.#slate[item] !== this.#mark;
    for (const name of this.#wanted) {
      const value = exposures[name][e]!;
      const labels = this.labels[name];
      labels[item] = fresh ? value : Math.max(labels[item]!, value);
    }
    this.#slate[item] = this.#mark;
    return fresh;
  }
}

/** Columns of one table. */
interface Columns {
  exp: ExposureColumns;
  pv: PageViewColumns;
  exposed: Ints | undefined;
  labels: { source: Uint8Array; known: boolean; target: Ints }[];
}

/** Writes the rows of user after user into the tables of their dates. */
export class RerankRows {
  readonly #part: Part;
  readonly #lengths: RerankLengths;
  readonly #blocks: BlockColumns | undefined;
  readonly #outcomes: Outcomes;
  readonly #offsetMs: number;
  /** Whether the tables have columns of carts or orders. */
  readonly #hasIntents: boolean;
  readonly #columns = new Map<SampleTable, Columns>();

  constructor(
    part: Part,
    lengths: RerankLengths,
    blocks: BlockColumns | undefined,
    offsetMs: number,
    columns: Readonly<Record<string, string>>,
  ) {
    this.#hasIntents = Object.keys(columns).some((name) => /^(cart|ord)_/.test(name));
    this.#part = part;
    this.#lengths = lengths;
    this.#blocks = blocks;
    // Clicks are counted whether or not they are written.
    const wanted = LABELS.filter((name) => name === 'click' || `label_${name}` in columns);
    this.#outcomes = new Outcomes(part.codes.item.size, wanted);
    this.#offsetMs = offsetMs;
  }

  /**
   * @param tableOf the table of a business day, in days since 1970
   * @returns tables that are full
   */
  write(
    user: UserRows,
    known: Known,
    tableOf: (day: number) => SampleTable,
    counts: StitchCounts,
  ): Set<SampleTable> {
    const { slates, exposures } = user;
    const full = new Set<SampleTable>();
    const { facts } = this.#part;
    const { exposureWindowMs, labelWindowMs } = facts.windows;
    const watermark = watermarkOf(facts);
    // Exposures of each slate as a chain.
    const head = new Int32Array(slates.count).fill(-1);
    const next = new Int32Array(exposures.count).fill(-1);
    for (let e = 0; e < exposures.count; e++) {
      const s = exposures.slate[e]!;
      if (s < 0) continue;
      if (exposures.inWindow[e] === 0) {
        counts.exposuresLate++;
        continue;
      }
      next[e] = head[s]!;
      head[s] = e;
    }
    const intents = this.#hasIntents && new Intents(this.#part, user, this.#blocks);
    for (let s = 0; s < slates.count; s++) {
      this.#outcomes.next();
      let closes = slates.ts[s]! + exposureWindowMs;
      for (let e = head[s]!; e >= 0; e = next[e]!) {
        closes = Math.max(closes, exposures.started[e]! + labelWindowMs);
        if (this.#outcomes.add(exposures.item[e]!, exposures, e)) counts.exposuresDistinct++;
      }
      const day = Math.floor((slates.ts[s]! + this.#offsetMs) / 86_400_000);
      const table = tableOf(day);
      const matured = Number(closes < watermark);
      if (this.#writeSlate(user, s, known, intents, table, day, matured, counts)) full.add(table);
    }
    return full;
  }

  #columnsOf(table: SampleTable): Columns {
    let columns = this.#columns.get(table);
    if (!columns) {
      const { facts } = this.#part;
      const knows = {
        click: facts.hasPageView,
        long: facts.hasPlay,
        like: facts.hasFeedback,
        order: facts.hasOrder,
      };
      columns = {
        exp: new ExposureColumns(table, 'exp', this.#part),
        pv: new PageViewColumns(table, 'pv', this.#part, this.#blocks),
        exposed: table.numbers('label_exposed') as Ints | undefined,
        labels: LABELS.flatMap((name) => {
          const target = table.numbers(`label_${name}`) as Ints | undefined;
          return target
            ? [{ source: this.#outcomes.labels[name], known: knows[name], target }]
            : [];
        }),
      };
      this.#columns.set(table, columns);
    }
    return columns;
  }

  /** Later parts of a long slate are kept only when something in them was exposed. */
  #writeSlate(
    user: UserRows,
    s: number,
    known: Known,
    intents: Intents | false,
    table: SampleTable,
    day: number,
    matured: number,
    counts: StitchCounts,
  ): boolean {
    const { slates } = user;
    const N = this.#lengths.candidates;
    const [from, to] = [slates.from.data[s]!, slates.from.data[s + 1]!];
    counts.slates++;
    if (slates.kind[s] === RERANK) counts.reranks++;
    counts.candidates += slates.listed[s]!;
    counts.candidatesRepeated += slates.listed[s]! - (to - from);
    let full = false;
    for (let part = 0; part === 0 || from + part * N < to; part++) {
      const first = from + part * N;
      const end = Math.min(to, first + N);
      let exposed = 0;
      for (let c = first; c < end; c++) {
        if (this.#outcomes.has(slates.item.data[c]!)) exposed++;
      }
      if (part > 0 && exposed === 0) {
        counts.candidatesCut += end - first;
        continue;
      }
      counts.samples++;
      counts.exposuresLabelled += exposed;
      this.#writeMoment(user, s, part, known, table, day);
      table.set('matured', matured);
      this.#writeCandidates(slates, first, end, table, counts);
      this.#writeSequences(user, s, known, table);
      if (intents) intents.write(slates.device[s]!, slates.ts[s]!, this.#lengths, table);
      full = table.endRow() || full;
    }
    return full;
  }

  #writeMoment(
    { user, slates }: UserRows,
    s: number,
    part: number,
    known: Known,
    table: SampleTable,
    day: number,
  ): void {
    const { request, rerank } = this.#part.tables;
    const kind = slates.kind[s]!;
    const events = kind === REQUEST ? request : rerank;
    const row = slates.row[s]!;
    const id = table.hasTexts ? events.bytes('event_id').text(row) : '';
    const page = slates.page[s]!;
    const pageRow = page < 0 ? -1 : slates.row[page]!;
    table.setText('sample_id', part === 0 ? id : `${id}#${part}`);
    table.setText('slate_id', id);
    table.set('part', part);
    table.setText('kind', kind === REQUEST ? 'request' : 'rerank');
    table.set('user_key', user);
    table.set('device_id', slates.device[s]!);
    table.set('session_id', slates.session[s]!);
    table.set('date', day);
    table.set('decision_ts', slates.ts[s]!);
    table.set('scene', pageRow < 0 ? -1 : request.ints('scene')[pageRow]!);
    table.set('page_no', pageRow < 0 ? NULL_INT : request.ints('page_no')[pageRow]!);
    table.set('trigger', events.ints('trigger')[row]!);
    table.set(
      'session_exposures',
      known.sessionExposures[s]! < 0 ? NULL_INT : known.sessionExposures[s]!,
    );
    table.set('session_clicks', known.sessionClicks[s]! < 0 ? NULL_INT : known.sessionClicks[s]!);
    table.set('hour', Math.floor((slates.ts[s]! + this.#offsetMs) / 3_600_000) % 24);
  }

  #writeCandidates(
    slates: Slates,
    first: number,
    end: number,
    table: SampleTable,
    counts: StitchCounts,
  ): void {
    const n = end - first;
    table.setLength('cand', n);
    copy(table, 'cand_item', slates.item.data, first, end);
    copy(table, 'cand_position', slates.position.data, first, end);
    copy(table, 'cand_score', slates.score.data, first, end);
    const { exposed, labels } = this.#columnsOf(table);
    const { click } = this.#outcomes.labels;
    const shown = exposed?.reserve(n);
    for (let c = first; c < end; c++) {
      const item = slates.item.data[c]!;
      const seen = this.#outcomes.has(item);
      if (seen && click[item] === 1) counts.clicksLabelled++;
      if (exposed && shown) shown[exposed.length++] = Number(seen);
    }
    for (const { source, known, target } of labels) {
      const out = target.reserve(n);
      for (let c = first; c < end; c++) {
        const item = slates.item.data[c]!;
        out[target.length++] = this.#outcomes.has(item) ? flag(known, source[item]!) : NULL_INT;
      }
    }
  }

  #writeSequences(
    { user, slates, exposures, pageViews, lanes }: UserRows,
    s: number,
    known: Known,
    table: SampleTable,
  ): void {
    const { exp, pv } = this.#columnsOf(table);
    const now = slates.ts[s]!;
    const lane = lanes.lanes[known.lane[s]!];
    const shown = lane ? known.exposures[s]! : 0;
    const first = Math.max(0, shown - this.#lengths.exposures);
    const room = this.#lengths.exposures - (shown - first);
    const seed = room > 0 ? this.#seed(user, now, room) : NONE;
    exp.write(exposures, lane?.exposures ?? NONE, first, shown, now, seed);
    const viewed = lane ? known.pageViews[s]! : 0;
    pv.write(
      pageViews,
      lane?.pageViews ?? NONE,
      Math.max(0, viewed - this.#lengths.pageViews),
      viewed,
      now,
    );
  }

  /** Items of the undated history that fill what room is left. */
  #seed(user: number, now: number, room: number): Int32Array {
    const history = this.#part.history.get(user);
    const items = history?.findLast(({ asOf }) => asOf <= now)?.items ?? NONE;
    return items.subarray(Math.max(0, items.length - room));
  }
}

function copy(
  table: SampleTable,
  name: string,
  source: Int32Array | Float64Array,
  from: number,
  to: number,
): void {
  const out = table.numbers(name);
  if (!out) return;
  out.reserve(to - from).set(source.subarray(from, to), out.length);
  out.length += to - from;
}
