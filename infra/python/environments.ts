/** Which Python packages there are, pinned: the one place that names their versions. */

export type PythonEnvironment = 'side-check' | 'tensorflow' | 'old-phone' | 'frames';

/** The oldest and the newest Python, both included, that the packages have wheels for. */
export interface PythonRange {
  oldest: `3.${number}`;
  newest: `3.${number}`;
}

export interface Requirements {
  python: PythonRange;
  /** What pip is asked for: `name==version`, or an upper bound where a package is only limited. */
  packages: readonly string[];
  /** Megabytes on disk once installed, measured on Linux x86-64. */
  sizeMb: number;
}

export const ENVIRONMENTS: Readonly<Record<PythonEnvironment, Requirements>> = {
  // Other runtimes' opinion of the files: checker, ONNX Runtime, LiteRT, MNN.
  'side-check': {
    python: { oldest: '3.11', newest: '3.13' },
    packages: [
      'ai-edge-litert==2.3.0',
      'mnn==3.6.1',
      'numpy==2.4.6',
      'onnx==1.23.2',
      'onnxruntime==1.32.0',
    ],
    sizeMb: 330,
  },
  // TensorFlow's own converter, the peer of the bench `artifacts`.
  tensorflow: {
    python: { oldest: '3.9', newest: '3.11' },
    packages: ['tensorflow-cpu==2.15.1', 'keras==2.15.0', 'numpy==1.26.4', 'protobuf==4.25.9'],
    sizeMb: 1250,
  },
  // The runtime of a phone that was last updated in 2023; built against numpy 1.
  'old-phone': {
    python: { oldest: '3.9', newest: '3.11' },
    packages: ['tflite-runtime==2.14.0', 'numpy==1.26.4'],
    sizeMb: 110,
  },
  // Data frames: the peers of the bench `data`.
  frames: {
    python: { oldest: '3.11', newest: '3.14' },
    packages: ['numpy==2.4.6', 'pandas==3.1.1', 'polars==2.1.0', 'pyarrow==26.0.1'],
    sizeMb: 530,
  },
};
