/**
 * The protobuf messages of a SavedModel, as far as they are written here (tensorflow/core/protobuf:
 * saved_model, meta_graph; tensorflow/core/framework: graph, node_def, attr_value, tensor, tensor_shape).
 */
import protobuf from 'protobufjs';

/** TensorFlow's numbers for its data types. */
export const TF_TYPE = {
  float32: 1,
  float64: 2,
  int32: 3,
  string: 7,
  int64: 9,
  bool: 10,
  resource: 20,
} as const;
export type TfTypeName = keyof typeof TF_TYPE;

const field = (type: string, id: number, rule?: 'repeated') => ({
  type,
  id,
  ...(rule ? { rule } : {}),
});
const map = (type: string, id: number) => ({ keyType: 'string', type, id });

const root = protobuf.Root.fromJSON({
  nested: {
    Dim: { fields: { size: field('int64', 1) } },
    TensorShape: { fields: { dim: field('Dim', 2, 'repeated'), unknownRank: field('bool', 3) } },
    Tensor: {
      fields: {
        dtype: field('int32', 1),
        tensorShape: field('TensorShape', 2),
        tensorContent: field('bytes', 4),
      },
    },
    AttrList: {
      fields: {
        i: field('int64', 3, 'repeated'),
        type: field('int32', 6, 'repeated'),
        shape: field('TensorShape', 7, 'repeated'),
      },
    },
    AttrValue: {
      oneofs: { value: { oneof: ['list', 's', 'i', 'f', 'b', 'type', 'shape', 'tensor'] } },
      fields: {
        list: field('AttrList', 1),
        s: field('bytes', 2),
        i: field('int64', 3),
        f: field('float', 4),
        b: field('bool', 5),
        type: field('int32', 6),
        shape: field('TensorShape', 7),
        tensor: field('Tensor', 8),
      },
    },
    NodeDef: {
      fields: {
        name: field('string', 1),
        op: field('string', 2),
        input: field('string', 3, 'repeated'),
        device: field('string', 4),
        attr: map('AttrValue', 5),
      },
    },
    VersionDef: { fields: { producer: field('int32', 1), minConsumer: field('int32', 2) } },
    GraphDef: {
      fields: { node: field('NodeDef', 1, 'repeated'), versions: field('VersionDef', 4) },
    },
    TensorInfo: {
      fields: {
        name: field('string', 1),
        dtype: field('int32', 2),
        tensorShape: field('TensorShape', 3),
      },
    },
    SignatureDef: {
      fields: {
        inputs: map('TensorInfo', 1),
        outputs: map('TensorInfo', 2),
        methodName: field('string', 3),
      },
    },
    MetaInfoDef: {
      fields: { tags: field('string', 4, 'repeated'), tensorflowVersion: field('string', 5) },
    },
    MetaGraphDef: {
      fields: {
        metaInfoDef: field('MetaInfoDef', 1),
        graphDef: field('GraphDef', 2),
        signatureDef: map('SignatureDef', 5),
      },
    },
    SavedModel: {
      fields: {
        savedModelSchemaVersion: field('int64', 1),
        metaGraphs: field('MetaGraphDef', 2, 'repeated'),
      },
    },
  },
});
const savedModel = root.lookupType('SavedModel');

export interface ShapeProto {
  dim?: { size: number }[];
  unknownRank?: boolean;
}
export interface AttrProto {
  list?: { i?: readonly number[]; type?: readonly number[]; shape?: readonly ShapeProto[] };
  s?: Uint8Array;
  i?: number;
  f?: number;
  b?: boolean;
  type?: number;
  shape?: ShapeProto;
  tensor?: { dtype: number; tensorShape: ShapeProto; tensorContent: Uint8Array };
}
export interface NodeProto {
  name: string;
  op: string;
  input: string[];
  attr: Record<string, AttrProto>;
}
export interface TensorInfoProto {
  name: string;
  dtype: number;
  tensorShape: ShapeProto;
}
export interface SignatureProto {
  inputs: Record<string, TensorInfoProto>;
  outputs: Record<string, TensorInfoProto>;
}

/** Sizes −1 are unknown; null is an unknown rank. */
export const shapeProto = (shape: readonly number[] | null): ShapeProto =>
  shape === null ? { unknownRank: true } : { dim: shape.map((size) => ({ size })) };

/** The versions that TensorFlow 2.15 writes. */
const VERSIONS = { producer: 1645, minConsumer: 12 };

/** `saved_model.pb` with one graph under the tag `serve`. */
export function encodeSavedModel(
  nodes: readonly NodeProto[],
  signatures: Readonly<Record<string, SignatureProto>>,
): Uint8Array {
  const signatureDef = Object.fromEntries(
    Object.entries(signatures).map(([name, signature]) => [
      name,
      { ...signature, methodName: 'tensorflow/serving/predict' },
    ]),
  );
  const metaGraph = {
    metaInfoDef: { tags: ['serve'], tensorflowVersion: '2.15.1' },
    graphDef: { node: nodes, versions: VERSIONS },
    signatureDef,
  };
  const message = { savedModelSchemaVersion: 1, metaGraphs: [metaGraph] };
  return savedModel.encode(savedModel.fromObject(message)).finish();
}
