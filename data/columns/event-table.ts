/** Rows of a relation as typed arrays. */
import type { DuckDb } from '../duckdb.ts';
import { NULL_INT } from '../parquet/column.ts';
import { ByteTexts } from './byte-texts.ts';
import type { Codes } from './codes.ts';
import type { Batch, ListColumn } from './duckdb-columns.ts';
import { Floats, Ints } from './growing.ts';

/**
 * One column to read, by an expression over the relation. `codes` names what texts are numbered
 * together: items, users, … Of a textless code nobody asks the text. `bytes` is for texts of which
 * hardly two are alike.
 */
export type Load<Coded extends string = string> =
  | { kind: 'int' | 'float' | 'bytes'; sql: string }
  | { kind: 'code'; codes: Coded; sql: string; textless?: boolean }
  | { kind: 'ints' | 'floats'; sql: string }
  | { kind: 'codes'; codes: Coded; sql: string };

/** Lists of all rows one behind the other: row i has `values[starts[i]] … values[starts[i + 1] − 1]`. */
export interface Lists {
  values: Int32Array | Float64Array;
  starts: Int32Array;
}

/** The expressions that read one column; nulls become what typed arrays can hold. */
function selects(name: string, load: Load): string[] {
  const { kind, sql } = load;
  switch (kind) {
    case 'int':
      return [`coalesce((${sql})::integer, ${NULL_INT}) as "${name}"`];
    case 'float':
      return [`coalesce((${sql})::double, 'nan'::double) as "${name}"`];
    case 'bytes':
      return [`coalesce(strlen(${sql}), 0)::integer as "${name}"`, `(${sql}) as "${name}_text"`];
    case 'code':
      return [
        `case when (${sql}) is null then 0::ubigint else hash(${sql}) end as "${name}"`,
        ...(load.textless ? [] : [`(${sql}) as "${name}_text"`]),
      ];
    case 'codes':
      return [
        `list_transform(coalesce(${sql}, []), lambda x: case when x is null then 0::ubigint else hash(x) end) as "${name}"`,
        `coalesce(${sql}, []) as "${name}_text"`,
      ];
    case 'ints':
      return [
        `list_transform(coalesce(${sql}, []), lambda x: coalesce(x::integer, ${NULL_INT})) as "${name}"`,
      ];
    case 'floats':
      return [
        `list_transform(coalesce(${sql}, []), lambda x: coalesce(x::double, 'nan'::double)) as "${name}"`,
      ];
  }
}

class ListStore {
  readonly values: Ints | Floats;
  readonly starts = new Ints();

  constructor(values: Ints | Floats) {
    this.values = values;
    this.starts.push(0);
  }

  /** Appends the lengths of the lists. @returns where the values of the first list begin, and how many follow */
  #lengths(column: ListColumn, rows: number): { from: number; count: number } {
    const starts = this.starts.reserve(rows);
    const first = this.values.length;
    const from = rows > 0 ? column.start(0) : 0;
    let count = 0;
    for (let row = 0; row < rows; row++) {
      // DuckDB lays the lists of a batch one behind the other.
      if (column.start(row) !== from + count && column.length(row) > 0) {
        throw new Error('the lists of a batch do not follow each other');
      }
      count += column.length(row);
      starts[this.starts.length++] = first + count;
    }
    return { from, count };
  }

  read(column: ListColumn, rows: number): void {
    const { from, count } = this.#lengths(column, rows);
    const source = column.values as Int32Array | Float64Array;
    this.values.reserve(count).set(source.subarray(from, from + count), this.values.length);
    this.values.length += count;
  }

  readCodes(column: ListColumn, rows: number, codes: Codes, text: (place: number) => string): void {
    const { from, count } = this.#lengths(column, rows);
    const { values: words } = column;
    const out = this.values.reserve(count);
    const at = this.values.length;
    for (let i = 0; i < count; i++) {
      const place = from + i;
      out[at + i] = codes.code(words[2 * place]!, words[2 * place + 1]!, text, place);
    }
    this.values.length += count;
  }
}

/** Rows in the order of the relation. */
export class EventTable<Coded extends string = string> {
  rows = 0;
  readonly #loads: Record<string, Load<Coded>>;
  readonly #codes: Record<Coded, Codes>;
  readonly #ints = new Map<string, Ints>();
  readonly #floats = new Map<string, Floats>();
  readonly #bytes = new Map<string, ByteTexts>();
  readonly #lists = new Map<string, ListStore>();
  readonly #views = new Map<string, Int32Array | Float64Array>();
  /** Rows of user u, oldest first: `order[from[u]] … order[from[u + 1] − 1]`. */
  order = new Int32Array(0);
  from = new Int32Array(1);

