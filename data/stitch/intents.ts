/** The strongest signs of a wish, apart from the page views that hold them: items put into the cart, orders. */

import { sortBy } from '../columns/event-table.ts';
import { PAGE_BLOCKS } from '../contracts/device-log.ts';
import type { BlockColumns } from './page-blocks.ts';
import type { Part } from './part.ts';
import type { UserRows } from './rerank-rows.ts';
import type { SampleTable } from './sample-table.ts';

const CART = PAGE_BLOCKS.indexOf('cart');

interface Entry {
  item: number;
  /** From when on it counts: the end of the page view, the moment of the order. */
  time: number;
}

/** Entries of one user by device, oldest first. */
type ByDevice = ReadonlyMap<number, readonly Entry[]>;

function byDevice(
  count: number,
  time: Float64Array,
  entry: (i: number) => Entry & { device: number },
) {
  const found = new Map<number, Entry[]>();
  const places = Int32Array.from({ length: count }, (_, i) => i);
  sortBy(places, time);
  for (const i of places) {
    const { device, ...rest } = entry(i);
    const entries = found.get(device);
    if (entries) entries.push(rest);
    else found.set(device, [rest]);
  }
  return found;
}

/** How many entries came strictly before `now`. */
function before(entries: readonly Entry[], now: number): number {
  let [low, high] = [0, entries.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (entries[middle]!.time < now) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The carts and orders of one user. */
export class Intents {
  readonly #carts: ByDevice;
  readonly #orders: ByDevice;

  constructor(part: Part, { user, pageViews }: UserRows, blocks: BlockColumns | undefined) {
    const clicks = blocks?.clicks[CART];
    const carts = clicks
      ? pageViews.byEnd.filter((view) => clicks[pageViews.row[view]!]! > 0)
      : new Int32Array(0);
    this.#carts = byDevice(
      carts.length,
      Float64Array.from(carts, (view) => pageViews.ended[view]!),
      (i) => ({
        device: pageViews.device[carts[i]!]!,
        item: pageViews.item[carts[i]!]!,
        time: pageViews.ended[carts[i]!]!,
      }),
    );
    const { order } = part.tables;
    const rows = order.of(user);
    const [ts, item, device] = [order.floats('ts'), order.ints('item'), order.ints('device')];
    this.#orders = byDevice(
      rows.length,
      Float64Array.from(rows, (row) => ts[row]!),
      (i) => ({ device: device[rows[i]!]!, item: item[rows[i]!]!, time: ts[rows[i]!]! }),
    );
  }

  /** Writes the last of each that came on the device strictly before `now`. */
  write(
    device: number,
    now: number,
    lengths: { carts: number; orders: number },
    table: SampleTable,
  ): void {
    this.#write('cart', 'cart_ended', this.#carts.get(device) ?? [], now, lengths.carts, table);
    this.#write('ord', 'ord_ts', this.#orders.get(device) ?? [], now, lengths.orders, table);
  }

  #write(
    sequence: 'cart' | 'ord',
    time: string,
    entries: readonly Entry[],
    now: number,
    most: number,
    table: SampleTable,
  ): void {
    const end = before(entries, now);
    const last = entries.slice(Math.max(0, end - most), end);
    table.setLength(sequence, last.length);
    for (const entry of last) {
      table.set(`${sequence}_item`, entry.item);
      table.set(time, entry.time);
    }
  }
}
