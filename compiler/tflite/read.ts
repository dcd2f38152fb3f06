/** Reads a TFLite file back into plain data, with the places that the linter checks. */
import { ByteBuffer } from 'flatbuffers';
import { EdgeloomError } from '../../lib/errors.ts';
import { FILE_IDENTIFIER, SLOT } from './schema.ts';

export interface ReadTensor {
  name: string;
  shape: number[];
  type: number;
  buffer: number;
  quantization?: { scale: number[]; zeroPoint: number[]; axis: number };
}

export interface ReadBuffer {
  /** Of the first byte from the start of the file; 0 for an empty buffer. */
  offset: number;
  data: Uint8Array;
}

export interface ReadOperator {
  codeIndex: number;
  inputs: number[];
  outputs: number[];
  optionsType: number;
  /** Reads a field of the options; 0 when it is absent. */
  option(slot: number, kind: 'int32' | 'byte' | 'bool' | 'float'): number;
}

export interface ReadSignature {
  key: string;
  inputs: { name: string; tensor: number }[];
  outputs: { name: string; tensor: number }[];
}

export interface ReadSubgraph {
  tensors: ReadTensor[];
  operators: ReadOperator[];
  inputs: number[];
  outputs: number[];
}

/** The main subgraph, number 0, and what belongs to the whole file. */
export interface ReadModel extends ReadSubgraph {
  version: number;
  codes: { code: number; version: number }[];
  /** The subgraphs from number 1 on: conditions and bodies of loops. */
  functions: ReadSubgraph[];
  buffers: ReadBuffer[];
  metadata: { name: string; buffer: number }[];
  signatures: ReadSignature[];
}

const OFFSET_BYTES = 4;
const INT64_BYTES = 8;

/** One table of the flatbuffer. */
class Table {
  readonly #bytes: ByteBuffer;
  readonly #position: number;

  constructor(bytes: ByteBuffer, position: number) {
    this.#bytes = bytes;
    this.#position = position;
  }

