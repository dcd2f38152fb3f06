/** Thrift's compact protocol, as far as Parquet's headers and footers need it. Writing only. */

const I32 = 5;
const I64 = 6;
const BINARY = 8;
const LIST = 9;
const STRUCT = 12;

/** Grows a buffer of bytes. */
export class ByteBuffer {
  bytes: Uint8Array<ArrayBuffer>;
  length = 0;

  constructor(capacity = 256) {
    this.bytes = new Uint8Array(capacity);
  }

  /** Makes room for `more` bytes behind `length`. */
  reserve(more: number): void {
    if (this.length + more <= this.bytes.length) return;
    const larger = new Uint8Array(Math.max(2 * this.bytes.length, this.length + more));
    larger.set(this.bytes.subarray(0, this.length));
    this.bytes = larger;
  }

  byte(value: number): void {
    this.reserve(1);
    this.bytes[this.length++] = value;
  }

  append(bytes: Uint8Array): void {
    this.reserve(bytes.length);
    this.bytes.set(bytes, this.length);
    this.length += bytes.length;
  }

  /** An unsigned number below 2^53, seven bits a byte, the lowest first. */
  varint(value: number): void {
    this.reserve(8);
    let rest = value;
    while (rest >= 128) {
      this.bytes[this.length++] = (rest % 128) | 128;
      rest = Math.floor(rest / 128);
    }
    this.bytes[this.length++] = rest;
  }

  view(): Uint8Array<ArrayBuffer> {
    return this.bytes.subarray(0, this.length);
  }
}

const utf8 = new TextEncoder();

/** A value with its thrift type. Integers are not negative here. */
export type ThriftValue =
  | { i32: number }
  | { i64: number }
  | { text: string }
  | { struct: ThriftFields }
  | { list: ThriftValue[] };
/** Fields by number; undefined ones are left out. */
export type ThriftFields = Record<number, ThriftValue | undefined>;

const typeOf = (value: ThriftValue): number => {
  if ('i32' in value) return I32;
  if ('i64' in value) return I64;
  if ('text' in value) return BINARY;
  return 'struct' in value ? STRUCT : LIST;
};

function writeValue(out: ByteBuffer, value: ThriftValue): void {
  if ('struct' in value) writeStruct(out, value.struct);
  else if ('text' in value) {
    const bytes = utf8.encode(value.text);
    out.varint(bytes.length);
    out.append(bytes);
  } else if ('list' in value) {
    const { length } = value.list;
    // An empty list needs an element type all the same.
    const type = value.list[0] ? typeOf(value.list[0]) : I32;
    out.byte((Math.min(length, 15) << 4) | type);
    if (length >= 15) out.varint(length);
    for (const element of value.list) writeValue(out, element);
  }
  // Zigzag: a number that is not negative is doubled.
  else out.varint(2 * ('i32' in value ? value.i32 : value.i64));
}

/** Appends a struct; the fields in the order of their numbers. */
export function writeStruct(out: ByteBuffer, fields: ThriftFields): void {
  let last = 0;
  for (const [key, value] of Object.entries(fields)) {
    if (value === undefined) continue;
    const number = Number(key);
    const delta = number - last;
    if (delta > 15) throw new RangeError(`field ${number} is too far from field ${last}`);
    out.byte((delta << 4) | typeOf(value));
    writeValue(out, value);
    last = number;
  }
  out.byte(0);
}
