/** The sequences section of a compressed block (RFC 8878, sections 3.1.1.3.2 and 3.1.1.4). */
import { Damage } from '../damage.ts';
import { highestBit } from './fse.ts';
import type { Literals } from './literals.ts';
import { LITERAL, MATCH, OFFSET, SequenceTable } from './sequence-tables.ts';

/** From this length on the engine's own copying pays for the call. */
const LONG_COPY = 128;

/** Where a frame is decoded to; PADDING bytes past `limit` are writable. */
export interface Output {
  bytes: Uint8Array;
  view: DataView;
  /** Of the frame: no match reaches back further. */
  start: number;
  at: number;
  /** Of the block. */
  limit: number;
}

export class Sequences {
  readonly #literal = new SequenceTable(LITERAL);
  readonly #offset = new SequenceTable(OFFSET);
  readonly #match = new SequenceTable(MATCH);
  /** The last three offsets of the frame. */
  readonly #recent = new Int32Array(3);

  /** A new frame. */
  reset(): void {
    this.#literal.reset();
    this.#offset.reset();
    this.#match.reset();
    this.#recent.set([1, 4, 8]);
  }

  /** Reads the section at `start` of a block that ends at `end` and carries it out. */
  run(
    bytes: Uint8Array,
    view: DataView,
    start: number,
    end: number,
    literals: Literals,
    out: Output,
  ): void {
    const first = start < end ? bytes[start]! : -1;
    const size = first < 128 ? 1 : first < 255 ? 2 : 3;
    if (first < 0 || start + size > end) throw new Damage('zstd sequences are cut off');
    const count =
      size === 1
        ? first
        : size === 2
          ? ((first - 128) << 8) + bytes[start + 1]!
          : view.getUint16(start + 1, true) + 0x7f00;
    let at = start + size;
    let used = literals.from;
    if (count > 0) {
      if (at >= end) throw new Damage('zstd sequences are cut off');
      const modes = bytes[at++]!;
      if (modes & 3) throw new Damage('a reserved bit of zstd sequences is set');
      at = this.#literal.read(modes >> 6, bytes, at, end);
      at = this.#offset.read((modes >> 4) & 3, bytes, at, end);
      at = this.#match.read((modes >> 2) & 3, bytes, at, end);
      used = this.#execute(view, at, end, count, literals, out);
    } else if (at !== end) throw new Damage('a zstd block is longer than its content');
    const rest = literals.to - used;
    if (out.at + rest > out.limit) throw new Damage('a zstd block holds more than it may');
    out.bytes.set(literals.bytes.subarray(used, literals.to), out.at);
    out.at += rest;
  }

