/** The half of the compiler that trains: a tfjs loss as one TensorFlow graph. */
export type { AdamOptions } from './adam.ts';
export { numbers } from './arithmetic.ts';
export {
  type CompiledFunctions,
  type CompiledTraining,
  type CompileFunctionsOptions,
  type CompileInfo,
  type CompileOptions,
  compileFunctions,
  compileTraining,
  type GraphFunction,
  type OptimizerState,
} from './compile-training.ts';
export type { AdamForm } from './program.ts';
export type { BatchInput, BatchInputs } from './record-training.ts';
export { learningRateAt, type Schedule } from './schedule.ts';
