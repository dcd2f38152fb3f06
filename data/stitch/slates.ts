/** The slate decisions of one user: requests and reranks in the order of device time. */

import type { Lists } from '../columns/event-table.ts';
import { Floats, Ints } from '../columns/growing.ts';
import { NULL_INT } from '../parquet/column.ts';
import type { Part } from './part.ts';

export const REQUEST = 0;
export const RERANK = 1;

/** Candidates as `cand[from[s]] … cand[from[s + 1] − 1]` of slate s; an item stands there once. */
export class Slates {
  count = 0;
  kind = new Uint8Array(0);
  /** Row in the table of its kind. */
  row = new Int32Array(0);
  ts = new Float64Array(0);
  request = new Int32Array(0);
  device = new Int32Array(0);
  session = new Int32Array(0);
  /** The request that a rerank reorders, else the slate itself; −1 when it is not in the log. */
  page = new Int32Array(0);
  /** Candidates that the event lists, repeated ones included. */
  listed = new Int32Array(0);
  readonly from = new Ints();
  readonly item = new Ints();
  readonly position = new Ints();
  readonly score = new Floats();
}

/** Reads the slates of user after user, with scratch that is made once for a part. */
export class SlateReader {
  readonly #part: Part;
  readonly #listed: { items: Lists; positions: ArrayLike<number>; scores?: ArrayLike<number> };
  readonly #before: Lists;
  /** By item: the mark of the last list in which it was met, and its place there. */
  readonly #mark: Int32Array;
  readonly #place: Int32Array;
  #lastMark = 0;
  /** By request code: the last request with that id so far; −1 between users. */
  readonly #pageOf: Int32Array;

  constructor(part: Part) {
    const { request, rerank } = part.tables;
    this.#part = part;
    this.#listed = {
      items: request.lists('cand_item'),
      positions: request.lists('cand_position').values,
      ...(request.hasLists('cand_score') && { scores: request.lists('cand_score').values }),
    };
    this.#before = rerank.lists('order_before');
    this.#mark = new Int32Array(part.codes.item.size);
    this.#place = new Int32Array(part.codes.item.size);
    this.#pageOf = new Int32Array(part.codes.request.size).fill(-1);
  }

  read(user: number): Slates {
    const { request, rerank } = this.#part.tables;
    const requests = request.of(user);
    const reranks = rerank.of(user);
    const slates = new Slates();
    const count = requests.length + reranks.length;
    slates.count = count;
    slates.kind = new Uint8Array(count);
    slates.row = new Int32Array(count);
    slates.ts = new Float64Array(count);
    slates.request = new Int32Array(count);
    slates.device = new Int32Array(count);
    slates.session = new Int32Array(count);
    slates.page = new Int32Array(count);
    slates.listed = new Int32Array(count);
    const tables = [request, rerank];
    const ts = tables.map((table) => table.floats('ts'));
    const columns = (['request', 'device', 'session'] as const).map((name) => ({
      out: slates[name],
      of: tables.map((table) => table.ints(name)),
    }));
    for (let s = 0, a = 0, b = 0; s < count; s++) {
      // A rerank at the very moment of its request comes after it.
      const first =
        b >= reranks.length ||
        (a < requests.length && ts[0]![requests[a]!]! <= ts[1]![reranks[b]!]!);
      const kind = first ? REQUEST : RERANK;
      const row = first ? requests[a++]! : reranks[b++]!;
      slates.kind[s] = kind;
      slates.row[s] = row;
      slates.ts[s] = ts[kind]![row]!;
      for (const { out, of } of columns) out[s] = of[kind]![row]!;
      slates.from.push(slates.item.length);
      if (first) this.#readRequest(slates, s, row);
      else this.#readRerank(slates, s, row);
    }
    slates.from.push(slates.item.length);
    for (const code of slates.request) if (code >= 0) this.#pageOf[code] = -1;
    return slates;
  }

  /** A repeated candidate counts once, at its first place. */
  #readRequest(slates: Slates, s: number, row: number): void {
    const { items, positions, scores } = this.#listed;
    const mark = ++this.#lastMark;
    const first = items.starts[row]!;
    const count = items.starts[row + 1]! - first;
    const places = this.#sorted(items, positions, row);
    for (let k = 0; k < count; k++) {
      const at = places ? places[k]! : first + k;
      const item = items.values[at]!;
      if (this.#mark[item] === mark) continue;
      this.#mark[item] = mark;
      slates.item.push(item);
      slates.position.push(positions[at]!);
      slates.score.push(scores ? scores[at]! : Number.NaN);
    }
    slates.listed[s] = count;
    slates.page[s] = s;
    if (slates.request[s]! >= 0) this.#pageOf[slates.request[s]!] = s;
  }

  /**
   * Places in the cloud's order. Where the source has no positions they stand in item order, so that the
   * order of the list says nothing. Undefined when they stand in order, as they mostly do.
   */
  #sorted(
    { values, starts }: Lists,
    positions: ArrayLike<number>,
    row: number,
  ): number[] | undefined {
    const from = starts[row]!;
    const to = starts[row + 1]!;
    let ordered = true;
    for (let at = from; at < to && ordered; at++) {
      const position = positions[at]!;
      ordered = position !== NULL_INT && (at === from || position >= positions[at - 1]!);
    }
    if (ordered) return undefined;
    const places = Array.from({ length: to - from }, (_, k) => from + k);
    const { item } = this.#part.codes;
    const at = (place: number): number =>
      positions[place] === NULL_INT ? Number.MAX_SAFE_INTEGER : positions[place]!;
    const byName = (x: number, y: number): number => {
      const [a, b] = [item.text(values[x]!), item.text(values[y]!)];
      return a < b ? -1 : a > b ? 1 : 0;
    };
    return places.sort(
      (x, y) => at(x) - at(y) || (positions[x] === NULL_INT ? byName(x, y) : 0) || x - y,
    );
  }

  #readRerank(slates: Slates, s: number, row: number): void {
    const { values, starts } = this.#before;
    const page = slates.request[s]! >= 0 ? this.#pageOf[slates.request[s]!]! : -1;
    slates.page[s] = page;
    const onPage = ++this.#lastMark;
    if (page >= 0) {
      for (let k = slates.from.data[page]!; k < slates.from.data[page + 1]!; k++) {
        this.#mark[slates.item.data[k]!] = onPage;
        this.#place[slates.item.data[k]!] = k;
      }
    }
    const listed = ++this.#lastMark;
    let position = 0;
    for (let at = starts[row]!; at < starts[row + 1]!; at++) {
      const item = values[at]!;
      if (this.#mark[item] === listed) continue;
      const known = this.#mark[item] === onPage;
      this.#mark[item] = listed;
      slates.item.push(item);
      slates.position.push(position++);
      slates.score.push(known ? slates.score.data[this.#place[item]!]! : Number.NaN);
    }
    slates.listed[s] = starts[row + 1]! - starts[row]!;
  }
}
