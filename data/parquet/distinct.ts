/** The distinct values of an array of doubles, in the order in which they first appear. */
export function distinct(
  values: Float64Array,
  most: number,
): { values: Float64Array; places: Int32Array } | undefined {
  const mask = 4 * most - 1;
  const table = new Int32Array(4 * most);
  const found = new Float64Array(most);
  const places = new Int32Array(values.length);
  // Equal bits, not equal numbers: 0 and −0 are two values.
  const words = new Uint32Array(values.buffer, values.byteOffset, 2 * values.length);
  const foundWords = new Uint32Array(found.buffer);
  let count = 0;
  for (let i = 0; i < values.length; i++) {
    const [low, high] = [words[2 * i]!, words[2 * i + 1]!];
    let place = Math.imul(low ^ Math.imul(high, 0x9e3779b1), 0x85ebca6b);
    place = (place ^ (place >>> 15)) & mask;
    for (;;) {
      const k = table[place]! - 1;
      if (k < 0) {
        if (count === most) return;
        found[count] = values[i]!;
        table[place] = ++count;
        places[i] = count - 1;
        break;
      }
      if (foundWords[2 * k] === low && foundWords[2 * k + 1] === high) {
        places[i] = k;
        break;
      }
      place = (place + 1) & mask;
    }
  }
  return { values: found.slice(0, count), places };
}