  /**
   * Bits are read from the back; `left` counts those before the place, from the byte `start` on. What is
   * read before the start is noticed at the end of each sequence: 11 bytes at most, and a block's
   * headers and its frame's take more than that.
   * @returns the first literal that was not used
   */
  #execute(
    view: DataView,
    start: number,
    end: number,
    count: number,
    literals: Literals,
    out: Output,
  ): number {
    const last = end > start ? view.getUint8(end - 1) : 0;
    if (last === 0) throw new Damage('zstd sequences have no end mark');
    const { base: literalBase, move: literalMove, accuracyLog: literalLog } = this.#literal;
    const { base: offsetBase, move: offsetMove, accuracyLog: offsetLog } = this.#offset;
    const { base: matchBase, move: matchMove, accuracyLog: matchLog } = this.#match;
    const { bytes: to, view: toView, start: frameStart, limit } = out;
    const { bytes: from, view: fromView, to: literalEnd } = literals;
    const recent = this.#recent;
    let [one, two, three] = [recent[0]!, recent[1]!, recent[2]!];
    let at = out.at;
    let used = literals.from;
    let left = 8 * (end - start - 1) + highestBit(last);

    left -= literalLog;
    let literalState = bits(view, start, left, literalLog);
    left -= offsetLog;
    let offsetState = bits(view, start, left, offsetLog);
    left -= matchLog;
    let matchState = bits(view, start, left, matchLog);

    for (let i = 1; ; i++) {
      const offsetInfo = offsetMove[offsetState]!;
      const matchInfo = matchMove[matchState]!;
      const literalInfo = literalMove[literalState]!;
      const offsetBits = offsetInfo & 255;
      const matchBits = matchInfo & 255;
      const literalBits = literalInfo & 255;
      let offset = offsetBase[offsetState]!;
      if (offsetBits > 24) {
        left -= offsetBits - 16;
        offset += bits(view, start, left, offsetBits - 16) << 16;
        left -= 16;
        offset += bits(view, start, left, 16);
      } else {
        left -= offsetBits;
        offset += bits(view, start, left, offsetBits);
      }
      let matchLength = matchBase[matchState]!;
      let literalLength = literalBase[literalState]!;
      if (matchBits > 0) {
        left -= matchBits;
        matchLength += bits(view, start, left, matchBits);
      }
      if (literalBits > 0) {
        left -= literalBits;
        literalLength += bits(view, start, left, literalBits);
      }
      if (left < 0) throw new Damage('zstd sequences are cut off');

      // Values 1 to 3 name one of the last three offsets, shifted by one after no literals.
      if (offset > 3) {
        offset -= 3;
        three = two;
        two = one;
        one = offset;
      } else {
        const which = literalLength === 0 ? offset : offset - 1;
        if (which === 0) offset = one;
        else {
          offset = which === 1 ? two : which === 2 ? three : one - 1;
          if (which > 1) three = two;
          two = one;
          one = offset;
        }
      }

      const literalStop = at + literalLength;
      const matchStop = literalStop + matchLength;
      if (matchStop > limit) throw new Damage('a zstd block holds more than it may');
      if (used + literalLength > literalEnd) throw new Damage('too few zstd literals');
      if (offset < 1 || offset > literalStop - frameStart) {
        throw new Damage('a zstd match reaches back too far');
      }
      // By words, which may write past the end what the next copy writes over. Most copies are short: 8
      // bytes without a branch cost less than one branch that is guessed wrong.
      if (literalLength >= LONG_COPY) to.set(from.subarray(used, used + literalLength), at);
      else {
        toView.setInt32(at, fromView.getInt32(used, true), true);
        toView.setInt32(at + 4, fromView.getInt32(used + 4, true), true);
        for (let i = 8; i < literalLength; i += 4) {
          toView.setInt32(at + i, fromView.getInt32(used + i, true), true);
        }
      }
      used += literalLength;
      at = literalStop;
      const source = at - offset;
      if (offset >= matchLength && matchLength >= LONG_COPY) {
        to.copyWithin(at, source, source + matchLength);
      } else if (offset >= 4) {
        toView.setInt32(at, toView.getInt32(source, true), true);
        toView.setInt32(at + 4, toView.getInt32(source + 4, true), true);
        for (let i = 8; i < matchLength; i += 4) {
          toView.setInt32(at + i, toView.getInt32(source + i, true), true);
        }
      } else {
        for (let i = 0; i < matchLength; i++) to[at + i] = to[source + i]!;
      }
      at = matchStop;

      if (i === count) break;
      const literalNext = (literalInfo >>> 8) & 255;
      const matchNext = (matchInfo >>> 8) & 255;
      const offsetNext = (offsetInfo >>> 8) & 255;
      left -= literalNext;
      literalState = (literalInfo >>> 16) + bits(view, start, left, literalNext);
      left -= matchNext;
      matchState = (matchInfo >>> 16) + bits(view, start, left, matchNext);
      left -= offsetNext;
      offsetState = (offsetInfo >>> 16) + bits(view, start, left, offsetNext);
    }
    if (left !== 0) throw new Damage('zstd sequences leave bits over');
    recent[0] = one;
    recent[1] = two;
    recent[2] = three;
    out.at = at;
    return used;
  }
}

/** At most 25 bits. */
const bits = (view: DataView, start: number, left: number, count: number): number =>
  (view.getInt32(start + (left >> 3), true) >>> (left & 7)) & ((1 << count) - 1);
