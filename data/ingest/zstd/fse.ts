/** FSE decoding tables (RFC 8878, section 4.1). */
import { type BackwardBits, ForwardBits, highestBit, ZstdDamage } from './bits.ts';

export interface FseTable {
  accuracyLog: number;
  /** By state: the symbol, how many bits the next state takes, and what is added to them. */
  symbol: Uint8Array;
  bits: Uint8Array;
  base: Uint16Array;
}

/** @param counts share of each symbol of 2^accuracyLog; −1 stands for "less than one" */
export function buildFseTable(counts: readonly number[], accuracyLog: number): FseTable {
  const size = 1 << accuracyLog;
  const symbol = new Uint8Array(size);
  const next = new Uint16Array(counts.length);
  let high = size;
  counts.forEach((count, s) => {
    next[s] = Math.abs(count);
    if (count === -1) symbol[--high] = s;
  });
  // The step is odd, so that it visits every state once before it comes back to 0.
  const step = (size >> 1) + (size >> 3) + 3;
  let state = 0;
  counts.forEach((count, s) => {
    for (let i = 0; i < count; i++) {
      symbol[state] = s;
      do {
        state = (state + step) & (size - 1);
      } while (state >= high);
    }
  });
  if (state !== 0) throw new ZstdDamage('an FSE table does not close');
  const bits = new Uint8Array(size);
  const base = new Uint16Array(size);
  for (let i = 0; i < size; i++) {
    const place = next[symbol[i]!]!++;
    bits[i] = accuracyLog - highestBit(place);
    base[i] = (place << bits[i]!) - size;
  }
  return { accuracyLog, symbol, bits, base };
}

/** The table of one symbol only: no bits are read. */
export const singleSymbolTable = (symbol: number): FseTable => ({
  accuracyLog: 0,
  symbol: Uint8Array.of(symbol),
  bits: Uint8Array.of(0),
  base: Uint16Array.of(0),
});

/** Reads a table's description; returns the table and the byte after it. */
export function readFseTable(
  bytes: Uint8Array,
  start: number,
  end: number,
  limits: { accuracyLog: number; symbols: number },
): { table: FseTable; after: number } {
  const input = new ForwardBits(bytes, start, end);
  const accuracyLog = input.read(4) + 5;
  if (accuracyLog > limits.accuracyLog) throw new ZstdDamage('an FSE table is too large');
  const counts: number[] = [];
  let remaining = 1 << accuracyLog;
  while (remaining > 0) {
    const width = highestBit(remaining + 1) + 1;
    const lowMask = (1 << (width - 1)) - 1;
    const threshold = (1 << width) - 2 - remaining;
    let value = input.read(width);
    if ((value & lowMask) < threshold) {
      value &= lowMask;
      input.unread(1);
    } else if (value > lowMask) value -= threshold;
    const count = value - 1;
    remaining -= Math.abs(count);
    counts.push(count);
    for (let repeat = count === 0 ? 3 : 0; repeat === 3; ) {
      repeat = input.read(2);
      for (let i = 0; i < repeat; i++) counts.push(0);
      if (counts.length > limits.symbols) break;
    }
    if (counts.length > limits.symbols) throw new ZstdDamage('an FSE table has too many symbols');
  }
  if (remaining < 0) throw new ZstdDamage('an FSE table holds too much');
  return { table: buildFseTable(counts, accuracyLog), after: input.byteAfter() };
}

/** One decoding state. */
export class FseState {
  readonly #table: FseTable;
  #state: number;

  constructor(table: FseTable, input: BackwardBits) {
    this.#table = table;
    this.#state = input.read(table.accuracyLog);
  }

  get symbol(): number {
    return this.#table.symbol[this.#state]!;
  }

  advance(input: BackwardBits): void {
    const { base, bits } = this.#table;
    this.#state = base[this.#state]! + input.read(bits[this.#state]!);
  }
}
