/** The best order of the unseen items, as far as a search finds it. */
import type { SlateValue, SlateValuer } from './slate-value.ts';

export interface OrderFound {
  order: number[];
  value: number;
}

/** How many times the horizon the search looks down a list that begins with the likeliest. */
const REACH = 2;

/**
 * Climbs by exchanging a slot that counts with another, or putting another item there, until none
 * gains. No proof of the optimum; `oracle.test.ts` compares with all orders of short lists.
 *
 * @param start a permutation of the unseen items, the likeliest first
 * @param of what is to be as large as possible
 */
export function bestOrder(
  valuer: SlateValuer,
  start: readonly number[],
  of: keyof SlateValue,
): OrderFound {
  let order = [...start];
  let value = valuer.value(order)[of];
  const reach = Math.min(order.length, REACH * valuer.horizon);
  // Exchanges first: a shift moves all that lies between as well, and seldom gains where none did.
  for (let move = exchanged; ; ) {
    let gained = false;
    for (let slot = 0; slot < valuer.horizon; slot++) {
      let best: number[] | undefined;
      for (let other = 0; other < reach; other++) {
        if (other === slot) continue;
        const tried = move(order, slot, other);
        const now = valuer.value(tried)[of];
        if (now <= value * (1 + 1e-12)) continue;
        value = now;
        best = tried;
      }
      if (best) gained = true;
      order = best ?? order;
    }
    if (gained) move = exchanged;
    else if (move === exchanged) move = shifted;
    else return { order, value };
  }
}

function exchanged(order: readonly number[], a: number, b: number): number[] {
  const tried = [...order];
  tried[a] = order[b]!;
  tried[b] = order[a]!;
  return tried;
}

/** What stands at `from` goes to `to`. */
function shifted(order: readonly number[], to: number, from: number): number[] {
  const tried = order.toSpliced(from, 1);
  tried.splice(to, 0, order[from]!);
  return tried;
}
