/** A TFLite file as plain data: what the lowering makes, the writer writes, the linter reads. */
import type { Quantization, Shape } from '../graph/ir.ts';
import type { OperatorName, TensorTypeName } from './schema.ts';

export interface TfliteTensor {
  name: string;
  shape: Shape;
  type: TensorTypeName;
  quantization?: Quantization;
  /** Little-endian; set for constants only. */
  data?: Uint8Array;
}

export type OptionValues = Readonly<Record<string, number | boolean>>;

export interface TfliteOperator {
  op: OperatorName;
  version: number;
  /** Indices of tensors. */
  inputs: readonly number[];
  outputs: readonly number[];
  options: OptionValues;
}

export interface SignaturePort {
  name: string;
  tensor: number;
}

export interface TfliteModel {
  description: string;
  tensors: readonly TfliteTensor[];
  operators: readonly TfliteOperator[];
  inputs: readonly SignaturePort[];
  outputs: readonly SignaturePort[];
  /** The oldest runtime that has every operator in its version. */
  minRuntime: string;
}
