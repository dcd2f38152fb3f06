/** What became of the exposures of one user: which slate showed them, and what the user did with them. */
import { sortBy } from '../columns/event-table.ts';
import { followersOf } from './followers.ts';
import type { Part } from './part.ts';
import { SlatePlaces } from './slate-places.ts';
import type { Slates } from './slates.ts';
import { toldAt } from './windows.ts';

/** By exposure of a user, in the order of device time. */
export interface Exposures {
  count: number;
  /** Row in the table. */
  row: Int32Array;
  item: Int32Array;
  device: Int32Array;
  session: Int32Array;
  started: Float64Array;
  /** NaN while unfinished. */
  ended: Float64Array;
  /** The slate that showed it: the latest decision of its request at or before its start; −1: none. */
  slate: Int32Array;
  /** Its place in `slates.item` of that slate; −1 where it has none, and when nobody asks. */
  place: Int32Array;
  /** The ranker's score there; NaN where it is not known. */
  score: Float64Array;
  /** When the phone told of it. */
  told: Float64Array;
  /** 1 when it was told within the exposure window of its slate: only then is it a label. */
  inWindow: Uint8Array;
  /**
   * 1 when it began at or after the start and was told within the label window, by the same user with the
   * same request and item.
   */
  click: Uint8Array;
  long: Uint8Array;
  like: Uint8Array;
  order: Uint8Array;
  /** When the phone told of the click, and of the order; Infinity where there is none. */
  clickTs: Float64Array;
  orderTs: Float64Array;
  /** When the cloud heard of the click. */
  clickHeard: Float64Array;
  /** First deletion at or after the start; Infinity when there is none. */
  removedTs: Float64Array;
  /** Its reason's code. */
  removedReason: Int32Array;
  /** Places in the order of `started`. */
  byStart: Int32Array;
  /** Places of the finished ones in the order of `ended`, then `started`. */
  byEnd: Int32Array;
}

/** By page view of a user, in the order of device time. */
export interface PageViews {
  count: number;
  row: Int32Array;
  item: Int32Array;
  device: Int32Array;
  session: Int32Array;
  started: Float64Array;
  ended: Float64Array;
  /** First order of the item at or after the start, whatever its request; Infinity when there is none. */
  boughtTs: Float64Array;
  byEnd: Int32Array;
}

const NO_PLACES = new Int32Array(0);
const NO_SCORES = new Float64Array(0);

const pick = (source: Float64Array, rows: Int32Array): Float64Array => {
  const out = new Float64Array(rows.length);
  for (let i = 0; i < rows.length; i++) out[i] = source[rows[i]!]!;
  return out;
};
const pickInts = (source: Int32Array, rows: Int32Array): Int32Array => {
  const out = new Int32Array(rows.length);
  for (let i = 0; i < rows.length; i++) out[i] = source[rows[i]!]!;
  return out;
};

/** Places of 0 … n − 1 for which `keep` holds, sorted. */
function sortedPlaces(n: number, first: Float64Array, second: Float64Array): Int32Array {
  const places = new Int32Array(n);
  let kept = 0;
  for (let i = 0; i < n; i++) if (!Number.isNaN(first[i]!)) places[kept++] = i;
  const found = places.subarray(0, kept);
  sortBy(found, first, second);
  return found;
}

/** Reads the exposures and page views of user after user, with scratch made once for a part. */
export class OutcomeReader {
  readonly #part: Part;
  /** By request code: the latest slate with that id so far; −1 between users. */
  readonly #slateOf: Int32Array;
  /** By item code: first of the user's orders of it that are still ahead; −1 between users. */
  readonly #orderOf: Int32Array;

  readonly #places: SlatePlaces | undefined;

  /** @param places whether the exposures' places and scores in their slates are wanted */
  constructor(part: Part, places: boolean) {
    this.#part = part;
    this.#places = places ? new SlatePlaces(part.codes.item.size) : undefined;
    this.#slateOf = new Int32Array(part.codes.request.size).fill(-1);
    this.#orderOf = new Int32Array(part.codes.item.size).fill(-1);
  }

  exposures(user: number, slates: Slates): Exposures {
    const table = this.#part.tables.exposure;
    const row = table.of(user);
    const n = row.length;
    const started = pick(table.floats('started'), row);
    const ended = pick(table.floats('ended'), row);
    const told = pick(table.floats('ts'), row);
    for (let e = 0; e < n; e++) told[e] = toldAt(told[e]!, started[e]!);
    const exposures: Exposures = {
      count: n,
      row,
      item: pickInts(table.ints('item'), row),
      device: pickInts(table.ints('device'), row),
      session: pickInts(table.ints('session'), row),
      started,
      ended,
      slate: new Int32Array(n).fill(-1),
      place: NO_PLACES,
      score: NO_SCORES,
      told,
      inWindow: new Uint8Array(n),
      click: new Uint8Array(n),
      long: new Uint8Array(n),
      like: new Uint8Array(n),
      order: new Uint8Array(n),
      clickTs: new Float64Array(n).fill(Number.POSITIVE_INFINITY),
      orderTs: new Float64Array(n).fill(Number.POSITIVE_INFINITY),
      clickHeard: new Float64Array(n).fill(Number.NaN),
      removedTs: new Float64Array(n).fill(Number.POSITIVE_INFINITY),
      removedReason: new Int32Array(n).fill(-1),
      byStart: sortedPlaces(n, started, started),
      byEnd: sortedPlaces(n, ended, started),
    };
    const request = pickInts(table.ints('request'), row);
    this.#attribute(exposures, request, slates);
    if (this.#places) {
      const place = this.#places.of(slates, exposures.slate, exposures.item);
      exposures.place = place;
      exposures.score = Float64Array.from(place, (c) =>
        c < 0 ? Number.NaN : slates.score.data[c]!,
      );
    }
    this.#label(user, exposures, request);
    return exposures;
  }

