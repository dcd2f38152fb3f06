/** The best order of the unseen items, as far as a search finds it. */
import type { Random } from '../lib/random.ts';
import type { SlateTables } from './slate-tables.ts';
import type { SlateValue } from './slate-value.ts';

export interface OrderFound {
  order: number[];
  value: number;
}

/** How often the best order found is shaken and climbed from again. */
const SHAKES = 3;
/** Exchanges of one shake. */
const SHAKEN = 3;

/**
 * Climbs from three orders: as the items stand, the likeliest first, and put together by insertion.
 * A climb ends where no exchange with a slot that counts and no move into one gains. The best of the
 * three is then shaken by a few random exchanges and climbed from again, several times, and the better
 * kept. No proof of the optimum; `best-order.test.ts` compares with all orders of short lists.
 *
 * @param of what is to be as large as possible
 */
export function bestOrder(tables: SlateTables, of: keyof SlateValue, random: Random): OrderFound {
  const initial = Array.from({ length: tables.items }, (_, k) => k);
  const alone = initial.map((k) => tables.alone(k, of));
  const likeliest = [...initial].sort((a, b) => alone[b]! - alone[a]!);
  const found = [initial, likeliest, inserted(tables, of)].map((start) => climb(tables, start, of));
  let best = found.reduce((a, b) => (b.value > a.value ? b : a));
  for (let shake = 0; shake < SHAKES && tables.items > 2; shake++) {
    const order = [...best.order];
    for (let k = 0; k < SHAKEN; k++)
      exchange(order, random.below(tables.places), random.below(order.length));
    const now = climb(tables, order, of);
    if (now.value > best.value) best = now;
  }
  return best;
}

/** The item and place that gain most are put in, one after the other; the rest follow as they stand. */
function inserted(tables: SlateTables, of: keyof SlateValue): number[] {
  const order: number[] = [];
  const left = new Set(Array.from({ length: tables.items }, (_, k) => k));
  while (order.length < tables.places) {
    tables.begin(order, of, order.length);
    let best = Number.NEGATIVE_INFINITY;
    let [item, place] = [-1, 0];
    for (const candidate of left)
      for (let at = 0; at <= order.length; at++) {
        const tried = order.toSpliced(at, 0, candidate);
        const value = tables.value(tried, of, at, tried.length);
        if (value > best) [best, item, place] = [value, candidate, at];
      }
    order.splice(place, 0, item);
    left.delete(item);
  }
  return [...order, ...left];
}

/** Goes from slot to slot and takes the best exchange or move there, until a round gains nothing. */
function climb(tables: SlateTables, start: readonly number[], of: keyof SlateValue): OrderFound {
  const order = [...start];
  let value = tables.begin(order, of);
  for (let gained = true; gained; ) {
    gained = false;
    for (let slot = 0; slot < tables.places; slot++) {
      let take: typeof exchange | undefined;
      let from = slot;
      let best = value * (1 + 1e-12);
      for (let other = 0; other < order.length; other++) {
        if (other === slot) continue;
        const shared = Math.min(slot, other);
        // An exchange with a slot further up was tried there.
        for (const change of other > slot ? [exchange, move] : [move]) {
          change(order, slot, other);
          const now = tables.value(order, of, shared);
          change(order, ...(change === move ? ([other, slot] as const) : ([slot, other] as const)));
          if (now > best) [best, take, from] = [now, change, other];
        }
      }
      if (!take) continue;
      take(order, slot, from);
      value = tables.begin(order, of);
      gained = true;
    }
  }
  return { order, value };
}

function exchange(order: number[], a: number, b: number): void {
  const kept = order[a]!;
  order[a] = order[b]!;
  order[b] = kept;
}

/** What stands at `from` goes to `to`. */
function move(order: number[], to: number, from: number): void {
  const kept = order[from]!;
  if (from > to) order.copyWithin(to + 1, to, from);
  else order.copyWithin(from, from + 1, to + 1);
  order[to] = kept;
}
