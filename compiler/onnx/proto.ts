/** The few ONNX protobuf messages that the writer needs. */
import onnxProto from 'onnx-proto';
import { EdgeloomError } from '../../lib/errors.ts';
import type { DType, Shape, TypedArray } from '../graph/ir.ts';

const { onnx } = onnxProto;

export const DATA_TYPE = { float32: 1, uint8: 2, int8: 3, int32: 6, int64: 7, bool: 9 } as const;
export type OnnxDType = keyof typeof DATA_TYPE;

export type Attribute = number | readonly number[] | { float: number };
export type NodeProto = InstanceType<typeof onnx.NodeProto>;
export type TensorProto = InstanceType<typeof onnx.TensorProto>;

const ATTRIBUTE_FLOAT = 1;
const ATTRIBUTE_INT = 2;
const ATTRIBUTE_INTS = 7;

function attributeProto(name: string, value: Attribute) {
  if (typeof value === 'number') {
    return onnx.AttributeProto.create({ name, type: ATTRIBUTE_INT, i: value });
  }
  if ('float' in value) {
    return onnx.AttributeProto.create({ name, type: ATTRIBUTE_FLOAT, f: value.float });
  }
  return onnx.AttributeProto.create({ name, type: ATTRIBUTE_INTS, ints: [...value] });
}

export function nodeProto(
  opType: string,
  input: readonly string[],
  output: readonly string[],
  attributes: Record<string, Attribute> = {},
): NodeProto {
  return onnx.NodeProto.create({
    opType,
    input: [...input],
    output: [...output],
    name: output[0] ?? opType,
    attribute: Object.entries(attributes).map(([name, value]) => attributeProto(name, value)),
  });
}

export function tensorProto(
  name: string,
  dtype: OnnxDType,
  shape: Shape,
  data: TypedArray | Int8Array | BigInt64Array,
): TensorProto {
  return onnx.TensorProto.create({
    name,
    dataType: DATA_TYPE[dtype],
    dims: [...shape],
    rawData: new Uint8Array(data.buffer, data.byteOffset, data.byteLength),
  });
}

export function valueInfo(name: string, dtype: DType, shape: Shape) {
  return onnx.ValueInfoProto.create({
    name,
    type: {
      tensorType: {
        elemType: DATA_TYPE[dtype],
        shape: { dim: shape.map((size) => ({ dimValue: size })) },
      },
    },
  });
}

export const IR_VERSION = 8;
export const OPSET = 17;

export interface ModelParts {
  name: string;
  nodes: NodeProto[];
  initializers: TensorProto[];
  inputs: ReturnType<typeof valueInfo>[];
  outputs: ReturnType<typeof valueInfo>[];
  metadata: Record<string, string>;
}

export function encodeModel(parts: ModelParts): Uint8Array {
  const model = onnx.ModelProto.create({
    irVersion: IR_VERSION,
    producerName: 'edgeloom',
    opsetImport: [{ domain: '', version: OPSET }],
    metadataProps: Object.entries(parts.metadata).map(([key, value]) => ({ key, value })),
    graph: {
      name: parts.name,
      node: parts.nodes,
      initializer: parts.initializers,
      input: parts.inputs,
      output: parts.outputs,
    },
  });
  return encodeBytes(model);
}

export type ModelProto = InstanceType<typeof onnx.ModelProto>;

export const encodeBytes = (model: ModelProto): Uint8Array =>
  onnx.ModelProto.encode(model).finish();

/** @throws EdgeloomError `bad-model-file` when the bytes are not an ONNX model */
export function decodeModel(bytes: Uint8Array): ModelProto {
  try {
    return onnx.ModelProto.decode(bytes);
  } catch (error) {
    throw new EdgeloomError(
      {
        code: 'bad-model-file',
        what: `The file is not ONNX: ${(error as Error).message}`,
        fix: 'write the file again with toOnnx',
      },
      { cause: error },
    );
  }
}
