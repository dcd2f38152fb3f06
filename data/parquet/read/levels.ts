/** Levels of a column chunk, page after page: where values are missing and where rows begin. */
import { bitWidth } from '../bit-packing.ts';
import { Damage } from './damage.ts';
import type { Leaf } from './schema.ts';
import { onlyValue, readHybrid } from './values/hybrid.ts';
import type { Slice } from './values/slice.ts';

/** Rows of a list column: row `r` has the elements `starts[r] … starts[r + 1]`. */
export interface Lists {
  starts: Int32Array;
  /** 1 where the list is null, not empty; undefined when none is. */
  nulls: Uint8Array | undefined;
}

/** Levels of one page: undefined where there are none. */
export interface PageLevels {
  repetition: Slice | undefined;
  definition: Slice | undefined;
  slots: number;
}

/** Levels of a page are kept as room for the next one, of any chunk, up to so many. */
const KEPT_LEVELS = 2 ** 21;
let definitions = new Int32Array(0);
let repetitions = new Int32Array(0);

export class LevelDecoder {
  readonly #leaf: Leaf;
  readonly #slots: number;
  readonly #rows: number;
  /** Definition level of each element, from the first null on. */
  #levels: Uint8Array | undefined;
  readonly #starts: Int32Array | undefined;
  #nullLists: Uint8Array | undefined;
  #row = 0;
  elements = 0;
  /** Elements with a value. */
  #present = 0;
  #definition = definitions;
  #repetition = repetitions;

  /** @param slots of the whole chunk */
  constructor(leaf: Leaf, rows: number, slots: number) {
    this.#leaf = leaf;
    this.#rows = rows;
    this.#slots = slots;
    if (leaf.maxRepetition > 0) this.#starts = new Int32Array(rows + 1);
  }

  /** @returns how many values the page has. @throws Damage */
  add(page: PageLevels): number {
    const present = this.#addPage(page);
    this.#present += present;
    return present;
  }

  #addPage({ repetition, definition, slots }: PageLevels): number {
    const { maxDefinition } = this.#leaf;
    const width = bitWidth(maxDefinition);
    const whole =
      !definition || slots === 0 || onlyValue(definition, width, slots) === maxDefinition;
    if (!whole) {
      if (this.#definition.length < slots) this.#definition = new Int32Array(slots);
      if (slots <= KEPT_LEVELS) definitions = this.#definition;
      readHybrid(definition, width, this.#definition, 0, slots);
    }
    const levels = whole ? undefined : this.#definition;
    if (!this.#starts) return this.#addFlat(levels, slots);
    if (!repetition) throw new Damage('a page of a list has no repetition levels');
    if (this.#repetition.length < slots) this.#repetition = new Int32Array(slots);
    if (slots <= KEPT_LEVELS) repetitions = this.#repetition;
    readHybrid(repetition, 1, this.#repetition, 0, slots);
    return this.#addLists(levels, slots, this.#starts);
  }

  #addFlat(levels: Int32Array | undefined, slots: number): number {
    const from = this.elements;
    this.elements += slots;
    if (!levels) return this.#allPresent(from, slots);
    return copyLevels(levels, slots, this.#own(), from, this.#leaf.maxDefinition);
  }

  #allPresent(from: number, count: number): number {
    this.#levels?.fill(this.#leaf.maxDefinition, from, from + count);
    return count;
  }

  /** Levels so far are those of values that are there. */
  #own(): Uint8Array {
    this.#levels ??= new Uint8Array(this.#slots).fill(this.#leaf.maxDefinition, 0, this.elements);
    return this.#levels;
  }

  #addLists(levels: Int32Array | undefined, slots: number, starts: Int32Array): number {
    const repetition = this.#repetition;
    const rows = this.#rows;
    let row = this.#row;
    let element = this.elements;
    const first = element;
    if (!levels) {
      for (let i = 0; i < slots; i++, element++) {
        if (repetition[i] !== 0) continue;
        if (row >= rows) throw new Damage('a list column has more rows than its row group');
        starts[row++] = element;
      }
      if (row === 0 && slots > 0) throw new Damage('the first list does not begin');
      this.#row = row;
      this.elements = element;
      return this.#allPresent(first, slots);
    }
    const own = this.#own();
    const { elementDefinition, maxDefinition } = this.#leaf;
    let present = 0;
    for (let i = 0; i < slots; i++) {
      const level = levels[i]!;
      if (level > maxDefinition) throw new Damage('a definition level is too high');
      if (repetition[i] === 0) {
        if (row >= rows) throw new Damage('a list column has more rows than its row group');
        if (level < elementDefinition - 1) this.#markNull(row);
        starts[row++] = element;
      } else if (row === 0 || level < elementDefinition) {
        throw new Damage('a list goes on without an element');
      }
      if (level < elementDefinition) continue;
      if (level === maxDefinition) present++;
      own[element++] = level;
    }
    this.#row = row;
    this.elements = element;
    return present;
  }

  #markNull(row: number): void {
    this.#nullLists ??= new Uint8Array(this.#rows);
    this.#nullLists[row] = 1;
  }

  /** Levels of the elements; undefined when there is a value everywhere. */
  levels(): Uint8Array | undefined {
    // Lists that are empty or null have levels, too, but no elements.
    return this.#present < this.elements ? this.#levels?.subarray(0, this.elements) : undefined;
  }

  /** @throws Damage when rows are missing */
  lists(): Lists | undefined {
    const starts = this.#starts;
    if (!starts) return undefined;
    if (this.#row !== this.#rows) {
      throw new Damage(`a list column has ${this.#row} rows, its row group ${this.#rows}`);
    }
    starts[this.#rows] = this.elements;
    return { starts, nulls: this.#nullLists };
  }
}

/** @returns how many are `most` */
function copyLevels(
  levels: Int32Array,
  count: number,
  out: Uint8Array,
  from: number,
  most: number,
): number {
  let present = 0;
  for (let i = 0; i < count; i++) {
    const level = levels[i]!;
    if (level > most) throw new Damage('a definition level is too high');
    present += Number(level === most);
    out[from + i] = level;
  }
  return present;
}
