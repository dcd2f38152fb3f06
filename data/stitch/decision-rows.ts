/** Request decisions of a user: one row for each. */
import { NULL_INT } from '../parquet/column.ts';
import type { StitchCounts } from './counts.ts';
import type { Known, MomentList } from './moments.ts';
import type { Exposures } from './outcomes.ts';
import type { BlockColumns } from './page-blocks.ts';
import type { Part } from './part.ts';
import type { UserRows } from './rerank-rows.ts';
import { flag, type SampleTable } from './sample-table.ts';
import { ExposureColumns, PageViewColumns } from './sequence-columns.ts';
import { REQUEST } from './slates.ts';
import { watermarkOf } from './windows.ts';

export interface DecisionLengths {
  since: number;
  sessionClicks: number;
  clicks: number;
  unexposed: number;
}

const NONE = new Int32Array(0);
/** Exposures after a decision whose orders count. */
const SLOTS = [5, 10, 15, 20] as const;
const MOST_SLOTS = Math.max(...SLOTS);

type Columns = [since: ExposureColumns, session: PageViewColumns, clicks: PageViewColumns];

/** What came of the exposures that follow a moment, asked with rising moments. */
class NextExposures {
  readonly #exposures: Exposures;
  #at = 0;

  constructor(exposures: Exposures) {
    this.#exposures = exposures;
  }

  /**
   * The places, among the exposures started after `now` and told by `end`, of the first that was ordered and
   * of the first that was clicked by then; of `most` exposures. Infinity: none.
   */
  firsts(now: number, end: number, most: number): { order: number; click: number } {
    const { byStart, started, told, orderTs, clickTs } = this.#exposures;
    while (this.#at < byStart.length && started[byStart[this.#at]!]! <= now) this.#at++;
    const firsts = { order: Number.POSITIVE_INFINITY, click: Number.POSITIVE_INFINITY };
    let place = 0;
    for (let i = this.#at; i < byStart.length && place < most; i++) {
      const e = byStart[i]!;
      if (started[e]! > end) break;
      if (told[e]! > end) continue;
      if (orderTs[e]! <= end) firsts.order = Math.min(firsts.order, place);
      if (clickTs[e]! <= end) firsts.click = Math.min(firsts.click, place);
      place++;
    }
    return firsts;
  }
}

export class DecisionRows {
  readonly #part: Part;
  readonly #lengths: DecisionLengths;
  readonly #blocks: BlockColumns | undefined;
  readonly #offsetMs: number;
  readonly #columns = new Map<SampleTable, Columns>();
  /** By request code: the last request with that id so far; −1 between users. */
  readonly #pageOf: Int32Array;

  constructor(
    part: Part,
    lengths: DecisionLengths,
    blocks: BlockColumns | undefined,
    offsetMs: number,
  ) {
    this.#part = part;
    this.#lengths = lengths;
    this.#blocks = blocks;
    this.#offsetMs = offsetMs;
    this.#pageOf = new Int32Array(part.codes.request.size).fill(-1);
  }

