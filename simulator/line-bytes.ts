/**
 * Lines of JSON written as bytes into one buffer that grows and is used again. The bytes are those of
 * `JSON.stringify`; they come straight from the values because a text in between, joined, handed from
 * thread to thread and encoded, costs several times as much.
 */
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const COLON = 0x3a;
const ZERO = 0x30;
const NEWLINE = 0x0a;
/** Characters that the longest number takes at most: sign, 17 digits, point, exponent. */
const NUMBER = 32;
const MILLION = 1_000_000;

/** What a line can hold: what JSON can. A field that is undefined is left out. */
export type Json = null | boolean | number | string | readonly Json[] | JsonObject;
interface JsonObject {
  readonly [key: string]: Json | undefined;
}

/** What stands before the value of a field that another field stands before: `,"name":`. */
export type FieldName = Uint8Array & { readonly fieldName: unique symbol };

/** Names of fields, ready to be written. */
export function fieldNames<N extends string>(...names: N[]): Record<N, FieldName> {
  const named = names.map((name) => [name, Buffer.from(`,${JSON.stringify(name)}:`)] as const);
  return Object.fromEntries(named) as unknown as Record<N, FieldName>;
}

/** Characters that stand in a JSON text as they are, in one byte. */
const PLAIN = Uint8Array.from({ length: 0x7f }, (_, code) =>
  code < 0x20 || code === QUOTE || code === BACKSLASH ? 0 : 1,
);

export class LineBytes {
  #bytes: Uint8Array;
  #length = 0;

  /** @param capacity bytes that it holds before it grows */
  constructor(capacity: number) {
    this.#bytes = new Uint8Array(capacity);
  }

  /** Bytes written since the last `clear`. */
  get length(): number {
    return this.#length;
  }

  /** One value as a line of JSON. */
  line(value: object): void {
    this.value(value as Json);
    this.#room(1);
    this.#bytes[this.#length++] = NEWLINE;
  }

  /**
   * A constant part, such as a name with what stands around it; short, so that a loop is faster than a
   * copy by the library.
   */
  part(bytes: Uint8Array): void {
    const { length } = bytes;
    this.#room(length);
    const to = this.#bytes;
    const at = this.#length;
    for (let i = 0; i < length; i++) to[at + i] = bytes[i]!;
    this.#length = at + length;
  }

  /** A field of an object that another one stands before; nothing when the value is undefined. */
  field(name: FieldName, value: Json | undefined): void {
    if (value === undefined) return;
    this.part(name);
    this.value(value);
  }

  /** A value as JSON. */
  value(value: Json): void {
    if (typeof value === 'string') this.#string(value);
    else if (typeof value === 'number') this.#number(value);
    else this.#other(value);
  }

  append(bytes: Uint8Array): void {
    this.#room(bytes.length);
    this.#bytes.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  /** What was written, valid until the next write. */
  view(): Uint8Array<ArrayBuffer> {
    return new Uint8Array(this.#bytes.buffer as ArrayBuffer, 0, this.#length);
  }

  /**
   * Gives away what was written, with its buffer, and starts anew.
   * @param spare buffer to go on with, which nobody else uses; default a new one of the same size
   */
  take(spare?: ArrayBuffer): Uint8Array<ArrayBuffer> {
    const taken = this.view();
    this.#bytes = new Uint8Array(spare ?? new ArrayBuffer(this.#bytes.length));
    this.#length = 0;
    return taken;
  }

  /** A copy of what was written. */
  copy(): Uint8Array<ArrayBuffer> {
    return this.view().slice();
  }

  clear(): void {
    this.#length = 0;
  }

  #room(more: number): void {
    const needed = this.#length + more;
    if (needed <= this.#bytes.length) return;
    const grown = new Uint8Array(Math.max(needed, 2 * this.#bytes.length));
    grown.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = grown;
  }

  #other(value: Exclude<Json, string | number>): void {
    if (value === null || typeof value !== 'object') this.#ascii(String(value));
    else if (Array.isArray(value)) this.#array(value as readonly Json[]);
    else this.#object(value as JsonObject);
  }

  #array(values: readonly Json[]): void {
    this.#ascii('[');
    for (let i = 0; i < values.length; i++) {
      if (i > 0) this.#byte(COMMA);
      this.value(values[i]!);
    }
    this.#ascii(']');
  }

  #object(value: JsonObject): void {
    this.#ascii('{');
    let first = true;
    for (const key in value) {
      const field = value[key];
      if (field === undefined) continue;
      this.#room(key.length + 4);
      if (!first) this.#bytes[this.#length++] = COMMA;
      first = false;
      this.#string(key);
      this.#byte(COLON);
      this.value(field);
    }
    this.#ascii('}');
  }

  #byte(byte: number): void {
    this.#room(1);
    this.#bytes[this.#length++] = byte;
  }

