/** What a session's page views and deletes give away of its wish: a sum of vectors that fades. */
import { SIZE } from './maths.ts';

/** Part of the trace that each further observation leaves. */
const KEPT = 0.96;
/** Weight of the wish that goes with one that was met. */
const MET = 2;

export class Trace {
  readonly #sum = new Float64Array(SIZE);
  #weight = 0;

  /**
   * Adds vector `i`.
   * @param weight above 0 for interest shown (long dwell, deep page view), below for the contrary
   */
  observe(vectors: Float64Array, i: number, weight: number): void {
    for (let d = 0; d < SIZE; d++) {
      this.#sum[d] = KEPT * this.#sum[d]! + weight * vectors[i * SIZE + d]!;
    }
    this.#weight = KEPT * this.#weight + Math.abs(weight);
  }

  /** Forgets all and starts at vector `i`. */
  restart(vectors: Float64Array, i: number): void {
    for (let d = 0; d < SIZE; d++) this.#sum[d] = MET * vectors[i * SIZE + d]!;
    this.#weight = MET;
  }

  /** The wish as far as it shows, [1, SIZE]; near 0 while little was seen. */
  estimate(): Float64Array {
    const scale = 1 / (this.#weight + 1);
    return this.#sum.map((x) => x * scale);
  }

  /** Stands as another one does. */
  set(other: Trace): void {
    this.#sum.set(other.#sum);
    this.#weight = other.#weight;
  }
}
