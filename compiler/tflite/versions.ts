/**
 * Operator versions: which one a use of an operator needs, and the first runtime that has it.
 * A runtime refuses versions it does not know; a version below the need may run and be wrong.
 */
import type { OptionValues, TfliteTensor } from './model.ts';
import type { OperatorName } from './schema.ts';

/** A use of an operator, as far as versions depend on it. */
export interface OperatorUse {
  op: OperatorName;
  inputs: readonly TfliteTensor[];
  outputs: readonly TfliteTensor[];
  options: OptionValues;
}

/** First runtime per version, counted from 1; undefined where the writer never uses a version. */
const RUNTIMES: Readonly<Record<OperatorName, readonly (string | undefined)[]>> = {
  ADD: ['1.5.0', '1.14.0'],
  CONCATENATION: ['1.5.0', '1.14.0'],
  DEQUANTIZE: ['1.13.1', '1.14.0', '1.15.0'],
  FLOOR: ['1.9.0'],
  FULLY_CONNECTED: [
    ...['1.5.0', '1.10.0', '1.14.0', '1.14.0', '2.0.0', '2.1.0'],
    // 9: asymmetric inputs of float kernels with int8 weights. 12: with a scale per row.
    ...[undefined, undefined, '2.3.0', undefined, undefined, '2.17.0'],
  ],
  LOGISTIC: ['1.14.0', '1.14.0'],
  MUL: ['1.5.0', '1.14.0', '1.15.0'],
  RELU: ['1.5.0', '2.1.0'],
  RESHAPE: ['1.5.0'],
  SOFTMAX: ['1.5.0', '1.14.0'],
  TANH: ['1.14.0', '1.14.0'],
  GATHER: ['1.6.0', '1.14.0', '1.15.0', '2.4.0', '2.5.0'],
  TRANSPOSE: ['1.6.0', '1.14.0', '1.15.0', '2.3.0', '2.4.0', '2.12.0'],
  MEAN: ['1.6.0', '1.14.0'],
  SUB: ['1.6.0', '1.14.0', '2.3.0'],
  DIV: ['1.6.0', '2.3.0'],
  STRIDED_SLICE: ['1.6.0', '1.14.0', '2.1.0', '2.2.0'],
  EXP: ['1.7.0'],
  SPLIT: ['1.5.0', '1.14.0', '1.14.0'],
  CAST: ['1.5.0'],
  MAXIMUM: ['1.14.0', '1.14.0', '2.3.0'],
  MINIMUM: ['1.14.0', '1.14.0', '2.3.0'],
  LESS: ['1.14.0'],
  NEG: ['1.9.0'],
  PADV2: ['1.9.0', '1.14.0', '2.4.0', '2.6.0'],
  GREATER: ['1.14.0'],
  GREATER_EQUAL: ['1.14.0'],
  LESS_EQUAL: ['1.14.0'],
  SLICE: ['1.14.0', '1.14.0', '1.14.0', '2.4.0', '2.5.0'],
  SIN: ['1.9.0'],
  TILE: ['1.10.1', '2.2.0', '2.8.0'],
  EQUAL: ['1.14.0'],
  NOT_EQUAL: ['1.14.0'],
  LOG: ['1.14.0'],
  SUM: ['1.10.0', '1.15.0'],
  SQRT: ['1.10.0'],
  RSQRT: ['1.10.0'],
  REDUCE_MAX: ['1.11.0', '1.14.0'],
  PACK: ['1.11.0', '1.14.0'],
  LOGICAL_OR: ['1.11.0'],
  ONE_HOT: ['1.11.0'],
  LOGICAL_AND: ['1.11.0'],
  LOGICAL_NOT: ['1.11.0'],
  UNPACK: ['1.11.0', '1.14.0', '2.2.0'],
  REDUCE_MIN: ['1.11.0', '1.14.0'],
  SQUARE: ['1.12.0'],
  ABS: ['1.13.0'],
  SPLIT_V: ['1.13.1', '2.3.0'],
  CEIL: ['1.14.0'],
  REVERSE_V2: ['1.14.0', '2.2.0', '2.5.0'],
  COS: ['1.14.0'],
  ELU: ['1.14.0'],
  QUANTIZE: ['1.14.0'],
  SELECT_V2: ['2.2.0'],
  BATCH_MATMUL: ['2.3.0', '2.3.0'],
  CUMSUM: ['2.4.0'],
  BROADCAST_TO: [undefined, '2.5.0', '2.5.0'],
  WHILE: ['1.15.0'],
  DYNAMIC_UPDATE_SLICE: ['2.9.0'],
};

/**
 * Int8 weights with a scale per row kept the version of int8 weights with one scale, so the table
 * says nothing about them. This is the oldest runtime they were tried on.
 */
const PER_CHANNEL_RUNTIME = '2.14.0';

