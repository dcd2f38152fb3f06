/**
 * The candidates that a phone held, in its order: a page as the cloud ordered it, changed by each rerank of
 * it. What a rerank does not name stands behind what it names, in the order before.
 */
import type { Lists } from '../columns/event-table.ts';
import { NULL_INT } from '../parquet/column.ts';
import type { Exposures } from './outcomes.ts';
import { Pairs } from './pairs.ts';
import type { Part } from './part.ts';
import { REQUEST, type Slates } from './slates.ts';

export interface HeldList {
  item: Int32Array;
  /** Position and ranker's score in the latest slate that has the item; NULL_INT and NaN where none has. */
  position: Int32Array;
  score: Float64Array;
  /** So many at its head had been shown when it was last asked. */
  passed: number;
}

/** The lists of one user, asked with rising moments. */
export class HeldLists {
  readonly #slates: Slates;
  readonly #after: Lists;
  /** By request code. */
  readonly #held = new Map<number, HeldList | undefined>();
  #next = 0;

  /** @param requests the codes of those whose lists will be asked for */
  constructor(part: Part, slates: Slates, requests: Iterable<number>) {
    this.#slates = slates;
    this.#after = part.tables.rerank.lists('order_after');
    for (const code of requests) this.#held.set(code, undefined);
  }

  /** The latest order at or before the moment. */
  at(request: number, now: number): HeldList | undefined {
    const { count, ts, kind, request: code } = this.#slates;
    for (; this.#next < count && ts[this.#next]! <= now; this.#next++) {
      const s = this.#next;
      const of = code[s]!;
      if (!this.#held.has(of)) continue;
      this.#held.set(
        of,
        kind[s] === REQUEST ? this.#listed(s) : this.#reranked(s, this.#held.get(of)),
      );
    }
    return this.#held.get(request);
  }

  #listed(s: number): HeldList {
    const { from, item, position, score } = this.#slates;
    const [first, end] = [from.data[s]!, from.data[s + 1]!];
    return {
      item: item.data.slice(first, end),
      position: position.data.slice(first, end),
      score: score.data.slice(first, end),
      passed: 0,
    };
  }

  #reranked(s: number, before: HeldList | undefined): HeldList {
    const { values, starts } = this.#after;
    const row = this.#slates.row[s]!;
    const known = new Map<number, { position: number; score: number }>();
    for (const list of [before, this.#listed(s)]) {
      list?.item.forEach((item, k) => {
        known.set(item, { position: list.position[k]!, score: list.score[k]! });
      });
    }
    const items = new Set(values.subarray(starts[row]!, starts[row + 1]!));
    for (const item of before?.item ?? []) items.add(item);
    const order = Int32Array.from(items);
    return {
      item: order,
      position: order.map((item) => known.get(item)?.position ?? NULL_INT),
      score: Float64Array.from(order, (item) => known.get(item)?.score ?? Number.NaN),
      passed: 0,
    };
  }
}

/** Had been shown before the moment. */
export const SHOWN = -2;
/** Was not shown. */
export const NOT_SHOWN = -1;

/** When the candidates of one user were shown. */
export class Showings {
  readonly #exposures: Exposures;
  readonly #windowMs: number;
  readonly #pairs = new Pairs();
  /** By pair its first exposure by start, by exposure the pair's next. */
  readonly #head: Int32Array;
  readonly #next: Int32Array;

  constructor(part: Part, exposures: Exposures) {
    const request = part.tables.exposure.ints('request');
    const { byStart, row, item, count } = exposures;
    this.#exposures = exposures;
    this.#windowMs = part.facts.windows.exposureWindowMs;
    this.#pairs.reset(count);
    this.#head = new Int32Array(count).fill(-1);
    this.#next = new Int32Array(count).fill(-1);
    for (let i = byStart.length - 1; i >= 0; i--) {
      const e = byStart[i]!;
      const code = request[row[e]!]!;
      if (code < 0) continue;
      const pair = this.#pairs.add(code, item[e]!);
      this.#next[e] = this.#head[pair]!;
      this.#head[pair] = e;
    }
  }

  /**
   * The exposure that showed a candidate at or after the moment, or SHOWN, or NOT_SHOWN. Exposures that were
   * told after the exposure window do not count.
   */
  of(request: number, item: number, now: number): number {
    const { started, told } = this.#exposures;
    const pair = this.#pairs.find(request, item);
    for (let e = pair < 0 ? -1 : this.#head[pair]!; e >= 0; e = this.#next[e]!) {
      if (told[e]! > now + this.#windowMs) continue;
      return started[e]! < now ? SHOWN : e;
    }
    return NOT_SHOWN;
  }
}
