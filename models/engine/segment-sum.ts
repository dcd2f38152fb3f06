/**
 * The gradient of an id table in one pass, for the JavaScript backend. The kernel that comes with it
 * goes over all rows once per segment: for a table of 1,000 ids it takes half of a training step.
 */
import * as tf from '@tensorflow/tfjs';

interface CpuBackend {
  data: { get(dataId: object): { values: ArrayLike<number> } };
  makeTensorInfo(shape: number[], dtype: tf.DataType, values: Float32Array): tf.TensorInfo;
}

/** x [n, …] float32 and segment ids [n] → sums [segments, …]; ids outside the segments are left out. */
function segmentSum(
  values: ArrayLike<number>,
  ids: ArrayLike<number>,
  width: number,
  segments: number,
): Float32Array {
  const sums = new Float32Array(segments * width);
  for (let row = 0; row < ids.length; row++) {
    const segment = ids[row]!;
    if (segment < 0 || segment >= segments) continue;
    const from = row * width;
    const to = segment * width;
    for (let i = 0; i < width; i++) sums[to + i]! += values[from + i]!;
  }
  return sums;
}

/** Replaces `UnsortedSegmentSum` of the `cpu` backend. */
export function registerSegmentSum(): void {
  tf.unregisterKernel('UnsortedSegmentSum', 'cpu');
  tf.registerKernel({
    kernelName: 'UnsortedSegmentSum',
    backendName: 'cpu',
    kernelFunc: ({ inputs, attrs, backend }) => {
      const { x, segmentIds } = inputs as { x: tf.TensorInfo; segmentIds: tf.TensorInfo };
      const cpu = backend as unknown as CpuBackend;
      const segments = Number(attrs!.numSegments);
      const inner = x.shape.slice(1);
      const width = inner.reduce((size, n) => size * n, 1);
      const of = (info: tf.TensorInfo) => cpu.data.get(info.dataId).values;
      const sums = segmentSum(of(x), of(segmentIds), width, segments);
      return cpu.makeTensorInfo([segments, ...inner], x.dtype, sums);
    },
  });
}
