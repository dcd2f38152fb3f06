/** What became of the exposures of one user: which slate showed them, and what the user did with them. */
import { type EventTable, sortBy } from './event-table.ts';
import { Pairs } from './pairs.ts';
import type { Part } from './part.ts';
import type { Slates } from './slates.ts';

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
  /** 1 when it happened at or after the start, by the same user with the same request and item. */
  click: Uint8Array;
  long: Uint8Array;
  like: Uint8Array;
  order: Uint8Array;
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

const rowsOf = (table: EventTable, user: number): Int32Array =>
  table.order.subarray(table.from[user]!, table.from[user + 1]!);

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
  readonly #pairs = new Pairs();
  /** By request code: the latest slate with that id so far; −1 between users. */
  readonly #slateOf: Int32Array;
  /** By item code: first of the user's orders of it that are still ahead; −1 between users. */
  readonly #orderOf: Int32Array;

  constructor(part: Part) {
    this.#part = part;
    this.#slateOf = new Int32Array(part.codes.request.size).fill(-1);
    this.#orderOf = new Int32Array(part.codes.item.size).fill(-1);
  }

  exposures(user: number, slates: Slates): Exposures {
    const table = this.#part.tables.exposure;
    const row = rowsOf(table, user);
    const n = row.length;
    const started = pick(table.floats('started'), row);
    const ended = pick(table.floats('ended'), row);
    const exposures: Exposures = {
      count: n,
      row,
      item: pickInts(table.ints('item'), row),
      device: pickInts(table.ints('device'), row),
      session: pickInts(table.ints('session'), row),
      started,
      ended,
      slate: new Int32Array(n).fill(-1),
      click: new Uint8Array(n),
      long: new Uint8Array(n),
      like: new Uint8Array(n),
      order: new Uint8Array(n),
      clickHeard: new Float64Array(n).fill(Number.NaN),
      removedTs: new Float64Array(n).fill(Number.POSITIVE_INFINITY),
      removedReason: new Int32Array(n).fill(-1),
      byStart: sortedPlaces(n, started, started),
      byEnd: sortedPlaces(n, ended, started),
    };
    const request = pickInts(table.ints('request'), row);
    this.#attribute(exposures, request, slates);
    this.#label(user, exposures, request);
    return exposures;
  }

  #attribute({ byStart, started, slate }: Exposures, request: Int32Array, slates: Slates): void {
    let s = 0;
    for (const e of byStart) {
      for (; s < slates.count && slates.ts[s]! <= started[e]!; s++) {
        if (slates.request[s]! >= 0) this.#slateOf[slates.request[s]!] = s;
      }
      if (request[e]! >= 0) slate[e] = this.#slateOf[request[e]!]!;
    }
    for (const code of slates.request) if (code >= 0) this.#slateOf[code] = -1;
  }

  #label(user: number, exposures: Exposures, request: Int32Array): void {
    const { page_view, play, feedback, order } = this.#part.tables;
    const followers = [page_view, play, feedback, order].map((table) => rowsOf(table, user));
    const [views, plays, feedbacks, orders] = followers as [
      Int32Array,
      Int32Array,
      Int32Array,
      Int32Array,
    ];
    const total = followers.reduce((sum, rows) => sum + rows.length, 0);
    if (total === 0) return;
    const pairs = this.#pairs;
    pairs.reset(total);
    const pairOf = (table: EventTable, row: number): number => {
      const code = table.ints('request')[row]!;
      return code < 0 ? -1 : pairs.add(code, table.ints('item')[row]!);
    };
    const pairsOf = (table: EventTable, rows: Int32Array): Int32Array =>
      rows.map((row) => pairOf(table, row));
    const [viewPair, playPair, feedbackPair, orderPair] = [
      pairsOf(page_view, views),
      pairsOf(play, plays),
      pairsOf(feedback, feedbacks),
      pairsOf(order, orders),
    ];

    // Of plays, likes and orders the last one of a pair decides: it is at or after the start, or none is.
    const latest = (table: EventTable, rows: Int32Array, of: Int32Array, counts?: Int32Array) => {
      const last = new Float64Array(pairs.size).fill(Number.NEGATIVE_INFINITY);
      const ts = table.floats('ts');
      rows.forEach((row, i) => {
        if (of[i]! >= 0 && (!counts || counts[row] === 1)) {
          last[of[i]!] = Math.max(last[of[i]!]!, ts[row]!);
        }
      });
      return last;
    };
    const lastLong = latest(play, plays, playPair, play.ints('long'));
    const lastLike = latest(feedback, feedbacks, feedbackPair, feedback.ints('like'));
    const lastOrder = latest(order, orders, orderPair);

    // Of page views and deletions the first one at or after the start is wanted. Exposures come in the
    // order of their start, so what lies behind one of a pair lies behind the next as well.
    const clicks = chains(pairs.size, views, viewPair, page_view.floats('started'));
    const isRemoval = feedback.ints('removal');
    const removals = chains(
      pairs.size,
      feedbacks.filter((row) => isRemoval[row] === 1),
      feedbackPair.filter((_, i) => isRemoval[feedbacks[i]!] === 1),
      feedback.floats('ts'),
    );
    const heard = page_view.floats('heard');
    const reason = feedback.ints('reason');
    const { dictionary } = this.#part.codes.word;
    for (const e of exposures.byStart) {
      if (request[e]! < 0) continue;
      const pair = pairs.find(request[e]!, exposures.item[e]!);
      if (pair < 0) continue;
      const started = exposures.started[e]!;
      if (lastLong[pair]! >= started) exposures.long[e] = 1;
      if (lastLike[pair]! >= started) exposures.like[e] = 1;
      if (lastOrder[pair]! >= started) exposures.order[e] = 1;
      for (const at of clicks.first(pair, started)) {
        exposures.click[e] = 1;
        const time = heard[views[at]!]!;
        exposures.clickHeard[e] = Number.isNaN(exposures.clickHeard[e]!)
          ? time
          : Math.min(exposures.clickHeard[e]!, time);
      }
      for (const at of removals.first(pair, started)) {
        const row = removals.rows[at]!;
        exposures.removedTs[e] = feedback.floats('ts')[row]!;
        const known = exposures.removedReason[e]!;
        // Of several at one moment the reason that sorts first.
        if (known < 0 || dictionary.text(reason[row]!) < dictionary.text(known)) {
          exposures.removedReason[e] = reason[row]!;
        }
      }
    }
  }

  pageViews(user: number): PageViews {
    const { page_view: table, order } = this.#part.tables;
    const row = rowsOf(table, user);
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
    this.#findOrders(views, rowsOf(order, user));
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

/** Rows by pair in the order of `time`, walked through once with rising start times. */
function chains(pairs: number, rows: Int32Array, pairOf: Int32Array, time: Float64Array) {
  const head = new Int32Array(pairs).fill(-1);
  const next = new Int32Array(rows.length).fill(-1);
  const places = sortedPlaces(rows.length, pick(time, rows), pick(time, rows));
  for (let i = places.length - 1; i >= 0; i--) {
    const at = places[i]!;
    const pair = pairOf[at]!;
    if (pair < 0) continue;
    next[at] = head[pair]!;
    head[pair] = at;
  }
  const found: number[] = [];
  /** Places of the earliest rows of the pair at or after `start`: several when they have one time. */
  const first = (pair: number, start: number): readonly number[] => {
    let at = head[pair]!;
    while (at >= 0 && time[rows[at]!]! < start) at = next[at]!;
    head[pair] = at;
    found.length = 0;
    if (at < 0) return found;
    const earliest = time[rows[at]!]!;
    for (; at >= 0 && time[rows[at]!] === earliest; at = next[at]!) found.push(at);
    return found;
  };
  return { first, rows };
}
