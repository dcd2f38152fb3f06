/** Writes Thrift's compact protocol, as far as Parquet's headers and footers need it. */

const TYPE = { i32: 5, i64: 6, binary: 8, list: 9, struct: 12 } as const;

export class ThriftWriter {
  readonly #bytes: number[] = [];
  /** Number of the last field of each open struct. */
  readonly #fields = [0];

  bytes(): Buffer {
    return Buffer.from(this.#bytes);
  }

  int(field: number, value: number): this {
    this.#header(field, TYPE.i32);
    this.#varint(zigzag(value));
    return this;
  }

  long(field: number, value: number): this {
    this.#header(field, TYPE.i64);
    this.#varint(zigzag(value));
    return this;
  }

  text(field: number, value: string): this {
    return this.binary(field, Buffer.from(value));
  }

  binary(field: number, value: Uint8Array): this {
    this.#header(field, TYPE.binary);
    this.#binary(value);
    return this;
  }

  struct(field: number, write: () => void): this {
    this.#header(field, TYPE.struct);
    this.#struct(write);
    return this;
  }

  structs<T>(field: number, items: readonly T[], write: (item: T) => void): this {
    this.#list(field, TYPE.struct, items.length);
    for (const item of items) this.#struct(() => write(item));
    return this;
  }

  /** Structs that were written before, without their end. */
  written(field: number, structs: readonly Buffer[]): this {
    this.#list(field, TYPE.struct, structs.length);
    for (const bytes of structs) {
      for (const byte of bytes) this.#bytes.push(byte);
    }
    return this;
  }

  ints(field: number, values: readonly number[]): this {
    this.#list(field, TYPE.i32, values.length);
    for (const value of values) this.#varint(zigzag(value));
    return this;
  }

  texts(field: number, values: readonly string[]): this {
    this.#list(field, TYPE.binary, values.length);
    for (const value of values) this.#binary(Buffer.from(value));
    return this;
  }

  /** Ends the outermost struct. */
  stop(): this {
    this.#bytes.push(0);
    return this;
  }

  #struct(write: () => void): void {
    this.#fields.push(0);
    write();
    this.#bytes.push(0);
    this.#fields.pop();
  }

  #header(field: number, type: number): void {
    const delta = field - this.#fields.at(-1)!;
    this.#fields[this.#fields.length - 1] = field;
    // Fields come in order and none is 16 behind the one before it.
    this.#bytes.push((delta << 4) | type);
  }

  #list(field: number, type: number, length: number): void {
    this.#header(field, TYPE.list);
    if (length < 15) this.#bytes.push((length << 4) | type);
    else {
      this.#bytes.push(0xf0 | type);
      this.#varint(length);
    }
  }

  #binary(bytes: Uint8Array): void {
    this.#varint(bytes.length);
    this.#bytes.push(...bytes);
  }

  #varint(value: number): void {
    let rest = value;
    for (; rest >= 128; rest = Math.floor(rest / 128)) this.#bytes.push((rest % 128) | 128);
    this.#bytes.push(rest);
  }
}

const zigzag = (value: number): number => (value >= 0 ? 2 * value : -2 * value - 1);
