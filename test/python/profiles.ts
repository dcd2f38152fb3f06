/** The kinds of files that the side-check looks at: a new profile of the compiler is one entry here. */
import {
  calibrate,
  type Graph,
  type LoadedModel,
  loadOnnx,
  loadTflite,
  type NamedArrays,
  toOnnx,
  toTflite,
} from '../../compiler/index.ts';

export interface Profile {
  name: string;
  format: 'onnx' | 'tflite';
  write(graph: Graph, calibrationRows: readonly NamedArrays[]): Uint8Array;
  /**
   * The runtime of this project whose outputs are expected; those of tfjs when absent. Rounded files
   * are compared with a runtime that rounds: how far they are from tfjs is measured elsewhere.
   */
  twin?: (file: Uint8Array) => Promise<LoadedModel>;
  /** Largest difference from the expected, in units of the largest expected value of an output. */
  tolerance: number;
  /** Only these; all when absent. */
  subjects?: readonly string[];
}

const FLOAT_TOLERANCE = 1e-5;
/**
 * Some of int8's 255 steps. XNNPACK equals our runtime bit for bit; the older kernels round products
 * otherwise, and 50 steps of a recurrence carry that on (0.07 seen for `rerank`, 0.014 for one operation).
 */
const INT8_TOLERANCE = 20 / 255;

/** The least that a constant must hold to be packed: the operations here are small. */
const SMALLEST = 2;

export const PROFILES: readonly Profile[] = [
  {
    name: 'ONNX float32',
    format: 'onnx',
    write: (graph) => toOnnx(graph, { profile: 'float32' }),
    tolerance: FLOAT_TOLERANCE,
  },
  {
    name: 'ONNX float32, unrolled',
    format: 'onnx',
    write: (graph) => toOnnx(graph, { profile: 'float32', recurrence: 'unrolled' }),
    tolerance: FLOAT_TOLERANCE,
    subjects: ['rerank', 'decide'],
  },
  {
    name: 'TFLite float32',
    format: 'tflite',
    write: (graph) => toTflite(graph, { profile: 'float32' }),
    tolerance: FLOAT_TOLERANCE,
  },
  {
    name: 'TFLite int8',
    format: 'tflite',
    write: (graph, rows) =>
      toTflite(graph, { profile: 'int8', calibration: calibrate(graph, rows) }),
    twin: loadTflite,
    tolerance: INT8_TOLERANCE,
  },
  {
    name: 'ONNX int8',
    format: 'onnx',
    write: (graph, rows) => toOnnx(graph, { profile: 'int8', calibration: calibrate(graph, rows) }),
    twin: loadOnnx,
    tolerance: INT8_TOLERANCE,
  },
  {
    name: 'ONNX dynamic',
    format: 'onnx',
    write: (graph) => toOnnx(graph, { profile: 'dynamic', smallest: SMALLEST }),
    twin: loadOnnx,
    tolerance: INT8_TOLERANCE,
  },
  {
    name: 'TFLite float16',
    format: 'tflite',
    write: (graph) => toTflite(graph, { profile: 'float16', smallest: SMALLEST }),
    twin: loadTflite,
    tolerance: FLOAT_TOLERANCE,
  },
  {
    // Its dense layers have a scale per row, which the old runtime has to refuse.
    name: 'TFLite hybrid',
    format: 'tflite',
    write: (graph) => toTflite(graph, { profile: 'hybrid', smallest: SMALLEST }),
    twin: loadTflite,
    tolerance: INT8_TOLERANCE,
  },
];
