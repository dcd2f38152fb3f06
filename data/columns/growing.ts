/** Typed arrays that grow as values are appended. */

abstract class Growing<T extends Int32Array | Float64Array> {
  data: T;
  length = 0;

  constructor(data: T) {
    this.data = data;
  }

  /** Makes room for `more` values and returns the array to write them into, from `length` on. */
  reserve(more: number): T {
    const wanted = this.length + more;
    if (wanted > this.data.length) {
      const type = this.data.constructor as new (n: number) => T;
      const larger = new type(Math.max(2 * this.data.length, wanted));
      larger.set(this.data.subarray(0, this.length));
      this.data = larger;
    }
    return this.data;
  }

  push(value: number): void {
    if (this.length === this.data.length) this.reserve(1);
    this.data[this.length++] = value;
  }

  /** Appends `source[places[from]]` … `source[places[to − 1]]`. */
  gather(source: ArrayLike<number>, places: Int32Array, from: number, to: number): void {
    const out = this.reserve(to - from);
    let at = this.length;
    for (let i = from; i < to; i++) out[at++] = source[places[i]!]!;
    this.length = at;
  }

  fill(value: number, count: number): void {
    this.reserve(count).fill(value, this.length, this.length + count);
    this.length += count;
  }

  clear(): void {
    this.length = 0;
  }

  view(): T {
    return this.data.subarray(0, this.length) as T;
  }
}

export class Ints extends Growing<Int32Array> {
  constructor(capacity = 64) {
    super(new Int32Array(capacity));
  }
}

export class Floats extends Growing<Float64Array> {
  constructor(capacity = 64) {
    super(new Float64Array(capacity));
  }
}
