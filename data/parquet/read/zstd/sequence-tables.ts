/** Tables of literal lengths, offsets and match lengths (RFC 8878, sections 3.1.1.3.2.1 and 3.1.1.3.2.2). */
import { Damage } from '../damage.ts';
import { buildTable, Distribution, MAX_STATES } from './fse.ts';

const repeat = (value: number, times: number): number[] => new Array<number>(times).fill(value);
const upTo = (from: number, to: number): number[] =>
  Array.from({ length: to - from + 1 }, (_, i) => from + i);

/** What each code starts at, when every one begins where the one before it ends. */
function bases(bits: readonly number[], first: number): number[] {
  let base = first;
  return bits.map((count) => {
    base += 2 ** count;
    return base - 2 ** count;
  });
}

/** Codes of a kind: what they start at and how many bits are added. */
export interface Kind {
  base: readonly number[];
  bits: readonly number[];
  accuracyLog: number;
  symbols: number;
  predefined: Distribution;
}

const LITERAL_BITS = [...repeat(0, 16), 1, 1, 1, 1, 2, 2, 3, 3, 4, ...upTo(6, 16)];
const MATCH_BITS = [...repeat(0, 32), ...[1, 1, 1, 1, 2, 2, 3, 3, 4, 4, 5], ...upTo(7, 16)];
/** Offsets reach back 2^28 bytes at most: no page is larger. */
const OFFSET_BITS = upTo(0, 28);

export const LITERAL: Kind = {
  base: bases(LITERAL_BITS, 0),
  bits: LITERAL_BITS,
  accuracyLog: 9,
  symbols: LITERAL_BITS.length,
  predefined: new Distribution().assign(
    [4, 3, ...repeat(2, 11), 1, 1, 1, ...repeat(2, 9), 3, 2, ...repeat(1, 5), ...repeat(-1, 4)],
    6,
  ),
};
export const OFFSET: Kind = {
  base: OFFSET_BITS.map((bits) => 2 ** bits),
  bits: OFFSET_BITS,
  accuracyLog: 8,
  symbols: 32,
  predefined: new Distribution().assign(
    [...repeat(1, 6), 2, 2, 2, ...repeat(1, 15), ...repeat(-1, 5)],
    5,
  ),
};
export const MATCH: Kind = {
  base: bases(MATCH_BITS, 3),
  bits: MATCH_BITS,
  accuracyLog: 9,
  symbols: MATCH_BITS.length,
  predefined: new Distribution().assign(
    [1, 4, 3, ...repeat(2, 6), ...repeat(1, 37), ...repeat(-1, 7)],
    6,
  ),
};

const symbol = new Uint8Array(MAX_STATES);
const step = new Int32Array(MAX_STATES);
const shares = new Distribution();

/** The table of one kind, for as long as a frame does not give another. */
export class SequenceTable {
  readonly #kind: Kind;
  /** By state: the value without its added bits. */
  readonly base = new Int32Array(MAX_STATES);
  /** By state: base of the next state × 2^16 + bits of the next state × 2^8 + added bits of the value. */
  readonly move = new Int32Array(MAX_STATES);
  /** −1: no table yet. */
  accuracyLog = -1;
  #isPredefined = false;

  constructor(kind: Kind) {
    this.#kind = kind;
  }

  reset(): void {
    this.accuracyLog = -1;
    this.#isPredefined = false;
  }

  /**
   * @param mode 0 predefined, 1 one symbol, 2 described, 3 that of the block before
   * @returns the byte after the description
   */
  read(mode: number, bytes: Uint8Array, at: number, end: number): number {
    const kind = this.#kind;
    if (mode === 3) {
      if (this.accuracyLog < 0) throw new Damage('zstd sequences without a table');
      return at;
    }
    const wasPredefined = this.#isPredefined;
    this.#isPredefined = mode === 0;
    if (mode === 0) {
      if (!wasPredefined) this.#build(kind.predefined);
      return at;
    }
    if (mode === 1) {
      if (at >= end) throw new Damage('zstd sequences are cut off');
      this.accuracyLog = 0;
      this.#set(0, bytes[at]!, 0);
      return at + 1;
    }
    const after = shares.read(bytes, at, end, kind);
    this.#build(shares);
    return after;
  }

  #build(from: Distribution): void {
    buildTable(from, symbol, step);
    this.accuracyLog = from.accuracyLog;
    const size = 1 << from.accuracyLog;
    for (let state = 0; state < size; state++) this.#set(state, symbol[state]!, step[state]!);
  }

  #set(state: number, code: number, next: number): void {
    const { base, bits } = this.#kind;
    if (code >= base.length) throw new Damage('a zstd sequence code is out of range');
    this.base[state] = base[code]!;
    this.move[state] = ((next >>> 4) << 16) | ((next & 15) << 8) | bits[code]!;
  }
}
