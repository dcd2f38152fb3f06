/** The name of what computes, as content keys hold it. Loads no TensorFlow. */

/**
 * `cpu`, or TensorFlow with all that its sums depend on: `tensorflow@2.15.1/2x1`, on a GPU
 * `tensorflow-gpu@2.15.1/2x1` (threads inside an operation × operations at once). As a parameter of a
 * stage it makes results of different libraries different results. Plain `tensorflow`: what is here.
 */
export type BackendKind = 'cpu' | `tensorflow${string}`;

export const NATIVE_BACKEND = /^tensorflow(-gpu)?(?:@([\w.]+))?(?:\/(\d+)x(\d+))?$/;

export const wantsGpu = (): boolean => process.env.EDGELOOM_GPU === '1';
export const threads = (): [intra: string, inter: string] => [
  process.env.TF_NUM_INTRAOP_THREADS ?? '2',
  process.env.TF_NUM_INTEROP_THREADS ?? '1',
];

/** TensorFlow of this version as this process's environment asks for it. */
export const nativeBackend = (version: string): BackendKind =>
  `tensorflow${wantsGpu() ? '-gpu' : ''}@${version}/${threads().join('x')}`;
