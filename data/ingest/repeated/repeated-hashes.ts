/** Finds 64-bit hashes that occur more than once. */
import type { TextHashes } from '../held/hash-texts.ts';

/** Hashes of a partition, so that its table stays in the processor's cache. */
const PARTITION = 16_384;
/** Partitions at most: more of them would be written to in turn than the cache has lines for. */
const MOST_BITS = 12;

/** Bytes that the search takes for each hash, its two halves among them. */
export const BYTES_A_HASH = 24;

interface Entries {
  low: Int32Array;
  high: Int32Array;
  /** Position over all sources. */
  place: Uint32Array;
  /** Where each partition begins. */
  starts: Uint32Array;
}

/** The hashes by the lowest bits of their low half. */
function partitioned(sources: readonly TextHashes[]): Entries & { bits: number } {
  const count = sources.reduce((sum, { low }) => sum + low.length, 0);
  const wanted = Math.ceil(Math.log2(Math.max(1, count / PARTITION)));
  const bits = Math.min(MOST_BITS, wanted);
  const mask = 2 ** bits - 1;
  const starts = new Uint32Array(2 ** bits + 1);
  for (const { low } of sources) {
    for (let i = 0; i < low.length; i++) starts[(low[i]! & mask) + 1]!++;
  }
  for (let p = 0; p <= mask; p++) starts[p + 1]! += starts[p]!;
  const next = starts.slice();
  const entries = {
    low: new Int32Array(count),
    high: new Int32Array(count),
    place: new Uint32Array(count),
  };
  let base = 0;
  for (const { low, high } of sources) {
    for (let i = 0; i < low.length; i++) {
      const at = next[low[i]! & mask]!++;
      entries.low[at] = low[i]!;
      entries.high[at] = high[i]!;
      entries.place[at] = base + i;
    }
    base += low.length;
  }
  return { ...entries, starts, bits };
}

/**
 * Positions, counted over all sources, of hashes that occur more than once. Equal hashes are in one batch.
 * @param most positions of a batch, about: it is more only where so many hashes are alike
 */
export function* repeatedHashes(
  sources: readonly TextHashes[],
  most: number,
): Generator<Uint32Array, void, void> {
  const { low, high, place, starts, bits } = partitioned(sources);
  const repeated = new Uint8Array(place.length);
  let table = new Uint32Array(0);
  let batch: number[] = [];
  for (let p = 0; p + 1 < starts.length; p++) {
    const [from, to] = [starts[p]!, starts[p + 1]!];
    const size = 2 ** Math.ceil(Math.log2(2 * Math.max(1, to - from)));
    if (table.length < size) table = new Uint32Array(size);
    else table.fill(0, 0, size);
    mark({ low, high, from, to, bits }, table, size - 1, repeated);
    for (let at = from; at < to; at++) if (repeated[at]) batch.push(place[at]!);
    if (batch.length < most) continue;
    yield Uint32Array.from(batch);
    batch = [];
  }
  if (batch.length > 0) yield Uint32Array.from(batch);
}

/** Marks the entries of a partition whose hash another of them has. */
function mark(
  {
    low,
    high,
    from,
    to,
    bits,
  }: Pick<Entries, 'low' | 'high'> & { from: number; to: number; bits: number },
  table: Uint32Array,
  mask: number,
  repeated: Uint8Array,
): void {
  for (let at = from; at < to; at++) {
    let slot = ((low[at]! >>> bits) ^ high[at]!) & mask;
    for (;;) {
      const other = table[slot]! - 1;
      if (other < 0) {
        table[slot] = at + 1;
        break;
      }
      if (low[other] === low[at] && high[other] === high[at]) {
        repeated[other] = 1;
        repeated[at] = 1;
        break;
      }
      slot = (slot + 1) & mask;
    }
  }
}
