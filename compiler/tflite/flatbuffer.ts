/** Writes a model's tables into a flatbuffer. Slots and kinds come from schema.ts. */
import { Builder, type Offset } from 'flatbuffers';
import type { Quantization } from '../graph/ir.ts';
import type {
  SignaturePort,
  TfliteFunction,
  TfliteModel,
  TfliteOperator,
  TfliteTensor,
} from './model.ts';
import {
  BUFFER_ALIGNMENT,
  FILE_IDENTIFIER,
  LARGEST_DEPRECATED_CODE,
  OPERATORS,
  RUNTIME_METADATA,
  RUNTIME_METADATA_BYTES,
  SCHEMA_VERSION,
  SIGNATURE_KEY,
  SLOT,
  TENSOR_TYPE,
} from './schema.ts';

class ModelWriter {
  readonly #builder = new Builder(1 << 16);
  /** Equal vectors and tables are written once: most tensors share their shape and their scale. */
  readonly #shared = new Map<string, Offset>();
  /** Buffer 0 is empty by rule; tensors without data point to it. */
  readonly #buffers: (Uint8Array | undefined)[] = [undefined];
  readonly #bufferIndex = new Map<Uint8Array, number>();
  readonly #codes: { code: number; version: number }[] = [];

  #share(key: string, make: () => Offset): Offset {
    const known = this.#shared.get(key);
    if (known !== undefined) return known;
    const offset = make();
    this.#shared.set(key, offset);
    return offset;
  }

  #ints(values: readonly number[]): Offset {
    return this.#share(`int32 ${values}`, () => {
      this.#builder.startVector(4, values.length, 4);
      for (const value of values.toReversed()) this.#builder.addInt32(value);
      return this.#builder.endVector();
    });
  }

  #offsets(offsets: readonly Offset[]): Offset {
    this.#builder.startVector(4, offsets.length, 4);
    for (const offset of offsets.toReversed()) this.#builder.addOffset(offset);
    return this.#builder.endVector();
  }

  #text(text: string): Offset {
    return this.#share(`text ${text}`, () => this.#builder.createString(text));
  }

  #quantization({ scale, zeroPoint, axis }: Quantization): Offset {
    return this.#share(`quantization ${scale} ${zeroPoint} ${axis}`, () => {
      const b = this.#builder;
      b.startVector(4, scale.length, 4);
      for (const value of scale.toReversed()) b.addFloat32(value);
      const scales = b.endVector();
      // Scales per row have a zero for each, 8 bytes long: the same ones for weights and bias.
      const zeroPoints = this.#share(`int64 ${zeroPoint}`, () => {
        b.startVector(8, zeroPoint.length, 8);
        for (const value of zeroPoint.toReversed()) b.addInt64(BigInt(value));
        return b.endVector();
      });
      b.startObject(SLOT.quantization.count);
      b.addFieldOffset(SLOT.quantization.scale, scales, 0);
      b.addFieldOffset(SLOT.quantization.zeroPoint, zeroPoints, 0);
      b.addFieldInt32(SLOT.quantization.dimension, axis, 0);
      return b.endObject();
    });
  }

  #buffer(data: Uint8Array | undefined): number {
    if (!data) return 0;
    const known = this.#bufferIndex.get(data);
    if (known !== undefined) return known;
    const index = this.#buffers.push(data) - 1;
    this.#bufferIndex.set(data, index);
    return index;
  }

  #tensor({ name, shape, type, quantization, data }: TfliteTensor): Offset {
    const b = this.#builder;
    const parameters = quantization ? this.#quantization(quantization) : 0;
    const label = name === '' ? 0 : this.#text(name);
    const sizes = this.#ints(shape);
    b.startObject(SLOT.tensor.count);
    b.addFieldOffset(SLOT.tensor.shape, sizes, 0);
    b.addFieldInt8(SLOT.tensor.type, TENSOR_TYPE[type], 0);
    b.addFieldInt32(SLOT.tensor.buffer, this.#buffer(data), 0);
    b.addFieldOffset(SLOT.tensor.name, label, 0);
    b.addFieldOffset(SLOT.tensor.quantization, parameters, 0);
    b.addFieldInt8(SLOT.tensor.hasRank, 1, 0);
    return b.endObject();
  }

  #operator({ op, version, inputs, outputs, options }: TfliteOperator): Offset {
    const b = this.#builder;
    const { code, options: optionsType, fields } = OPERATORS[op];
    let codeIndex = this.#codes.findIndex((c) => c.code === code && c.version === version);
    if (codeIndex < 0) codeIndex = this.#codes.push({ code, version }) - 1;
    const reads = this.#ints(inputs);
    const writes = this.#ints(outputs);
    const optionsKey = `options ${optionsType} ${JSON.stringify(options)}`;
    const table =
      optionsType === 0
        ? 0
        : this.#share(optionsKey, () => {
            b.startObject(Object.keys(fields).length);
            for (const [name, [slot, kind]] of Object.entries(fields)) {
              const value = Number(options[name] ?? 0);
              if (kind === 'int32') b.addFieldInt32(slot, value, 0);
              else if (kind === 'float') b.addFieldFloat32(slot, value, 0);
              else b.addFieldInt8(slot, value, 0);
            }
            return b.endObject();
          });
    b.startObject(SLOT.operator.count);
    b.addFieldInt32(SLOT.operator.codeIndex, codeIndex, 0);
    b.addFieldOffset(SLOT.operator.inputs, reads, 0);
    b.addFieldOffset(SLOT.operator.outputs, writes, 0);
    b.addFieldInt8(SLOT.operator.optionsType, optionsType, 0);
    b.addFieldOffset(SLOT.operator.options, table, 0);
    return b.endObject();
  }

  #subgraph(graph: TfliteFunction): Offset {
    const b = this.#builder;
    const tensors = this.#offsets(graph.tensors.map((tensor) => this.#tensor(tensor)));
    const operators = this.#offsets(graph.operators.map((operator) => this.#operator(operator)));
    const inputs = this.#ints(graph.inputs);
    const outputs = this.#ints(graph.outputs);
    const name = this.#text(graph.name);
    b.startObject(SLOT.subgraph.count);
    b.addFieldOffset(SLOT.subgraph.tensors, tensors, 0);
    b.addFieldOffset(SLOT.subgraph.inputs, inputs, 0);
    b.addFieldOffset(SLOT.subgraph.outputs, outputs, 0);
    b.addFieldOffset(SLOT.subgraph.operators, operators, 0);
    b.addFieldOffset(SLOT.subgraph.name, name, 0);
    return b.endObject();
  }

  #metadata(minRuntime: string): Offset {
    const b = this.#builder;
    const text = new Uint8Array(RUNTIME_METADATA_BYTES);
    new TextEncoder().encodeInto(minRuntime, text);
    const buffer = this.#buffer(text);
    const name = this.#text(RUNTIME_METADATA);
    b.startObject(SLOT.metadata.count);
    b.addFieldOffset(SLOT.metadata.name, name, 0);
    b.addFieldInt32(SLOT.metadata.buffer, buffer, 0);
    return this.#offsets([b.endObject()]);
  }

  #signature(model: TfliteModel): Offset {
    const b = this.#builder;
    const ports = (list: readonly SignaturePort[]): Offset =>
      this.#offsets(
        list.map(({ name, tensor }) => {
          const label = this.#text(name);
          b.startObject(SLOT.tensorMap.count);
          b.addFieldOffset(SLOT.tensorMap.name, label, 0);
          b.addFieldInt32(SLOT.tensorMap.tensor, tensor, 0);
          return b.endObject();
        }),
      );
    const inputs = ports(model.inputs);
    const outputs = ports(model.outputs);
    const key = this.#text(SIGNATURE_KEY);
    b.startObject(SLOT.signature.count);
    b.addFieldOffset(SLOT.signature.inputs, inputs, 0);
    b.addFieldOffset(SLOT.signature.outputs, outputs, 0);
    b.addFieldOffset(SLOT.signature.key, key, 0);
    b.addFieldInt32(SLOT.signature.subgraph, 0, 0);
    return this.#offsets([b.endObject()]);
  }

  #operatorCodes(): Offset {
    const b = this.#builder;
    return this.#offsets(
      this.#codes.map(({ code, version }) => {
        b.startObject(SLOT.operatorCode.count);
        const deprecated = Math.min(code, LARGEST_DEPRECATED_CODE);
        b.addFieldInt8(SLOT.operatorCode.deprecatedCode, deprecated, 0);
        b.addFieldInt32(SLOT.operatorCode.version, version, 1);
        b.addFieldInt32(SLOT.operatorCode.code, code, 0);
        return b.endObject();
      }),
    );
  }

  #bufferTables(): Offset {
    const b = this.#builder;
    return this.#offsets(
      this.#buffers.map((data) => {
        let vector = 0;
        if (data) {
          // Kernels read the data in place, with aligned loads.
          b.startVector(1, data.length, BUFFER_ALIGNMENT);
          for (let i = data.length - 1; i >= 0; i--) b.addInt8(((data[i] as number) << 24) >> 24);
          vector = b.endVector();
        }
        b.startObject(SLOT.buffer.count);
        b.addFieldOffset(SLOT.buffer.data, vector, 0);
        return b.endObject();
      }),
    );
  }

  write(model: TfliteModel): Uint8Array {
    const b = this.#builder;
    const main: TfliteFunction = {
      ...model,
      name: 'main',
      inputs: model.inputs.map((port) => port.tensor),
      outputs: model.outputs.map((port) => port.tensor),
    };
    const subgraphs = this.#offsets(
      [main, ...model.functions].map((graph) => this.#subgraph(graph)),
    );
    const metadata = this.#metadata(model.minRuntime);
    const signatures = this.#signature(model);
    const codes = this.#operatorCodes();
    const buffers = this.#bufferTables();
    const description = this.#text(model.description);
    b.startObject(SLOT.model.count);
    b.addFieldInt32(SLOT.model.version, SCHEMA_VERSION, 0);
    b.addFieldOffset(SLOT.model.operatorCodes, codes, 0);
    b.addFieldOffset(SLOT.model.subgraphs, subgraphs, 0);
    b.addFieldOffset(SLOT.model.description, description, 0);
    b.addFieldOffset(SLOT.model.buffers, buffers, 0);
    b.addFieldOffset(SLOT.model.metadata, metadata, 0);
    b.addFieldOffset(SLOT.model.signatures, signatures, 0);
    b.finish(b.endObject(), FILE_IDENTIFIER);
    return b.asUint8Array().slice();
  }
}

/** Encodes a model; equal models give equal bytes. */
export function writeModel(model: TfliteModel): Uint8Array {
  return new ModelWriter().write(model);
}
