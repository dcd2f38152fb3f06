/**
 * The part of the TFLite flatbuffer schema (version 3) that the writer and the linter use: numbers
 * of types, operators and option tables, with the slot and kind of every option field.
 */

export const TENSOR_TYPE = {
  FLOAT32: 0,
  FLOAT16: 1,
  INT32: 2,
  INT64: 4,
  BOOL: 6,
  INT8: 9,
} as const;
export type TensorTypeName = keyof typeof TENSOR_TYPE;

export const ELEMENT_BYTES: Record<TensorTypeName, number> = {
  FLOAT32: 4,
  FLOAT16: 2,
  INT32: 4,
  INT64: 8,
  BOOL: 1,
  INT8: 1,
};

export const ACTIVATION = { none: 0, relu: 1 } as const;

type FieldKind = 'int32' | 'byte' | 'bool' | 'float';
type Fields = Readonly<Record<string, readonly [slot: number, kind: FieldKind]>>;

interface OperatorSchema {
  /** BuiltinOperator. */
  code: number;
  /** Member of the BuiltinOptions union; 0 where the operator has none. */
  options: number;
  fields: Fields;
}

const operator = (code: number, options = 0, fields: Fields = {}): OperatorSchema => ({
  code,
  options,
  fields,
});

const activation: Fields = { activation: [0, 'byte'] };
const keepDims: Fields = { keepDims: [0, 'bool'] };
const splits: Fields = { splits: [0, 'int32'] };
const listAxis: Fields = { count: [0, 'int32'], axis: [1, 'int32'] };

export const OPERATORS = {
  ADD: operator(0, 11, activation),
  CONCATENATION: operator(2, 10, { axis: [0, 'int32'], activation: [1, 'byte'] }),
  DEQUANTIZE: operator(6, 38),
  FLOOR: operator(8),
  FULLY_CONNECTED: operator(9, 8, {
    activation: [0, 'byte'],
    weightsFormat: [1, 'byte'],
    keepDims: [2, 'bool'],
    asymmetric: [3, 'bool'],
  }),
  LOGISTIC: operator(14),
  MUL: operator(18, 21, activation),
  RELU: operator(19),
  RESHAPE: operator(22, 17),
  SOFTMAX: operator(25, 9, { beta: [0, 'float'] }),
  TANH: operator(28),
  GATHER: operator(36, 23, { axis: [0, 'int32'], batchDims: [1, 'int32'] }),
  TRANSPOSE: operator(39, 26),
  MEAN: operator(40, 27, keepDims),
  SUB: operator(41, 28, activation),
  DIV: operator(42, 29, activation),
  STRIDED_SLICE: operator(45, 32, { beginMask: [0, 'int32'], endMask: [1, 'int32'] }),
  EXP: operator(47, 33),
  SPLIT: operator(49, 35, splits),
  CAST: operator(53, 37, { from: [0, 'byte'], to: [1, 'byte'] }),
  MAXIMUM: operator(55, 39),
  MINIMUM: operator(57, 39),
  LESS: operator(58, 41),
  NEG: operator(59, 42),
  PADV2: operator(60, 43),
  GREATER: operator(61, 44),
  GREATER_EQUAL: operator(62, 45),
  LESS_EQUAL: operator(63, 46),
  SLICE: operator(65, 48),
  SIN: operator(66),
  TILE: operator(69, 51),
  EQUAL: operator(71, 53),
  NOT_EQUAL: operator(72, 54),
  LOG: operator(73),
  SUM: operator(74, 27, keepDims),
  SQRT: operator(75),
  RSQRT: operator(76),
  REDUCE_MAX: operator(82, 27, keepDims),
  PACK: operator(83, 59, listAxis),
  LOGICAL_OR: operator(84, 60),
  ONE_HOT: operator(85, 61, { axis: [0, 'int32'] }),
  LOGICAL_AND: operator(86, 62),
  LOGICAL_NOT: operator(87, 63),
  UNPACK: operator(88, 64, listAxis),
  REDUCE_MIN: operator(89, 27, keepDims),
  SQUARE: operator(92, 66),
  ABS: operator(101, 78),
  SPLIT_V: operator(102, 79, splits),
  CEIL: operator(104),
  REVERSE_V2: operator(105, 81),
  COS: operator(108, 84),
  ELU: operator(111),
  QUANTIZE: operator(114, 89),
  WHILE: operator(119, 93, { condition: [0, 'int32'], body: [1, 'int32'] }),
  SELECT_V2: operator(123, 98),
  BATCH_MATMUL: operator(126, 101, { adjointX: [0, 'bool'], adjointY: [1, 'bool'] }),
  CUMSUM: operator(128, 102, { exclusive: [0, 'bool'], reverse: [1, 'bool'] }),
  BROADCAST_TO: operator(130, 104),
  DYNAMIC_UPDATE_SLICE: operator(151, 117),
} as const;

export type OperatorName = keyof typeof OPERATORS;

/** Slots of the tables, in the order of the schema. */
export const SLOT = {
  model: {
    version: 0,
    operatorCodes: 1,
    subgraphs: 2,
    description: 3,
    buffers: 4,
    metadata: 6,
    signatures: 7,
    count: 8,
  },
  operatorCode: { deprecatedCode: 0, version: 2, code: 3, count: 4 },
  subgraph: { tensors: 0, inputs: 1, outputs: 2, operators: 3, name: 4, count: 5 },
  tensor: {
    shape: 0,
    type: 1,
    buffer: 2,
    name: 3,
    quantization: 4,
    hasRank: 8,
    count: 9,
  },
  quantization: { scale: 2, zeroPoint: 3, dimension: 6, count: 7 },
  operator: { codeIndex: 0, inputs: 1, outputs: 2, optionsType: 3, options: 4, count: 5 },
  buffer: { data: 0, count: 1 },
  metadata: { name: 0, buffer: 1, count: 2 },
  signature: { inputs: 0, outputs: 1, key: 2, subgraph: 4, count: 5 },
  tensorMap: { name: 0, tensor: 1, count: 2 },
} as const;

export const FILE_IDENTIFIER = 'TFL3';
export const SCHEMA_VERSION = 3;
/** Codes above this do not fit the first code field, which then holds this number. */
export const LARGEST_DEPRECATED_CODE = 127;
export const BUFFER_ALIGNMENT = 16;
export const SIGNATURE_KEY = 'serving_default';
export const RUNTIME_METADATA = 'min_runtime_version';
export const RUNTIME_METADATA_BYTES = 16;