const SINCE_INT8_2 = new Set<OperatorName>([
  'CONCATENATION',
  'LOGISTIC',
  'TANH',
  'RELU',
  'SOFTMAX',
  'GATHER',
  'MEAN',
  'SUM',
  'REDUCE_MAX',
  'REDUCE_MIN',
  'PACK',
  'BATCH_MATMUL',
  'SPLIT_V',
]);

function mulVersion({ inputs, outputs }: OperatorUse): number {
  if (inputs[0]?.type !== 'INT8') return 1;
  const scale = (tensor: TfliteTensor | undefined): number => tensor?.quantization?.scale[0] ?? 1;
  return (scale(inputs[0]) * scale(inputs[1])) / scale(outputs[0]) >= 1 ? 3 : 2;
}

/** True for a float kernel that reads int8 weights. */
export const isHybrid = ({ op, inputs }: Pick<OperatorUse, 'op' | 'inputs'>): boolean =>
  op === 'FULLY_CONNECTED' && inputs[0]?.type === 'FLOAT32' && inputs[1]?.type === 'INT8';

function fullyConnectedVersion(use: OperatorUse): number {
  const { inputs, options } = use;
  if (isHybrid(use)) {
    if ((inputs[1]?.quantization?.scale.length ?? 0) > 1) return 12;
    return options.asymmetric === true ? 9 : 3;
  }
  if (inputs.length < 3) return 6;
  if (options.keepDims === true) return 5;
  return inputs[0]?.type === 'INT8' ? 4 : 1;
}

/** The lowest version that covers this use. */
export function requiredVersion(use: OperatorUse): number {
  const { op, inputs, options } = use;
  const first = inputs[op === 'SPLIT' ? 1 : 0];
  const int8 = first?.type === 'INT8';
  const rank = first?.shape.length ?? 0;
  const [a, b] = inputs;
  const broadcasts = String(a?.shape) !== String(b?.shape);
  const wideBroadcast = broadcasts && Math.max(rank, b?.shape.length ?? 0) > 4;
  switch (op) {
    case 'FULLY_CONNECTED':
      return fullyConnectedVersion(use);
    case 'DEQUANTIZE':
      return first?.type === 'FLOAT16' ? 3 : int8 ? 2 : 1;
    case 'MUL':
      return mulVersion(use);
    case 'ADD':
      return int8 ? 2 : 1;
    case 'SUB':
    case 'MAXIMUM':
    case 'MINIMUM':
      return wideBroadcast ? 3 : int8 ? 2 : 1;
    case 'DIV':
      return wideBroadcast ? 2 : 1;
    case 'GATHER':
      if (Number(options.batchDims ?? 0) !== 0) return 5;
      return first?.type === 'BOOL' ? 3 : int8 ? 2 : 1;
    case 'TRANSPOSE':
      if (rank > 5) return 6;
      if (rank > 4) return 4;
      return first?.type === 'BOOL' ? 3 : int8 ? 2 : 1;
    case 'SLICE':
      return rank > 4 ? 5 : int8 ? 2 : 1;
    case 'STRIDED_SLICE':
      return rank > 4 ? 4 : first?.type === 'BOOL' ? 3 : int8 ? 2 : 1;
    case 'PADV2':
      return rank > 4 ? 4 : int8 ? 2 : 1;
    case 'SPLIT':
      return first?.type === 'INT32' ? 3 : int8 ? 2 : 1;
    case 'UNPACK':
      return first?.type === 'BOOL' ? 3 : int8 ? 2 : 1;
    case 'TILE':
      return int8 ? 3 : 1;
    case 'REVERSE_V2':
      return int8 ? 3 : first?.type === 'BOOL' ? 2 : 1;
    case 'BROADCAST_TO':
      return int8 ? 3 : 2;
    default:
      return int8 && SINCE_INT8_2.has(op) ? 2 : 1;
  }
}

const parts = (version: string): number[] => version.split('.').map(Number);

/** True when runtime `a` is older than `b`. */
export function olderRuntime(a: string, b: string): boolean {
  const [x, y] = [parts(a), parts(b)];
  const i = x.findIndex((n, k) => n !== y[k]);
  return i >= 0 && (x[i] ?? 0) < (y[i] ?? 0);
}

/** The first runtime that has this version; undefined when the table does not know it. */
export function runtimeOf(use: OperatorUse, version: number): string | undefined {
  const since = RUNTIMES[use.op][version - 1];
  if (since === undefined) return undefined;
  const perChannel = use.inputs.some(
    ({ type, quantization }) => type === 'INT8' && (quantization?.scale.length ?? 0) > 1,
  );
  return perChannel && olderRuntime(since, PER_CHANNEL_RUNTIME) ? PER_CHANNEL_RUNTIME : since;
}
