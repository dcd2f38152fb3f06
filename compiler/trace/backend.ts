/**
 * The tfjs backend `trace`: the JavaScript CPU backend with every kernel wrapped, so that a recorder
 * sees each call. This is tfjs's own extension point; no native library is needed.
 */
import * as tf from '@tensorflow/tfjs';
import type { CompositeOp, Operation } from '../graph/ir.ts';
import { type Fixes, READ_FIX, refuse, refuseDrawn, refuseSideEffects } from './refuse.ts';

export const TRACE_BACKEND = 'trace';

/** One call of a kernel, after it ran. */
export interface KernelCall {
  name: string;
  /** By tfjs's own names; `concat`, `pack` and `addN` use positions. */
  inputs: tf.NamedTensorInfoMap;
  attributes: tf.NamedAttrMap;
  outputs: tf.TensorInfo[];
}

/** An operation that has a name of its own in the graph. */
export type CompositeCall = Extract<Operation, { op: CompositeOp }> & {
  inputs: readonly tf.Tensor[];
};

export interface KernelListener {
  called(call: KernelCall): void;
  /** Takes the call as one operation and is then told its result; undefined to see its kernels. */
  composite(call: CompositeCall): ((output: tf.TensorInfo) => void) | undefined;
  /** True when the values depend on an input of the recording. */
  isTraced(dataId: tf.DataId): boolean;
}

let listener: KernelListener | undefined;
/** Kernels may run others inside; only what the caller asked for is recorded. */
let depth = 0;

const FIXES: Fixes = {
  random: 'leave dropout and sampling out of what is exported, or pass the numbers in as an input',
  assign:
    'leave updates of variables out of what is exported: batch normalisation with training: false',
};

function assertReadable(dataId: tf.DataId): void {
  if (depth > 0 || !listener?.isTraced(dataId)) return;
  refuse('read', 'Values of a tensor that depends on the inputs were read while', READ_FIX);
}

/** Runs `fallback`, which a listener may take as one operation instead of its kernels. */
export function runComposite<T extends tf.Tensor>(call: CompositeCall, fallback: () => T): T {
  const taken = depth === 0 ? listener?.composite(call) : undefined;
  if (!taken) return fallback();
  depth++;
  let output: T;
  try {
    output = fallback();
  } finally {
    depth--;
  }
  taken(output);
  return output;
}

interface CpuBackend extends tf.KernelBackend {
  firstUse?: boolean;
  readSync(dataId: tf.DataId): tf.backend_util.BackendValues;
  write(values: tf.backend_util.BackendValues, shape: number[], dtype: tf.DataType): tf.DataId;
  read(dataId: tf.DataId): Promise<tf.backend_util.BackendValues>;
}

function makeBackend(): CpuBackend {
  const cpu = tf.findBackend('cpu') as CpuBackend;
  const Base = cpu.constructor as new () => CpuBackend;
  class TraceBackend extends Base {
    // The CPU backend advertises tfjs-node on its first use.
    override firstUse = false;

    override readSync(dataId: tf.DataId): tf.backend_util.BackendValues {
      assertReadable(dataId);
      return super.readSync(dataId);
    }

    /** Outside kernels only constants are written: among them, draws from a seed. */
    override write(
      values: tf.backend_util.BackendValues,
      shape: number[],
      dtype: tf.DataType,
    ): tf.DataId {
      if (depth === 0 && listener) refuseDrawn(FIXES);
      return super.write(values, shape, dtype);
    }

    override async read(dataId: tf.DataId): Promise<tf.backend_util.BackendValues> {
      assertReadable(dataId);
      return super.readSync(dataId);
    }
  }
  return new TraceBackend();
}

const tensorList = (outputs: tf.TensorInfo | tf.TensorInfo[]): tf.TensorInfo[] =>
  Array.isArray(outputs) ? outputs : [outputs];

function wrapKernel(kernel: tf.KernelConfig): tf.KernelConfig {
  return {
    ...kernel,
    backendName: TRACE_BACKEND,
    kernelFunc: (call) => {
      depth++;
      let outputs: tf.TensorInfo | tf.TensorInfo[];
      try {
        outputs = kernel.kernelFunc(call);
      } finally {
        depth--;
      }
      if (depth === 0) {
        listener?.called({
          name: kernel.kernelName,
          inputs: call.inputs,
          attributes: call.attrs ?? {},
          outputs: tensorList(outputs),
        });
      }
      return outputs;
    },
  };
}

/** Registers the backend once a process, below every other in priority. */
function register(): void {
  if (tf.findBackendFactory(TRACE_BACKEND)) return;
  tf.registerBackend(TRACE_BACKEND, makeBackend, 0);
  for (const kernel of tf.getKernelsForBackend('cpu')) tf.registerKernel(wrapKernel(kernel));
}

function activate(name: string): void {
  // Neither backend starts asynchronously, so that this has happened when the call returns.
  void tf.setBackend(name);
  if (tf.getBackend() !== name) throw new Error(`the tfjs backend ${name} did not start`);
}

/** Runs `body` on the trace backend under `to`, then puts the former backend back. */
export function withListener<T extends tf.TensorContainer>(to: KernelListener, body: () => T): T {
  if (listener) throw new Error('a recording is under way already');
  register();
  const former = tf.getBackend();
  activate(TRACE_BACKEND);
  listener = to;
  const allow = refuseSideEffects(FIXES);
  try {
    return tf.tidy(body);
  } finally {
    allow();
    listener = undefined;
    activate(former && former !== TRACE_BACKEND ? former : 'cpu');
  }
}
