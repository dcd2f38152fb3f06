/** Moves values apart, in place, so that nulls stand between them. */

/**
 * @param count values at the beginning of `out`
 * @param elements places afterwards
 * @param levels of each place; where one is `present` there is a value
 */
export function spread<T extends Int32Array | Float64Array | Uint8Array>(
  out: T,
  count: number,
  elements: number,
  levels: Uint8Array,
  present: number,
  missing: number,
): void {
  let from = count;
  // From the back: a value never moves to the front, so nothing is overwritten that is still needed.
  for (let to = elements - 1; to >= 0; to--) {
    out[to] = levels[to] === present ? out[--from]! : missing;
  }
}
