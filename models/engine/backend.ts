/** Chooses what computes: TensorFlow's native library through tfjs-node, or plain JavaScript. */
import util from 'node:util';
import * as tf from '@tensorflow/tfjs';
import { EdgeloomError } from '../../lib/errors.ts';
import { registerSegmentSum } from './segment-sum.ts';

export type BackendKind = 'tensorflow' | 'cpu';

/**
 * Makes the backend current and ready. `tensorflow` needs the native library that
 * `infra/tensorflow` links into node_modules; with EDGELOOM_GPU=1 it is the GPU package.
 * Thread counts are fixed (unless the environment sets them), because sums depend on them.
 * @throws EdgeloomError `tensorflow-missing` when the native library cannot be loaded
 */
export async function useBackend(kind: BackendKind): Promise<void> {
  // Without it tfjs advises on the console to install tfjs-node, which is not the user's choice here.
  tf.enableProdMode();
  if (kind === 'tensorflow') await loadNative();
  else registerSegmentSum();
  if (!(await tf.setBackend(kind))) {
    throw new EdgeloomError({
      code: 'backend-missing',
      what: `The ${kind} backend of TensorFlow.js did not start`,
      fix: 'run `edgeloom doctor`',
      exitCode: 3,
    });
  }
  await tf.ready();
}

/** What computed, for `model.json`: results are equal only for equal backends and versions. */
export function backendVersions(): Record<string, string> {
  const versions: Record<string, string> = { tfjs: tf.version_core };
  const { binding } = tf.backend() as unknown as { binding?: { TF_Version?: string } };
  if (binding?.TF_Version) {
    versions.tensorflow = binding.TF_Version;
    versions.threads = process.env.TF_NUM_INTRAOP_THREADS ?? 'default';
  }
  return versions;
}

async function loadNative(): Promise<void> {
  process.env.TF_NUM_INTRAOP_THREADS ??= '2';
  process.env.TF_NUM_INTEROP_THREADS ??= '1';
  process.env.TF_CPP_MIN_LOG_LEVEL ??= '2';
  // tfjs-node 4.22 calls two functions that Node 23 removed.
  const legacy = util as unknown as Record<string, unknown>;
  legacy.isNullOrUndefined ??= (value: unknown) => value === null || value === undefined;
  legacy.isArray ??= Array.isArray;
  try {
    if (process.env.EDGELOOM_GPU === '1') await import('@tensorflow/tfjs-node-gpu');
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
