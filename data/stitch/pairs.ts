/** Numbers for pairs of codes: the (request, item) pairs of one user, or (device, session). */
export class Pairs {
  size = 0;
  #first = new Int32Array(64);
  #second = new Int32Array(64);
  /** Number + 1; 0 where the place is free. */
  #number = new Int32Array(64);
  #mask = 63;

  /** Forgets all pairs; room for `count` of them. */
  reset(count: number): void {
    this.size = 0;
    let size = 64;
    while (size < 2 * count) size *= 2;
    if (size > this.#number.length) {
      this.#first = new Int32Array(size);
      this.#second = new Int32Array(size);
      this.#number = new Int32Array(size);
    } else this.#number.fill(0, 0, size);
    this.#mask = size - 1;
  }

  /** The pair's number, a new one when it was not met before. At most `count` pairs may be added. */
  add(first: number, second: number): number {
    const place = this.#place(first, second);
    if (this.#number[place] === 0) {
      this.#first[place] = first;
      this.#second[place] = second;
      this.#number[place] = ++this.size;
    }
    return this.#number[place]! - 1;
  }

  /** The pair's number, −1 when it was not added. */
  find(first: number, second: number): number {
    return this.#number[this.#place(first, second)]! - 1;
  }

  #place(first: number, second: number): number {
    let place = (Math.imul(first, 0x9e3779b1) ^ Math.imul(second, 0x85ebca6b)) >>> 7;
    place &= this.#mask;
    while (
      this.#number[place] !== 0 &&
      (this.#first[place] !== first || this.#second[place] !== second)
    ) {
      place = (place + 1) & this.#mask;
    }
    return place;
  }
}
