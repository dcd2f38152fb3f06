/** Mean and deviation of a stream of numbers (Welford). */
export class Moments {
  n = 0;
  mean = 0;
  #squares = 0;

  add(value: number): void {
    this.n++;
    const before = value - this.mean;
    this.mean += before / this.n;
    this.#squares += before * (value - this.mean);
  }

  /** To divide by: a constant stays a constant. */
  std(): number {
    const deviation = Math.sqrt(this.#squares / this.n);
    return deviation > 1e-9 ? deviation : 1;
  }
}
