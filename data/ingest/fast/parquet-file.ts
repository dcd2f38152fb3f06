/**
 * Writes Parquet files that only this process reads: PLAIN values, no compression, one page a column
 * and row group. Column data is handed over as it lies in memory.
 */
import { closeSync, openSync, writeSync } from 'node:fs';
import { diskFull } from '../../write-all.ts';
import { ThriftWriter } from './thrift.ts';

export const PARQUET_TYPE = { int32: 1, int64: 2, double: 5, text: 6 } as const;
const PLAIN = 0;
const RLE = 3;
const UTF8 = 0;
const LIST = 3;
const MAGIC = Buffer.from('PAR1');

/** A node of the file's schema: a column when it has a type, else a group. */
export interface SchemaNode {
  name: string;
  repetition: 'required' | 'optional' | 'repeated';
  type?: keyof typeof PARQUET_TYPE;
  /** Whether row groups tell the range of this int32 column, so that readers can pass over them. */
  ranged?: boolean;
  list?: boolean;
  children?: SchemaNode[];
}

/** One column of one row group. Levels are a byte each. */
export interface ColumnData {
  levels: number;
  definitions: Uint8Array;
  repetitions: Uint8Array | undefined;
  data: Uint8Array;
}

interface Column {
  path: string[];
  type: keyof typeof PARQUET_TYPE;
  ranged: boolean;
  definitionBits: number;
}

const REPETITION = { required: 0, optional: 1, repeated: 2 } as const;
const bitsFor = (max: number): number => 32 - Math.clz32(max);

function columnsOf(nodes: readonly SchemaNode[], path: string[] = [], depth = 0): Column[] {
  return nodes.flatMap((node) => {
    const inner = depth + (node.repetition === 'required' ? 0 : 1);
    const here = [...path, node.name];
    if (node.children) return columnsOf(node.children, here, inner);
    const { type, ranged = false } = node;
    return [{ path: here, type: type!, ranged, definitionBits: bitsFor(inner) }];
  });
}

/** Levels as Parquet wants them: their length, then one run, repeated or bit-packed. */
export function encodeLevels(levels: Uint8Array, bits: number): Buffer {
  const n = levels.length;
  const first = levels[0] ?? 0;
  let same = 1;
  while (same < n && levels[same] === first) same++;
  const repeated = same >= n;
  const groups = (n + 7) >> 3;
  const bytes = Buffer.alloc(10 + (repeated ? 1 : groups * bits));
  let at = 4;
  let header = repeated ? 2 * n : 2 * groups + 1;
  for (; header >= 128; header = Math.floor(header / 128)) bytes[at++] = (header % 128) | 128;
  bytes[at++] = header;
  if (repeated) bytes[at++] = first;
  else {
    let held = 0;
    let heldBits = 0;
    for (let i = 0; i < groups * 8; i++) {
      held |= (i < n ? levels[i]! : 0) << heldBits;
      heldBits += bits;
      while (heldBits >= 8) {
        bytes[at++] = held & 0xff;
        held >>= 8;
        heldBits -= 8;
      }
    }
  }
  bytes.writeUInt32LE(at - 4, 0);
  return bytes.subarray(0, at);
}

/** One file, written row group by row group; not readable before `close`. */
export class ParquetFile {
  readonly path: string;
  readonly #schema: SchemaNode[];
  readonly #columns: Column[];
  readonly #groups: Buffer[] = [];
  #size = 0;
  #rows = 0;

  constructor(path: string, schema: SchemaNode[]) {
    this.path = path;
    this.#schema = schema;
    this.#columns = columnsOf(schema);
  }

