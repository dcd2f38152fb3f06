/** Events as typed arrays: columns of numbers, of codes, of lists of them, and of texts as bytes. */
import { ByteTexts } from './byte-texts.ts';
import { Floats, Ints } from './growing.ts';

/** `bytes` is for texts of which hardly two are alike; codes are ints. */
export type ColumnKind = 'int' | 'float' | 'bytes' | 'ints' | 'floats';

/** Lists of all rows one behind the other: row i has `values[starts[i]] … values[starts[i + 1] − 1]`. */
export interface Lists {
  values: Int32Array | Float64Array;
  starts: Int32Array;
}

/** Lists that grow. */
export class GrowingLists {
  readonly values: Ints | Floats;
  readonly starts = new Ints();

  constructor(values: Ints | Floats) {
    this.values = values;
    this.starts.push(0);
  }
}

/** Rows in the order in which they were appended, column by column. */
export class EventTable {
  rows = 0;
  readonly #ints = new Map<string, Ints>();
  readonly #floats = new Map<string, Floats>();
  readonly #bytes = new Map<string, ByteTexts>();
  readonly #lists = new Map<string, GrowingLists>();
  readonly #views = new Map<string, Int32Array | Float64Array>();
  /** Rows of user u, oldest first: `order[from[u]] … order[from[u + 1] − 1]`. */
  order = new Int32Array(0);
  from = new Int32Array(1);

  constructor(kinds: Readonly<Record<string, ColumnKind>>) {
    for (const [name, kind] of Object.entries(kinds)) {
      if (kind === 'int') this.#ints.set(name, new Ints());
      else if (kind === 'float') this.#floats.set(name, new Floats());
      else if (kind === 'bytes') this.#bytes.set(name, new ByteTexts());
      else this.#lists.set(name, new GrowingLists(kind === 'floats' ? new Floats() : new Ints()));
    }
  }

  /** Makes room for so many rows at once: to grow into it takes copies. */
  reserve(rows: number): void {
    for (const column of this.#ints.values()) column.reserve(rows);
    for (const column of this.#floats.values()) column.reserve(rows);
    for (const { starts } of this.#lists.values()) starts.reserve(rows);
  }

  /** Columns to append to; whoever does appends as many rows to each and adds them to `rows`. */
  growingInts(name: string): Ints {
    return found(this.#ints, name);
  }

  growingFloats(name: string): Floats {
    return found(this.#floats, name);
  }

  growingLists(name: string): GrowingLists {
    return found(this.#lists, name);
  }

  /** Finds the rows of each of `users` users, oldest first by device time; equal times as in the files. */
  index(users: number): void {
    const user = this.ints('user');
    const from = new Int32Array(users + 1);
    for (let row = 0; row < this.rows; row++) from[user[row]! + 1]!++;
    for (let u = 0; u < users; u++) from[u + 1]! += from[u]!;
    const next = from.slice();
    const order = new Int32Array(this.rows);
    for (let row = 0; row < this.rows; row++) order[next[user[row]!]!++] = row;
    this.from = from;
    this.order = order;
    const ts = this.floats('ts');
    for (let u = 0; u < users; u++) sortBy(order.subarray(from[u]!, from[u + 1]!), ts);
  }

  /** Rows of a user, oldest first; after `index`. */
  of(user: number): Int32Array {
    return this.order.subarray(this.from[user]!, this.from[user + 1]!);
  }

  ints(name: string): Int32Array {
    return this.#view(name, this.#ints) as Int32Array;
  }

  /** Of the named columns those that were read. */
  someInts(names: readonly string[]): Record<string, Int32Array> {
    return Object.fromEntries(
      names.flatMap((name) => (this.#ints.has(name) ? [[name, this.ints(name)]] : [])),
    );
  }

  hasLists(name: string): boolean {
    return this.#lists.has(name);
  }

  hasFloats(name: string): boolean {
    return this.#floats.has(name);
  }

  floats(name: string): Float64Array {
    return this.#view(name, this.#floats) as Float64Array;
  }

  /** Made once: the table does not grow any more when it is asked. */
  #view(name: string, columns: ReadonlyMap<string, Ints | Floats>): Int32Array | Float64Array {
    let view = this.#views.get(name);
    if (!view) {
      view = found(columns, name).view();
      this.#views.set(name, view);
    }
    return view;
  }

  bytes(name: string): ByteTexts {
    return found(this.#bytes, name);
  }

  lists(name: string): Lists {
    const { values, starts } = found(this.#lists, name);
    return { values: values.view(), starts: starts.view() };
  }
}

function found<T>(columns: ReadonlyMap<string, T>, name: string): T {
  const column = columns.get(name);
  if (!column) throw new RangeError(`the column ${name} was not read`);
  return column;
}

/**
 * Sorts places by one or two keys, stably. What comes from a lake is sorted or nearly so: that costs one
 * pass.
 */
export function sortBy(places: Int32Array, first: ArrayLike<number>, second = first): void {
  const n = places.length;
  let moves = 8 * n;
  for (let i = 1; i < n; i++) {
    const place = places[i]!;
    const a = first[place]!;
    const b = second[place]!;
    let k = i - 1;
    while (k >= 0) {
      const other = places[k]!;
      if (first[other]! < a || (first[other]! === a && second[other]! <= b)) break;
      places[k + 1] = other;
      k--;
      moves--;
    }
    places[k + 1] = place;
    if (moves < 0) {
      sortAnyhow(places, first, second);
      return;
    }
  }
}

function sortAnyhow(places: Int32Array, first: ArrayLike<number>, second: ArrayLike<number>): void {
  // Insertion moved equals past nothing, so the places so far are still in a stable order.
  const rank = new Map<number, number>();
  places.forEach((place, i) => {
    rank.set(place, i);
  });
  places.sort(
    (x, y) => first[x]! - first[y]! || second[x]! - second[y]! || rank.get(x)! - rank.get(y)!,
  );
}