  constructor(loads: Record<string, Load<Coded>>, codes: Record<Coded, Codes>) {
    this.#loads = loads;
    this.#codes = codes;
    for (const [name, { kind }] of Object.entries<Load>(loads)) {
      if (kind === 'int' || kind === 'code') this.#ints.set(name, new Ints());
      else if (kind === 'float') this.#floats.set(name, new Floats());
      else if (kind === 'bytes') this.#bytes.set(name, new ByteTexts());
      else this.#lists.set(name, new ListStore(kind === 'floats' ? new Floats() : new Ints()));
    }
  }

  /**
   * Reads the rows of a relation, in its order, behind those that are there.
   * @param relation of which DuckDB gives the rows in the same order each time: files read by one thread
   */
  async append(db: DuckDb, relation: string): Promise<void> {
    const loads = Object.entries<Load<Coded>>(this.#loads);
    const columns = loads.flatMap(([name, load]) => selects(name, load));
    for await (const batch of db.batches(`select ${columns.join(',\n')} from ${relation}`)) {
      this.#append(batch);
    }
    if (this.#bytes.size === 0) return;
    // All texts of a column as one value: DuckDB's package needs a microsecond for each value.
    const joined = loads.flatMap(([name, { kind, sql }]) =>
      kind === 'bytes' ? [`encode(coalesce(string_agg(${sql}, ''), '')) as "${name}"`] : [],
    );
    for await (const batch of db.batches(`select ${joined.join(', ')} from ${relation}`)) {
      for (const [name, texts] of this.#bytes) texts.append(batch.blob(name, 0));
    }
  }

  #append(batch: Batch): void {
    const { rows } = batch;
    for (const [name, load] of Object.entries<Load<Coded>>(this.#loads)) {
      if (load.kind === 'int') append(this.#ints.get(name)!, batch.numbers(name), rows);
      else if (load.kind === 'float') append(this.#floats.get(name)!, batch.numbers(name), rows);
      else if (load.kind === 'bytes') {
        const first = rows > 0 ? (batch.text(`${name}_text`, 0) ?? '') : '';
        this.#bytes.get(name)!.lengths(batch.numbers(name), rows, first);
      } else if (load.kind === 'code') this.#appendCodes(name, load, batch);
      else if (load.kind === 'codes') {
        const text = batch.listTexts(`${name}_text`);
        const codes = this.#codes[load.codes];
        this.#lists.get(name)!.readCodes(batch.wordLists(name), rows, codes, text);
      } else this.#lists.get(name)!.read(batch.lists(name), rows);
    }
    this.rows += rows;
  }

  #appendCodes(name: string, load: Load<Coded> & { kind: 'code' }, batch: Batch): void {
    const codes = this.#codes[load.codes];
    const text = load.textless ? () => '' : batch.texts(`${name}_text`);
    const words = batch.words(name);
    const target = this.#ints.get(name)!;
    const out = target.reserve(batch.rows);
    let at = target.length;
    let [low, high, code] = [0, 0, -1];
    for (let row = 0; row < batch.rows; row++) {
      // Neighbouring rows mostly belong to the same user, device, session and request.
      if (words[2 * row] !== low || words[2 * row + 1] !== high) {
        low = words[2 * row]!;
        high = words[2 * row + 1]!;
        code = codes.code(low, high, text, row);
      }
      out[at++] = code;
    }
    target.length = at;
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
      const column = columns.get(name);
      if (!column) throw new RangeError(`the column ${name} was not read`);
      view = column.view();
      this.#views.set(name, view);
    }
    return view;
  }

  bytes(name: string): ByteTexts {
    return this.#bytes.get(name)!;
  }

  lists(name: string): Lists {
    const { values, starts } = this.#lists.get(name)!;
    return { values: values.view(), starts: starts.view() };
  }
}

function append(target: Ints | Floats, values: ArrayLike<number>, rows: number): void {
  const out = target.reserve(rows);
  const source = values as Int32Array | Float64Array;
  out.set(source.length === rows ? source : source.subarray(0, rows), target.length);
  target.length += rows;
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
    const [a, b] = [first[place]!, second[place]!];
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