  #attribute(exposures: Exposures, request: Int32Array, slates: Slates): void {
    const { byStart, started, told, slate, inWindow } = exposures;
    const { exposureWindowMs } = this.#part.facts.windows;
    let s = 0;
    for (const e of byStart) {
      for (; s < slates.count && slates.ts[s]! <= started[e]!; s++) {
        if (slates.request[s]! >= 0) this.#slateOf[slates.request[s]!] = s;
      }
      if (request[e]! < 0) continue;
      const shownBy = this.#slateOf[request[e]!]!;
      slate[e] = shownBy;
      if (shownBy >= 0) inWindow[e] = Number(told[e]! <= slates.ts[shownBy]! + exposureWindowMs);
    }
    for (const code of slates.request) if (code >= 0) this.#slateOf[code] = -1;
  }

  #label(user: number, exposures: Exposures, request: Int32Array): void {
    const { tables, codes, facts } = this.#part;
    const { pair: pairOf, chain } = followersOf(this.#part, user);
    const heard = tables.page_view.floats('heard');
    const feedbackTs = tables.feedback.floats('ts');
    const reason = tables.feedback.ints('reason');
    for (const e of exposures.byStart) {
      const pair = pairOf(request[e]!, exposures.item[e]!);
      if (pair < 0) continue;
      const started = exposures.started[e]!;
      const end = started + facts.windows.labelWindowMs;
      for (const name of ['long', 'like', 'order'] as const) {
        const row = chain[name].first(pair, started);
        if (row < 0 || chain[name].told(row) > end) continue;
        exposures[name][e] = 1;
        if (name === 'order') exposures.orderTs[e] = chain.order.told(row);
      }
      const click = chain.click.first(pair, started);
      if (click >= 0 && chain.click.told(click) <= end) {
        exposures.click[e] = 1;
        exposures.clickTs[e] = chain.click.told(click);
        let earliest = heard[click]!;
        for (const row of chain.click.together(pair, started)) {
          earliest = Math.min(earliest, heard[row]!);
        }
        exposures.clickHeard[e] = earliest;
      }
      const removal = chain.removal.first(pair, started);
      if (removal < 0) continue;
      exposures.removedTs[e] = feedbackTs[removal]!;
      // Of several at one moment the reason that sorts first.
      let first = reason[removal]!;
      for (const row of chain.removal.together(pair, started)) {
        if (codes.word.text(reason[row]!) < codes.word.text(first)) first = reason[row]!;
      }
      exposures.removedReason[e] = first;
    }
  }

  pageViews(user: number): PageViews {
    const { page_view: table, order } = this.#part.tables;
    const row = table.of(user);
    const started = pick(table.floats('started'), row);
    const ended = pick(table.floats('ended'), row);
    const views: PageViews = {
      count: row.length,
      row,
      item: pickInts(table.ints('item'), row),
      device: pickInts(table.ints('device'), row),
      session: pickInts(table.ints('session'), row),
      started,
      ended,
      boughtTs: new Float64Array(row.length).fill(Number.POSITIVE_INFINITY),
      byEnd: sortedPlaces(row.length, ended, started),
    };
    this.#findOrders(views, order.of(user));
    return views;
  }

  #findOrders(views: PageViews, orders: Int32Array): void {
    if (orders.length === 0) return;
    const { order } = this.#part.tables;
    const item = order.ints('item');
    const ts = order.floats('ts');
    const next = new Int32Array(orders.length).fill(-1);
    for (let i = orders.length - 1; i >= 0; i--) {
      const code = item[orders[i]!]!;
      next[i] = this.#orderOf[code]!;
      this.#orderOf[code] = i;
    }
    for (const v of sortedPlaces(views.count, views.started, views.started)) {
      const code = views.item[v]!;
      let at = this.#orderOf[code]!;
      while (at >= 0 && ts[orders[at]!]! < views.started[v]!) at = next[at]!;
      this.#orderOf[code] = at;
      if (at >= 0) views.boughtTs[v] = ts[orders[at]!]!;
    }
    for (const row of orders) this.#orderOf[item[row]!] = -1;
  }
}