  /** Writes before it returns, so that the data's memory can be used again. */
  append(rows: number, data: readonly ColumnData[]): void {
    const pieces: Uint8Array[] = this.#size === 0 ? [MAGIC] : [];
    let at = this.#size + (this.#size === 0 ? MAGIC.length : 0);
    const chunks = this.#columns.map((column, i) => {
      const { levels, definitions, repetitions, data: values } = data[i]!;
      const before = [
        ...(repetitions ? [encodeLevels(repetitions, 1)] : []),
        encodeLevels(definitions, column.definitionBits),
      ];
      const size = before.reduce((sum, { length }) => sum + length, values.length);
      const header = pageHeader(size, levels);
      pieces.push(header, ...before, values);
      const range = column.ranged ? rangeOf(values) : undefined;
      const chunk = { column, levels, range, offset: at, size: header.length + size };
      at += chunk.size;
      return chunk;
    });
    this.#groups.push(rowGroup(rows, chunks));
    this.#write(pieces);
    this.#size = at;
    this.#rows += rows;
  }

  close(): void {
    const footer = new ThriftWriter();
    const nodes = flatten({ name: 'rows', repetition: 'required', children: this.#schema });
    footer
      .int(1, 1)
      .structs(2, nodes, (node) => writeNode(footer, node))
      .long(3, this.#rows)
      .written(4, this.#groups)
      .stop();
    const bytes = footer.bytes();
    const length = Buffer.alloc(4);
    length.writeUInt32LE(bytes.length);
    this.#write([bytes, length, MAGIC]);
  }

  /** Opened for each write: a run has more tables than it may have open files. */
  #write(pieces: readonly Uint8Array[]): void {
    const bytes = Buffer.concat(pieces);
    const file = openSync(this.path, 'a', 0o600);
    try {
      for (let done = 0; done < bytes.length; ) done += writeSync(file, bytes, done);
    } catch (error) {
      throw diskFull(error, this.path);
    } finally {
      closeSync(file);
    }
  }
}

interface Chunk {
  column: Column;
  levels: number;
  range: [least: number, most: number] | undefined;
  offset: number;
  size: number;
}

/** @param bytes int32 values, at least one */
function rangeOf(bytes: Uint8Array): [number, number] {
  const values = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  let least = values.getInt32(0, true);
  let most = least;
  for (let at = 4; at < bytes.length; at += 4) {
    const value = values.getInt32(at, true);
    if (value < least) least = value;
    if (value > most) most = value;
  }
  return [least, most];
}

function pageHeader(size: number, values: number): Buffer {
  const header = new ThriftWriter();
  const page = (): void => {
    header.int(1, values).int(2, PLAIN).int(3, RLE).int(4, RLE);
  };
  return header.int(1, 0).int(2, size).int(3, size).struct(5, page).stop().bytes();
}

function rowGroup(rows: number, chunks: readonly Chunk[]): Buffer {
  const group = new ThriftWriter();
  const writeChunk = ({ column, levels, range, offset, size }: Chunk): void => {
    group.long(2, offset).struct(3, () => {
      group
        .int(1, PARQUET_TYPE[column.type])
        .ints(2, [PLAIN, RLE])
        .texts(3, column.path)
        .int(4, 0)
        .long(5, levels)
        .long(6, size)
        .long(7, size)
        .long(9, offset);
      if (!range) return;
      const [least, most] = range.map((value) => Buffer.from(Int32Array.of(value).buffer));
      group.struct(12, () => group.binary(5, most!).binary(6, least!));
    });
  };
  const bytes = chunks.reduce((sum, { size }) => sum + size, 0);
  return group.structs(1, chunks, writeChunk).long(2, bytes).long(3, rows).stop().bytes();
}

const flatten = (node: SchemaNode): SchemaNode[] => [
  node,
  ...(node.children ?? []).flatMap(flatten),
];

function writeNode(
  footer: ThriftWriter,
  { name, repetition, type, list, children }: SchemaNode,
): void {
  if (type) footer.int(1, PARQUET_TYPE[type]);
  footer.int(3, REPETITION[repetition]).text(4, name);
  if (children) footer.int(5, children.length);
  if (type === 'text') footer.int(6, UTF8);
  else if (list) footer.int(6, LIST);
}
