/**
 * The safetensors file format (a JSON header and raw little-endian arrays), read and written.
 * Samples as tensors, weights and checkpoints are all kept in it, so that Python can open them too.
 * Layout: u64 header length | header JSON | data. Format description: the safetensors project.
 */
import { read } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { EdgeloomError } from './errors.ts';
import { writeFileAtomic } from './files.ts';

const DTYPES = {
  F32: { bytes: 4, make: Float32Array },
  I32: { bytes: 4, make: Int32Array },
  U8: { bytes: 1, make: Uint8Array },
  I8: { bytes: 1, make: Int8Array },
  F64: { bytes: 8, make: Float64Array },
} as const;

export type DType = keyof typeof DTYPES;
export type TensorData = Float32Array | Int32Array | Uint8Array | Int8Array | Float64Array;

export interface NamedTensor {
  /** Row-major; the first dimension is the row for sample tables. */
  shape: number[];
  data: TensorData;
}

function dtypeOf(data: TensorData): DType {
  if (data instanceof Float32Array) return 'F32';
  if (data instanceof Int32Array) return 'I32';
  if (data instanceof Uint8Array) return 'U8';
  if (data instanceof Int8Array) return 'I8';
  return 'F64';
}

const count = (shape: number[]): number => shape.reduce((product, size) => product * size, 1);

/**
 * Encodes tensors in the order given; equal input gives equal bytes.
 * @throws TypeError when a tensor's data does not fill its shape
 */
export function encodeSafetensors(
  tensors: Record<string, NamedTensor>,
  metadata: Record<string, string> = {},
): Uint8Array {
  const header: Record<string, unknown> = { __metadata__: metadata };
  let offset = 0;
  for (const [name, tensor] of Object.entries(tensors)) {
    if (count(tensor.shape) !== tensor.data.length) {
      throw new TypeError(`${name}: ${tensor.data.length} values for shape [${tensor.shape}]`);
    }
    const dtype = dtypeOf(tensor.data);
    const end = offset + tensor.data.byteLength;
    header[name] = { dtype, shape: tensor.shape, data_offsets: [offset, end] };
    offset = end;
  }
  let json = JSON.stringify(header);
  // The data begins 8-byte aligned, so that readers can map it.
  json += ' '.repeat((8 - (Buffer.byteLength(json) % 8)) % 8);
  const headerBytes = Buffer.from(json);
  const out = Buffer.alloc(8 + headerBytes.length + offset);
  out.writeBigUInt64LE(BigInt(headerBytes.length), 0);
  headerBytes.copy(out, 8);
  let position = 8 + headerBytes.length;
  for (const { data } of Object.values(tensors)) {
    out.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), position);
    position += data.byteLength;
  }
  return out;
}

/** Writes atomically. */
export async function writeSafetensors(
  path: string,
  tensors: Record<string, NamedTensor>,
  metadata: Record<string, string> = {},
): Promise<void> {
  await writeFileAtomic(path, encodeSafetensors(tensors, metadata));
}

/** Values of a dtype, all zero. */
export function emptyTensorData(dtype: DType, length: number): TensorData {
  return new DTYPES[dtype].make(length);
}

/** One read call takes at most 2 GiB. */
const MAX_READ = 2 ** 30;

/** Through the callback: a read of the promises' kind costs twice the time. @returns the bytes read */
function readBytes(fd: number, out: Uint8Array, at: number, position: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const length = Math.min(out.length - at, MAX_READ);
    read(fd, out, at, length, position, (error, got) => (error ? reject(error) : resolve(got)));
  });
}

interface Entry {
  dtype: DType;
  shape: number[];
  start: number;
  end: number;
}

/** An open file; tensors, or row ranges of them, are read when asked for. */
export class SafetensorsFile {
  readonly path: string;
  readonly metadata: Record<string, string>;
  readonly #file: FileHandle;
  readonly #entries: Map<string, Entry>;

  private constructor(
    path: string,
    file: FileHandle,
    entries: Map<string, Entry>,
    metadata: Record<string, string>,
  ) {
    this.path = path;
    this.#file = file;
    this.#entries = entries;
    this.metadata = metadata;
  }