  write(
    user: UserRows,
    tableOf: (day: number) => SampleTable,
    counts: StitchCounts,
  ): Set<SampleTable> {
    const full = new Set<SampleTable>();
    const events = this.#part.tables.decision;
    const rows = events.of(user.user);
    if (rows.length === 0) return full;
    const moments: MomentList = {
      count: rows.length,
      ts: Float64Array.from(rows, (row) => events.floats('ts')[row]!),
      device: rows.map((row) => events.ints('device')[row]!),
      session: rows.map((row) => events.ints('session')[row]!),
    };
    const known = user.lanes.known(moments);
    const next = new NextExposures(user.exposures);
    const { slates } = user;
    const lastCall = new Map<number, number>();
    let [strict, s] = [0, 0];
    for (let d = 0; d < rows.length; d++) {
      const now = moments.ts[d]!;
      // The call whose exposures count began strictly before; the page on the screen may be of this moment.
      for (; strict < slates.count && slates.ts[strict]! < now; strict++) {
        if (slates.kind[strict] === REQUEST)
          lastCall.set(slates.device[strict]!, slates.ts[strict]!);
      }
      for (; s < slates.count && slates.ts[s]! <= now; s++) {
        if (slates.kind[s] === REQUEST) this.#pageOf[slates.request[s]!] = slates.row[s]!;
      }
      const day = Math.floor((now + this.#offsetMs) / 86_400_000);
      const table = tableOf(day);
      const era = lastCall.get(moments.device[d]!) ?? 0;
      this.#writeRow(user, rows[d]!, moments, d, known, era, next, table, day, counts);
      if (table.endRow()) full.add(table);
    }
    for (const code of slates.request) if (code >= 0) this.#pageOf[code] = -1;
    return full;
  }

  #columnsOf(table: SampleTable): Columns {
    let columns = this.#columns.get(table);
    if (!columns) {
      columns = [
        new ExposureColumns(table, 'since_exp', this.#part),
        new PageViewColumns(table, 'sclk', this.#part, this.#blocks),
        new PageViewColumns(table, 'clk', this.#part, this.#blocks),
      ];
      this.#columns.set(table, columns);
    }
    return columns;
  }

  #writeRow(
    user: UserRows,
    row: number,
    moments: MomentList,
    d: number,
    known: Known,
    era: number,
    next: NextExposures,
    table: SampleTable,
    day: number,
    counts: StitchCounts,
  ): void {
    const { tables, facts } = this.#part;
    const events = tables.decision;
    const now = moments.ts[d]!;
    const request = events.ints('request')[row]!;
    const page = request < 0 ? -1 : this.#pageOf[request]!;
    const arm = events.ints('arm')[row]!;
    const propensity = events.floats('propensity')[row]!;
    const end = now + facts.windows.decisionWindowMs;
    const matured = Number(end < watermarkOf(facts));
    const firsts = next.firsts(now, end, MOST_SLOTS);
    counts.decisions++;
    counts.maturedDecisions += matured;
    if (arm !== NULL_INT && propensity > 0 && propensity < 1) counts.randomisedDecisions++;

    table.setText('sample_id', events.bytes('event_id').text(row));
    table.setText('decision_id', events.bytes('decision_id').text(row));
    table.set('user_key', user.user);
    table.set('device_id', moments.device[d]!);
    table.set('session_id', moments.session[d]!);
    table.set('date', day);
    table.set('decision_ts', now);
    table.set('scene', page < 0 ? -1 : tables.request.ints('scene')[page]!);
    table.set('page_no', page < 0 ? NULL_INT : tables.request.ints('page_no')[page]!);
    table.set(
      'session_exposures',
      known.sessionExposures[d]! < 0 ? NULL_INT : known.sessionExposures[d]!,
    );
    table.set('session_clicks', known.sessionClicks[d]! < 0 ? NULL_INT : known.sessionClicks[d]!);
    table.set('hour', Math.floor((now + this.#offsetMs) / 3_600_000) % 24);
    table.set('arm', arm);
    table.set('propensity', propensity);
    table.set('depth', events.ints('depth')[row]!);
    for (const n of SLOTS) {
      table.set(`label_order_n${n}`, flag(facts.hasOrder, Number(firsts.order < n)));
    }
    table.set('label_click_n10', flag(facts.hasPageView, Number(firsts.click < 10)));
    table.set('matured', matured);
    this.#writeUnexposed(row, table);
    this.#writeSequences(user, known, d, now, era, table);
  }

  #writeUnexposed(row: number, table: SampleTable): void {
    const events = this.#part.tables.decision;
    const { values, starts } = events.lists('unexposed');
    const end = Math.min(starts[row + 1]!, starts[row]! + this.#lengths.unexposed);
    table.setLength('unexposed', end - starts[row]!);
    for (let at = starts[row]!; at < end; at++) table.set('unexposed_item', values[at]!);
    table.set('unexposed_count', events.ints('unexposed_count')[row]!);
  }

  #writeSequences(
    { exposures, pageViews, lanes }: UserRows,
    known: Known,
    d: number,
    now: number,
    era: number,
    table: SampleTable,
  ): void {
    const [since, session, clicks] = this.#columnsOf(table);
    const l = known.lane[d]!;
    const lane = lanes.lanes[l];
    // Backwards from the last that had ended: what ended before the call did not start after it.
    const shown: number[] = [];
    for (let at = lane ? known.exposures[d]! - 1 : -1; at >= 0; at--) {
      const e = lane!.exposures[at]!;
      if (shown.length === this.#lengths.since || exposures.ended[e]! < era) break;
      if (exposures.started[e]! >= era) shown.push(e);
    }
    const sinceCall = Int32Array.from(shown.reverse());
    since.write(exposures, sinceCall, 0, sinceCall.length, now, NONE);

    const ofSession: number[] = [];
    let at = known.lastInSession[d]!;
    while (at >= 0 && ofSession.length < this.#lengths.sessionClicks) {
      ofSession.push(lane!.pageViews[at]!);
      at = lanes.beforeInSession[l]![at]!;
    }
    const inSession = Int32Array.from(ofSession.reverse());
    session.write(pageViews, inSession, 0, inSession.length, now);

    const viewed = lane ? known.pageViews[d]! : 0;
    const first = Math.max(0, viewed - this.#lengths.clicks);
    clicks.write(pageViews, lane?.pageViews ?? NONE, first, viewed, now);
  }
}