  #field(slot: number): number {
    const offset = this.#bytes.__offset(this.#position, 4 + 2 * slot);
    return offset === 0 ? 0 : this.#position + offset;
  }

  int32(slot: number, otherwise = 0): number {
    const at = this.#field(slot);
    return at === 0 ? otherwise : this.#bytes.readInt32(at);
  }

  byte(slot: number, otherwise = 0): number {
    const at = this.#field(slot);
    return at === 0 ? otherwise : this.#bytes.readInt8(at);
  }

  float(slot: number): number {
    const at = this.#field(slot);
    return at === 0 ? 0 : this.#bytes.readFloat32(at);
  }

  text(slot: number): string {
    const at = this.#field(slot);
    return at === 0 ? '' : String(this.#bytes.__string(at));
  }

  table(slot: number): Table | undefined {
    const at = this.#field(slot);
    return at === 0 ? undefined : new Table(this.#bytes, this.#bytes.__indirect(at));
  }

  /** Start and length of a vector. */
  vector(slot: number): { start: number; length: number } {
    const at = this.#field(slot);
    if (at === 0) return { start: 0, length: 0 };
    return { start: this.#bytes.__vector(at), length: this.#bytes.__vector_len(at) };
  }

  #list<T>(slot: number, bytes: number, read: (at: number) => T): T[] {
    const { start, length } = this.vector(slot);
    return Array.from({ length }, (_, i) => read(start + i * bytes));
  }

  ints(slot: number): number[] {
    return this.#list(slot, OFFSET_BYTES, (at) => this.#bytes.readInt32(at));
  }

  floats(slot: number): number[] {
    return this.#list(slot, OFFSET_BYTES, (at) => this.#bytes.readFloat32(at));
  }

  longs(slot: number): number[] {
    return this.#list(slot, INT64_BYTES, (at) => Number(this.#bytes.readInt64(at)));
  }

  tables(slot: number): Table[] {
    return this.#list(
      slot,
      OFFSET_BYTES,
      (at) => new Table(this.#bytes, this.#bytes.__indirect(at)),
    );
  }
}

function readTensor(table: Table): ReadTensor {
  const quantization = table.table(SLOT.tensor.quantization);
  const scale = quantization?.floats(SLOT.quantization.scale) ?? [];
  return {
    name: table.text(SLOT.tensor.name),
    shape: table.ints(SLOT.tensor.shape),
    type: table.byte(SLOT.tensor.type),
    buffer: table.int32(SLOT.tensor.buffer),
    ...(quantization && scale.length > 0
      ? {
          quantization: {
            scale,
            zeroPoint: quantization.longs(SLOT.quantization.zeroPoint),
            axis: quantization.int32(SLOT.quantization.dimension),
          },
        }
      : {}),
  };
}

function readOperator(table: Table): ReadOperator {
  const options = table.table(SLOT.operator.options);
  return {
    codeIndex: table.int32(SLOT.operator.codeIndex),
    inputs: table.ints(SLOT.operator.inputs),
    outputs: table.ints(SLOT.operator.outputs),
    optionsType: table.byte(SLOT.operator.optionsType),
    option(slot, kind) {
      if (!options) return 0;
      if (kind === 'int32') return options.int32(slot);
      return kind === 'float' ? options.float(slot) : options.byte(slot);
    },
  };
}

function readSignature(table: Table): ReadSignature {
  const ports = (slot: number): { name: string; tensor: number }[] =>
    table.tables(slot).map((port) => ({
      name: port.text(SLOT.tensorMap.name),
      tensor: port.int32(SLOT.tensorMap.tensor),
    }));
  return {
    key: table.text(SLOT.signature.key),
    inputs: ports(SLOT.signature.inputs),
    outputs: ports(SLOT.signature.outputs),
  };
}

const readSubgraph = (table: Table): ReadSubgraph => ({
  tensors: table.tables(SLOT.subgraph.tensors).map(readTensor),
  operators: table.tables(SLOT.subgraph.operators).map(readOperator),
  inputs: table.ints(SLOT.subgraph.inputs),
  outputs: table.ints(SLOT.subgraph.outputs),
});

/**
 * Reads all subgraphs. @throws EdgeloomError `bad-model-file` when the bytes are not TFLite
 */
export function readModel(bytes: Uint8Array): ReadModel {
  const buffer = new ByteBuffer(bytes);
  const malformed = (what: string, cause?: unknown): EdgeloomError =>
    new EdgeloomError(
      { code: 'bad-model-file', what, fix: 'write the file again with toTflite' },
      { cause },
    );
  if (bytes.length < 8 || !buffer.__has_identifier(FILE_IDENTIFIER)) {
    throw malformed(`The file does not carry the identifier ${FILE_IDENTIFIER}`);
  }
  try {
    const model = new Table(buffer, buffer.readInt32(0));
    const [main, ...functions] = model.tables(SLOT.model.subgraphs).map(readSubgraph);
    if (!main) throw new Error('no subgraph');
    return {
      ...main,
      functions,
      version: model.int32(SLOT.model.version),
      codes: model.tables(SLOT.model.operatorCodes).map((code) => ({
        code: Math.max(
          code.byte(SLOT.operatorCode.deprecatedCode),
          code.int32(SLOT.operatorCode.code),
        ),
        version: code.int32(SLOT.operatorCode.version, 1),
      })),
      buffers: model.tables(SLOT.model.buffers).map((table) => {
        const { start, length } = table.vector(SLOT.buffer.data);
        return { offset: start, data: bytes.subarray(start, start + length) };
      }),
      metadata: model.tables(SLOT.model.metadata).map((table) => ({
        name: table.text(SLOT.metadata.name),
        buffer: table.int32(SLOT.metadata.buffer),
      })),
      signatures: model.tables(SLOT.model.signatures).map(readSignature),
    };
  } catch (error) {
    throw malformed(`The file is cut off or damaged: ${(error as Error).message}`, error);
  }
}
