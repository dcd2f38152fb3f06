/** Chooses what computes: TensorFlow's native library through tfjs-node, or plain JavaScript. */
import util from 'node:util';
import * as tf from '@tensorflow/tfjs';
import { EdgeloomError } from '../../lib/errors.ts';
import { type BackendKind, NATIVE_BACKEND, threads, wantsGpu } from './backend-name.ts';
import { registerSegmentSum } from './segment-sum.ts';

export type { BackendKind };

/**
 * Makes the backend current and ready. `tensorflow…` needs the native library that
 * `infra/tensorflow` links into node_modules.
 * Thread counts are fixed (unless the environment sets them), because sums depend on them.
 * @throws EdgeloomError `tensorflow-missing` when the native library cannot be loaded,
 * `backend-differs` when it is another than the one that is asked for
 */
export async function useBackend(kind: BackendKind): Promise<void> {
  // Without it tfjs advises on the console to install tfjs-node, which is not the user's choice here.
  tf.enableProdMode();
  if (kind === 'cpu') registerSegmentSum();
  else await loadNative(kind);
  if (!(await tf.setBackend(kind === 'cpu' ? 'cpu' : 'tensorflow'))) {
    throw new EdgeloomError({
      code: 'backend-missing',
      what: `The ${kind} backend of TensorFlow.js did not start`,
      fix: 'run `edgeloom doctor`',
      exitCode: 3,
    });
  }
  await tf.ready();
  if (kind !== 'cpu') refuseOther(kind);
}

/** What computed, for `model.json`: results are equal only for equal backends and versions. */
export function backendVersions(): Record<string, string> {
  const versions: Record<string, string> = { tfjs: tf.version_core };
  const { binding } = native();
  if (binding?.TF_Version) {
    versions.tensorflow = binding.TF_Version;
    versions.threads = process.env.TF_NUM_INTRAOP_THREADS ?? 'default';
  }
  return versions;
}

interface Native {
  binding?: { TF_Version?: string };
  isUsingGpuDevice?: boolean;
}
const native = (): Native => tf.backend() as unknown as Native;

/** The result would be kept under the name of a library or device that did not compute it. */
function refuseOther(kind: BackendKind): void {
  const [, gpu, version] = NATIVE_BACKEND.exec(kind) ?? [];
  const { binding, isUsingGpuDevice } = native();
  if (version === undefined) return;
  if (binding?.TF_Version === version && Boolean(gpu) === Boolean(isUsingGpuDevice)) return;
  throw new EdgeloomError({
    code: 'backend-differs',
    what: `TensorFlow ${binding?.TF_Version} ${isUsingGpuDevice ? 'on a GPU' : 'without a GPU'} was loaded, not ${kind}`,
    fix: 'run `edgeloom doctor`; EDGELOOM_GPU=1 asks for the GPU',
    exitCode: 3,
  });
}

async function loadNative(kind: BackendKind): Promise<void> {
  const [, gpu, version, ...asked] = NATIVE_BACKEND.exec(kind) ?? [];
  const [intra, inter] = threads();
  // Plain `tensorflow` leaves everything to the environment.
  const onGpu = gpu !== undefined || (version === undefined && wantsGpu());
  process.env.TF_NUM_INTRAOP_THREADS = asked[0] ?? intra;
  process.env.TF_NUM_INTEROP_THREADS = asked[1] ?? inter;
  process.env.TF_CPP_MIN_LOG_LEVEL ??= '2';
  // tfjs-node 4.22 calls two functions that Node 23 removed.
  const legacy = util as unknown as Record<string, unknown>;
  legacy.isNullOrUndefined ??= (value: unknown) => value === null || value === undefined;
  legacy.isArray ??= Array.isArray;
  try {
    if (onGpu) await import('@tensorflow/tfjs-node-gpu');
    else await import('@tensorflow/tfjs-node');
  } catch (error) {
    throw new EdgeloomError(
      {
        code: 'tensorflow-missing',
        what: 'The native TensorFlow library is not set up',
        where: (error as Error).message.split('\n')[0] ?? '',
        fix: 'run `edgeloom doctor`, which says what is missing and how to get it',
        exitCode: 3,
      },
      { cause: error },
    );
  }
}