  /** @throws EdgeloomError `bad-safetensors` when the header is malformed or the file is cut off */
  static async open(path: string): Promise<SafetensorsFile> {
    const file = await open(path, 'r');
    try {
      const { size } = await file.stat();
      const prefix = Buffer.alloc(8);
      await file.read(prefix, 0, 8, 0);
      const headerLength = Number(prefix.readBigUInt64LE(0));
      if (size < 8 || headerLength > size - 8)
        throw new Error('the header is longer than the file');
      const headerBytes = Buffer.alloc(headerLength);
      await file.read(headerBytes, 0, headerLength, 8);
      const header = JSON.parse(headerBytes.toString('utf8')) as Record<string, unknown>;
      const entries = new Map<string, Entry>();
      for (const [name, value] of Object.entries(header)) {
        if (name === '__metadata__') continue;
        const { dtype, shape, data_offsets } = value as {
          dtype: DType;
          shape: number[];
          data_offsets: [number, number];
        };
        const kind = DTYPES[dtype];
        if (!kind) throw new Error(`${name} has the unknown dtype ${dtype}`);
        const [start, end] = data_offsets;
        if (end - start !== count(shape) * kind.bytes)
          throw new Error(`${name} has a wrong length`);
        if (8 + headerLength + end > size) throw new Error(`${name} is cut off`);
        entries.set(name, {
          dtype,
          shape,
          start: 8 + headerLength + start,
          end: 8 + headerLength + end,
        });
      }
      const metadata = (header.__metadata__ ?? {}) as Record<string, string>;
      return new SafetensorsFile(path, file, entries, metadata);
    } catch (error) {
      await file.close();
      throw new EdgeloomError(
        {
          code: 'bad-safetensors',
          what: `Not a whole safetensors file: ${(error as Error).message}`,
          where: path,
          fix: 'delete it and run the stage that made it again',
        },
        { cause: error },
      );
    }
  }

  names(): string[] {
    return [...this.#entries.keys()];
  }

  /** Shape of one tensor. @throws RangeError when there is no such tensor */
  shape(name: string): number[] {
    return [...this.#entry(name).shape];
  }

  /** Dtype of one tensor. @throws RangeError when there is no such tensor */
  dtype(name: string): DType {
    return this.#entry(name).dtype;
  }

  /** Bytes of one row of a tensor's first dimension. @throws RangeError when there is no such tensor */
  rowBytes(name: string): number {
    const { dtype, shape } = this.#entry(name);
    return count(shape.slice(1)) * DTYPES[dtype].bytes;
  }

  /** Reads a tensor whole, or the rows `[from, to)` of its first dimension. */
  async read(name: string, from = 0, to?: number): Promise<NamedTensor> {
    const { dtype, shape } = this.#entry(name);
    const rows = shape[0] ?? 1;
    const length = Math.max(0, Math.min(to ?? rows, rows) - from);
    const sizes = shape.length === 0 ? [] : [length, ...shape.slice(1)];
    const data = emptyTensorData(dtype, count(sizes));
    await this.readInto(name, from, data);
    return { shape: sizes, data };
  }

  /**
   * Fills `out` with the values that begin at row `from` of a tensor, as they are stored.
   * @param out of the tensor's dtype
   * @throws Error when the file ends before; the caller closes it only after the read is done
   */
  async readInto(name: string, from: number, out: TensorData): Promise<void> {
    const bytes = new Uint8Array(out.buffer, out.byteOffset, out.byteLength);
    const at = this.#entry(name).start + from * this.rowBytes(name);
    for (let done = 0; done < bytes.length; ) {
      const got = await readBytes(this.#file.fd, bytes, done, at + done);
      if (got === 0) throw new Error(`${this.path}: ${name} is cut off`);
      done += got;
    }
  }

  /** Reads every tensor. */
  async readAll(): Promise<Record<string, NamedTensor>> {
    const all: Record<string, NamedTensor> = {};
    for (const name of this.#entries.keys()) all[name] = await this.read(name);
    return all;
  }

  async close(): Promise<void> {
    await this.#file.close();
  }

  #entry(name: string): Entry {
    const entry = this.#entries.get(name);
    if (!entry) throw new RangeError(`${this.path} has no tensor ${name}`);
    return entry;
  }
}
