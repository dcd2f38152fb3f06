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

/** A subgraph that control flow calls; it sees its own tensors only. */
export interface TfliteFunction {
  name: string;
  tensors: readonly TfliteTensor[];
  operators: readonly TfliteOperator[];
  /** Indices of tensors. */
  inputs: readonly number[];
  outputs: readonly number[];
}

export interface TfliteModel {
  description: string;
  /** Those of the main subgraph, which is number 0 in the file. */
  tensors: readonly TfliteTensor[];
  operators: readonly TfliteOperator[];
  /** The subgraphs from number 1 on. */
  functions: readonly TfliteFunction[];
  inputs: readonly SignaturePort[];
  outputs: readonly SignaturePort[];
  /** The oldest runtime that has every operator in its version. */
  minRuntime: string;
}
