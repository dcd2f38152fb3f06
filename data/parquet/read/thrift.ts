/** Thrift's compact protocol, reading: any struct as its fields by number. */
import { Damage } from './damage.ts';

const TRUE = 1;
const FALSE = 2;
const BYTE = 3;
const I16 = 4;
const I32 = 5;
const I64 = 6;
const DOUBLE = 7;
const BINARY = 8;
const LIST = 9;
const SET = 10;
const MAP = 11;
const STRUCT = 12;
const MAX_DEPTH = 24;

export type Value = number | boolean | Uint8Array | Value[] | Struct | undefined;

const utf8 = new TextDecoder();

/** Fields of a struct; what is asked for by a type is of that type, or the file is damaged. */
export class Struct {
  readonly #fields: Value[] = [];

  set(field: number, value: Value): void {
    this.#fields[field] = value;
  }

  has(field: number): boolean {
    return this.#fields[field] !== undefined;
  }

  /** A whole number that is exact. */
  int(field: number): number | undefined {
    const value = this.#fields[field];
    if (value === undefined) return undefined;
    if (typeof value !== 'number' || !Number.isSafeInteger(value)) throw wrong(field);
    return value;
  }

  /** A whole number that must be there and be neither negative nor larger than `most`. */
  count(field: number, most = Number.MAX_SAFE_INTEGER): number {
    const value = this.int(field);
    if (value === undefined || value < 0 || value > most) throw wrong(field);
    return value;
  }

  flag(field: number): boolean | undefined {
    const value = this.#fields[field];
    if (value !== undefined && typeof value !== 'boolean') throw wrong(field);
    return value;
  }

  bytes(field: number): Uint8Array | undefined {
    const value = this.#fields[field];
    if (value !== undefined && !(value instanceof Uint8Array)) throw wrong(field);
    return value;
  }

  text(field: number): string | undefined {
    const bytes = this.bytes(field);
    return bytes && utf8.decode(bytes);
  }

  struct(field: number): Struct | undefined {
    const value = this.#fields[field];
    if (value !== undefined && !(value instanceof Struct)) throw wrong(field);
    return value;
  }

  list(field: number): Value[] | undefined {
    const value = this.#fields[field];
    if (value !== undefined && !Array.isArray(value)) throw wrong(field);
    return value;
  }

  structs(field: number): Struct[] {
    return (this.list(field) ?? []).map((value) => {
      if (!(value instanceof Struct)) throw wrong(field);
      return value;
    });
  }
}

const wrong = (field: number): Damage =>
  new Damage(`a header is damaged: field ${field} is missing or not what it should be`);

/** Reads structs one behind the other, never past `end`. */
export class ThriftReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #end: number;
  at: number;

  constructor(bytes: Uint8Array, start: number, end: number) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.at = start;
    this.#end = end;
  }

  /** @throws Damage */
  struct(depth = 0): Struct {
    if (depth > MAX_DEPTH) throw new Damage('a header is nested too deep');
    const fields = new Struct();
    for (let last = 0; ; ) {
      const head = this.#byte();
      if (head === 0) return fields;
      const delta = head >>> 4;
      last = delta > 0 ? last + delta : this.#zigzag();
      // Parquet's structs have some twenty fields.
      if (last < 0 || last > 1000) throw new Damage('a header has a field of an impossible number');
      fields.set(last, this.#value(head & 15, depth, true));
    }
  }

  #value(type: number, depth: number, field: boolean): Value {
    switch (type) {
      case TRUE:
      case FALSE:
        // In a list a boolean has a byte of its own.
        return field ? type === TRUE : this.#byte() === TRUE;
      case BYTE:
        return (this.#byte() << 24) >> 24;
      case I16:
      case I32:
      case I64:
        return this.#zigzag();
      case DOUBLE:
        this.#need(8);
        this.at += 8;
        return this.#view.getFloat64(this.at - 8, true);
      case BINARY: {
        const length = this.#varint();
        this.#need(length);
        this.at += length;
        return this.#bytes.subarray(this.at - length, this.at);
      }
      case LIST:
      case SET:
        return this.#list(depth);
      case MAP:
        return this.#map(depth);
      case STRUCT:
        return this.struct(depth + 1);
      default:
        throw new Damage('a header has a value of an unknown type');
    }
  }

  #list(depth: number): Value[] {
    const head = this.#byte();
    const length = head >>> 4 === 15 ? this.#varint() : head >>> 4;
    if (depth > MAX_DEPTH) throw new Damage('a header is nested too deep');
    // Every element takes a byte at least.
    this.#need(length);
    const values: Value[] = [];
    for (let i = 0; i < length; i++) values.push(this.#value(head & 15, depth + 1, false));
    return values;
  }

  /** Skipped: Parquet has no maps. */
  #map(depth: number): undefined {
    const length = this.#varint();
    if (depth > MAX_DEPTH) throw new Damage('a header is nested too deep');
    if (length === 0) return;
    const types = this.#byte();
    this.#need(2 * length);
    for (let i = 0; i < length; i++) {
      this.#value(types >>> 4, depth + 1, false);
      this.#value(types & 15, depth + 1, false);
    }
  }

  #need(length: number): void {
    if (length > this.#end - this.at) throw new Damage('a header is cut off');
  }

  #byte(): number {
    this.#need(1);
    return this.#bytes[this.at++]!;
  }

  /** Above 2^53 not exact, which `Struct.int` refuses. */
  #varint(): number {
    let value = 0;
    for (let scale = 1; scale < 2 ** 70; scale *= 128) {
      const byte = this.#byte();
      value += (byte & 127) * scale;
      if (byte < 128) return value;
    }
    throw new Damage('a header has a number that does not end');
  }

  #zigzag(): number {
    const value = this.#varint();
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
  }
}
