/** Where the exposures of a user stood in the slates that showed them. */
import { sortBy } from '../columns/event-table.ts';
import type { Slates } from './slates.ts';

export class SlatePlaces {
  /** By item: the mark of the slate in which it was last met, and its place among the candidates. */
  readonly #markOf: Int32Array;
  readonly #placeOf: Int32Array;
  #mark = 0;

  constructor(items: number) {
    this.#markOf = new Int32Array(items);
    this.#placeOf = new Int32Array(items);
  }

  /**
   * @param slate by exposure; −1: none showed it
   * @returns by exposure the place in `slates.item`; −1 where its slate has no such item
   */
  of(slates: Slates, slate: Int32Array, item: Int32Array): Int32Array {
    const places = new Int32Array(slate.length).fill(-1);
    const bySlate = Int32Array.from(slate, (_, e) => e);
    sortBy(bySlate, slate);
    let current = -1;
    for (const e of bySlate) {
      const s = slate[e]!;
      if (s < 0) continue;
      if (s !== current) {
        current = s;
        this.#mark++;
        for (let c = slates.from.data[s]!; c < slates.from.data[s + 1]!; c++) {
          this.#markOf[slates.item.data[c]!] = this.#mark;
          this.#placeOf[slates.item.data[c]!] = c;
        }
      }
      if (this.#markOf[item[e]!] === this.#mark) places[e] = this.#placeOf[item[e]!]!;
    }
    return places;
  }
}
