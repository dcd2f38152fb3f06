/** The compiler: a tfjs function becomes a graph, the graph becomes files that phones run. */
export { EdgeloomError } from '../lib/errors.ts';
export type { Finding } from './finding.ts';
export {
  type Calibration,
  type CalibrationOptions,
  calibrate,
  type Range,
} from './graph/calibrate.ts';
export { drawGraph } from './graph/draw.ts';
export { type Interpreter, interpreter, type NamedArrays } from './graph/interpret.ts';
export type {
  DType,
  Graph,
  Node,
  OpName,
  Port,
  Quantization,
  Shape,
  TypedArray,
  Value,
} from './graph/ir.ts';
export { optimise } from './graph/optimise.ts';
export { countOperations, printGraph } from './graph/print.ts';
export { lintOnnx } from './onnx/lint.ts';
export { type OnnxOptions, toOnnx } from './onnx/write.ts';
export { loadTflite } from './runtimes/litert.ts';
export { loadOnnx } from './runtimes/onnxruntime.ts';
export type { LoadedModel } from './runtimes/runtime.ts';
export {
  type AdamForm,
  type AdamOptions,
  type BatchInput,
  type BatchInputs,
  type CompiledFunctions,
  type CompiledTraining,
  type CompileFunctionsOptions,
  type CompileInfo,
  type CompileOptions,
  compileFunctions,
  compileTraining,
  type GraphFunction,
  type OptimizerState,
  type Schedule,
} from './tensorflow/index.ts';
export { lintTflite } from './tflite/lint.ts';
export { quantizeGraph } from './tflite/plan.ts';
export { type TfliteOptions, toTflite } from './tflite/write.ts';
export { composite } from './trace/composite.ts';
export { rawOp, statelessDropout, statelessUniform } from './trace/raw-op.ts';
export { type InputType, type NamedTensors, type RecordOptions, record } from './trace/record.ts';
export { startTensorflow } from './trace/start-tensorflow.ts';
