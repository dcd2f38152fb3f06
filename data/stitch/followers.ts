/** What followed exposures: page views, plays, likes, orders and deletions of the same request and item. */
import { type EventTable, sortBy } from '../columns/event-table.ts';
import { Pairs } from './pairs.ts';
import type { Part } from './part.ts';
import { toldAt } from './windows.ts';

/** When rows of one kind began, and when the phone told of them; equal for what takes no time. */
export interface Times {
  started: Float64Array;
  ts: Float64Array;
}

/** Rows of one kind by (request, item), in the order in which they were told. */
export class Chain {
  readonly #times: Times;
  readonly #rows: Int32Array;
  readonly #next: Int32Array;
  readonly #head: Int32Array;

  constructor(pairs: number, rows: Int32Array, pairOf: Int32Array, times: Times) {
    this.#times = times;
    this.#rows = rows;
    this.#next = new Int32Array(rows.length).fill(-1);
    this.#head = new Int32Array(pairs).fill(-1);
    const at = rows.map((_, i) => i);
    const told = Float64Array.from(rows, (row) => this.told(row));
    sortBy(at, told);
    for (let i = at.length - 1; i >= 0; i--) {
      const place = at[i]!;
      const pair = pairOf[place]!;
      if (pair < 0) continue;
      this.#next[place] = this.#head[pair]!;
      this.#head[pair] = place;
    }
  }

  /** When the phone told of a row. */
  told(row: number): number {
    return toldAt(this.#times.ts[row]!, this.#times.started[row]!);
  }

  /**
   * Of the rows of a pair that began at or after `start` the one that was told first; −1: none. To be asked
   * with rising starts: what began before one exposure of a pair began before the next as well, so each
   * row is passed once.
   */
  first(pair: number, start: number): number {
    let place = this.#head[pair]!;
    const { started } = this.#times;
    while (place >= 0 && started[this.#rows[place]!]! < start) place = this.#next[place]!;
    this.#head[pair] = place;
    return place < 0 ? -1 : this.#rows[place]!;
  }

  /** After `first`: all rows of the pair that began at or after `start` and were told with the first. */
  *together(pair: number, start: number): Generator<number> {
    let place = this.#head[pair]!;
    if (place < 0) return;
    const told = this.told(this.#rows[place]!);
    for (; place >= 0; place = this.#next[place]!) {
      const row = this.#rows[place]!;
      if (this.told(row) !== told) return;
      if (this.#times.started[row]! >= start) yield row;
    }
  }
}

export type FollowerKind = 'click' | 'long' | 'like' | 'order' | 'removal';

/** The followers of one user. */
export interface Followers {
  /** Number of a (request, item) pair; −1 when nothing followed. */
  pair(request: number, item: number): number;
  chain: Readonly<Record<FollowerKind, Chain>>;
}

const NEVER: Followers = {
  pair: () => -1,
  chain: {} as Record<FollowerKind, Chain>,
};

const PAIRS = new Pairs();

/** @returns followers that are valid until the next call */
export function followersOf({ tables }: Part, user: number): Followers {
  const { page_view, play, feedback, order } = tables;
  const read = (table: EventTable) => ({
    table,
    rows: table.of(user),
  });
  const [views, plays, feedbacks, orders] = [page_view, play, feedback, order].map(read) as [
    ReturnType<typeof read>,
    ReturnType<typeof read>,
    ReturnType<typeof read>,
    ReturnType<typeof read>,
  ];
  const total = views.rows.length + plays.rows.length + feedbacks.rows.length + orders.rows.length;
  if (total === 0) return NEVER;
  PAIRS.reset(total);
  const pairs = [views, plays, feedbacks, orders].map(({ table, rows }) => {
    const request = table.ints('request');
    const item = table.ints('item');
    return rows.map((row) => (request[row]! < 0 ? -1 : PAIRS.add(request[row]!, item[row]!)));
  });
  const chain = (
    { table, rows }: ReturnType<typeof read>,
    of: Int32Array,
    started: string,
    flag?: string,
  ): Chain => {
    const counts = flag === undefined ? undefined : table.ints(flag);
    const kept = counts ? rows.filter((row) => counts[row] === 1) : rows;
    const pairOf = counts ? of.filter((_, i) => counts[rows[i]!] === 1) : of;
    const times = { started: table.floats(started), ts: table.floats('ts') };
    return new Chain(PAIRS.size, kept, pairOf, times);
  };
  return {
    pair: (request, item) => (request < 0 ? -1 : PAIRS.find(request, item)),
    chain: {
      click: chain(views, pairs[0]!, 'started'),
      long: chain(plays, pairs[1]!, 'ts', 'long'),
      like: chain(feedbacks, pairs[2]!, 'ts', 'like'),
      order: chain(orders, pairs[3]!, 'ts'),
      removal: chain(feedbacks, pairs[2]!, 'ts', 'removal'),
    },
  };
}