  #ascii(text: string): void {
    this.#room(text.length);
    const bytes = this.#bytes;
    let at = this.#length;
    for (let i = 0; i < text.length; i++) bytes[at++] = text.charCodeAt(i);
    this.#length = at;
  }

  #string(text: string): void {
    this.#room(text.length + 2);
    const bytes = this.#bytes;
    let at = this.#length;
    bytes[at++] = QUOTE;
    for (let i = 0; i < text.length; i++) {
      const code = text.charCodeAt(i);
      if (PLAIN[code] !== 1) {
        this.append(Buffer.from(JSON.stringify(text)));
        return;
      }
      bytes[at++] = code;
    }
    bytes[at++] = QUOTE;
    this.#length = at;
  }

  #number(x: number): void {
    if (Number.isSafeInteger(x)) {
      this.#room(NUMBER);
      if (x < 0) this.#bytes[this.#length++] = 0x2d;
      this.#whole(Math.abs(x));
      return;
    }
    if (this.#fourDigits(x)) return;
    this.#ascii(Number.isFinite(x) ? String(x) : 'null');
  }

  /** Digits of a whole number, ≥ 0 and safe. Six at a time: small integers divide faster. */
  #whole(x: number): void {
    if (x < MILLION) {
      let width = 1;
      for (let tens = 10; tens <= x; tens *= 10) width++;
      this.#digits(x | 0, width);
      return;
    }
    const high = Math.floor(x / MILLION);
    this.#whole(high);
    this.#digits((x - high * MILLION) | 0, 6);
  }

  #digits(x: number, width: number): void {
    const bytes = this.#bytes;
    let left = x;
    for (let at = this.#length + width - 1; at >= this.#length; at--) {
      const tenth = (left / 10) | 0;
      bytes[at] = ZERO + (left - 10 * tenth);
      left = tenth;
    }
    this.#length += width;
  }

  /**
   * Writes a number of up to four significant digits between 0.001 and 10, as most of the world's own
   * are. The double nearest to such a decimal prints as that decimal: no other one of so few digits
   * has the same double.
   */
  #fourDigits(x: number): boolean {
    const size = Math.abs(x);
    if (!(size >= 0.001 && size < 10)) return false;
    const places = size >= 1 ? 3 : size >= 0.1 ? 4 : size >= 0.01 ? 5 : 6;
    const tens = places === 3 ? 1e3 : places === 4 ? 1e4 : places === 5 ? 1e5 : 1e6;
    const whole = Math.round(size * tens);
    if (whole / tens !== size) return false;
    this.#room(NUMBER);
    const bytes = this.#bytes;
    if (x < 0) bytes[this.#length++] = 0x2d;
    const units = (whole / tens) | 0;
    bytes[this.#length++] = ZERO + units;
    bytes[this.#length++] = 0x2e;
    this.#digits(whole - units * tens, places);
    while (bytes[this.#length - 1] === ZERO) this.#length--;
    return true;
  }
}

/** The lines in `bytes`, each with its line feed; views, not copies. */
export function* linesOf(bytes: Uint8Array): Generator<Uint8Array, void> {
  for (let from = 0; from < bytes.length; ) {
    const to = bytes.indexOf(NEWLINE, from) + 1;
    yield bytes.subarray(from, to);
    from = to;
  }
}
