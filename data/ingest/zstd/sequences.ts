/** The sequences section of a compressed block (RFC 8878, sections 3.1.1.3.2 and 3.1.1.5). */
import { BackwardBits, ZstdDamage } from './bits.ts';
import { buildFseTable, FseState, type FseTable, readFseTable, singleSymbolTable } from './fse.ts';
import type { Literals } from './literals.ts';
import type { Window } from './window.ts';

const repeat = (value: number, times: number): number[] => new Array<number>(times).fill(value);

/** Codes of literal lengths and match lengths: what they start at and how many bits are added. */
const LITERAL_BITS = [
  ...repeat(0, 16),
  1,
  1,
  1,
  1,
  2,
  2,
  3,
  3,
  4,
  6,
  7,
  8,
  9,
  10,
  11,
  12,
  13,
  14,
  15,
  16,
];
const MATCH_BITS = [
  ...repeat(0, 32),
  ...[1, 1, 1, 1, 2, 2, 3, 3, 4, 4, 5, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16],
];
const bases = (bits: readonly number[], first: number): number[] => {
  let base = first;
  return bits.map((count) => {
    const own = base;
    base += 2 ** count;
    return own;
  });
};
// Literal codes jump from 48 (4 bits) to 64; match codes from 99 (5 bits) to 131: no gaps.
const LITERAL_BASE = bases(LITERAL_BITS, 0);
const MATCH_BASE = bases(MATCH_BITS, 3);

interface Kind {
  name: 'literal' | 'offset' | 'match';
  /** Where the kind's mode stands in the modes byte. */
  shift: number;
  accuracyLog: number;
  symbols: number;
  predefined: FseTable;
}

const KINDS: Kind[] = [
  {
    name: 'literal',
    shift: 6,
    accuracyLog: 9,
    symbols: 36,
    predefined: buildFseTable(
      [4, 3, ...repeat(2, 11), 1, 1, 1, ...repeat(2, 9), 3, 2, ...repeat(1, 5), ...repeat(-1, 4)],
      6,
    ),
  },
  {
    name: 'offset',
    shift: 4,
    accuracyLog: 8,
    symbols: 32,
    predefined: buildFseTable([...repeat(1, 6), 2, 2, 2, ...repeat(1, 15), ...repeat(-1, 5)], 5),
  },
  {
    name: 'match',
    shift: 2,
    accuracyLog: 9,
    symbols: 53,
    predefined: buildFseTable([1, 4, 3, ...repeat(2, 6), ...repeat(1, 37), ...repeat(-1, 7)], 6),
  },
];

// Offsets reach back as far as the largest window that is taken, 2^27 bytes.
const MAX_OFFSET_CODE = 28;

export class SequencesDecoder {
  readonly #tables = new Map<Kind['name'], FseTable>();
  /** The last three offsets of the frame. */
  readonly #recent = [1, 4, 8];

  /** Carries the sequences out: literals and matches go to the window. */
  decode(bytes: Uint8Array, end: number, literals: Literals, window: Window): void {
    const { count, at } = readCount(bytes, literals.after, end);
    if (count === 0) {
      if (at !== end) throw new ZstdDamage('a block is longer than its content');
      window.append(literals.bytes, 0, literals.length);
      return;
    }
    const start = this.#readTables(bytes, at, end);
    const used = this.#run(new BackwardBits(bytes, start, end), count, literals, window);
    window.append(literals.bytes, used, literals.length);
  }

  #readTables(bytes: Uint8Array, start: number, end: number): number {
    if (start >= end) throw new ZstdDamage('sequences are cut off');
    const modes = bytes[start]!;
    if (modes & 3) throw new ZstdDamage('a reserved bit of the sequences is set');
    let at = start + 1;
    for (const kind of KINDS) {
      const mode = (modes >> kind.shift) & 3;
      if (mode === 0) this.#tables.set(kind.name, kind.predefined);
      if (mode === 1) {
        const symbol = at < end ? bytes[at++]! : kind.symbols;
        if (symbol >= kind.symbols) throw new ZstdDamage('a sequence code is out of range');
        this.#tables.set(kind.name, singleSymbolTable(symbol));
      }
      if (mode === 2) {
        const { table, after } = readFseTable(bytes, at, end, kind);
        this.#tables.set(kind.name, table);
        at = after;
      }
    }
    return at;
  }

  #state(name: Kind['name'], input: BackwardBits): FseState {
    const table = this.#tables.get(name);
    if (!table) throw new ZstdDamage('sequences without a table');
    return new FseState(table, input);
  }

  /** @returns how many literals were used */
  #run(input: BackwardBits, count: number, literals: Literals, window: Window): number {
    const literal = this.#state('literal', input);
    const offset = this.#state('offset', input);
    const match = this.#state('match', input);
    let used = 0;
    for (let i = 0; i < count; i++) {
      const offsetCode = offset.symbol;
      if (offsetCode > MAX_OFFSET_CODE) throw new ZstdDamage('an offset is out of range');
      const offsetValue = 2 ** offsetCode + input.readLong(offsetCode);
      const matchLength = MATCH_BASE[match.symbol]! + input.read(MATCH_BITS[match.symbol]!);
      const literalLength =
        LITERAL_BASE[literal.symbol]! + input.read(LITERAL_BITS[literal.symbol]!);
      if (i < count - 1) {
        literal.advance(input);
        match.advance(input);
        offset.advance(input);
      }
      if (input.left < 0) throw new ZstdDamage('sequences are cut off');
      if (used + literalLength > literals.length) throw new ZstdDamage('too few literals');
      window.append(literals.bytes, used, used + literalLength);
      used += literalLength;
      window.repeat(this.#offset(offsetValue, literalLength), matchLength);
    }
    if (input.left !== 0) throw new ZstdDamage('sequences leave bits over');
    return used;
  }

  /** Values 1 to 3 name one of the last three offsets, shifted by one after no literals. */
  #offset(value: number, literalLength: number): number {
    const recent = this.#recent;
    if (value > 3) {
      recent.unshift(value - 3);
      recent.pop();
      return value - 3;
    }
    const which = value - (literalLength === 0 ? 0 : 1);
    const offset = which === 3 ? recent[0]! - 1 : recent[which]!;
    if (which > 0) {
      recent.splice(Math.min(which, 2), 1);
      recent.unshift(offset);
    }
    return offset;
  }
}

function readCount(bytes: Uint8Array, start: number, end: number): { count: number; at: number } {
  const first = start < end ? bytes[start]! : 0;
  const size = first < 128 ? 1 : first < 255 ? 2 : 3;
  if (start + size > end) throw new ZstdDamage('the number of sequences is missing');
  if (size === 1) return { count: first, at: start + 1 };
  if (size === 2) return { count: ((first - 128) << 8) + bytes[start + 1]!, at: start + 2 };
  return { count: bytes[start + 1]! + (bytes[start + 2]! << 8) + 0x7f00, at: start + 3 };
}
