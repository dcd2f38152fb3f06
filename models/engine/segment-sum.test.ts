/** The one-pass segment sum against tfjs's own. */
import * as tf from '@tensorflow/tfjs';
import { expect, it } from 'vitest';
import { Random } from '../../lib/random.ts';
import { registerSegmentSum } from './segment-sum.ts';

it('equals the kernel of tfjs on rows of any width, and leaves unused segments at zero', async () => {
  await tf.setBackend('cpu');
  const random = Random.of(3, 'segment sum');
  const cases = [[7], [12, 5], [9, 2, 3]].map((shape) => {
    const size = shape.reduce((a, b) => a * b, 1);
    return {
      x: tf.tensor(
        Array.from({ length: size }, () => random.normal(0, 1)),
        shape,
      ),
      ids: tf.tensor1d(
        Array.from({ length: shape[0]! }, () => random.below(4)),
        'int32',
      ),
    };
  });
  const sums = () => cases.map(({ x, ids }) => tf.unsortedSegmentSum(x, ids, 6));
  const theirs = sums();
  registerSegmentSum();
  sums().forEach((ours, i) => {
    expect(ours.shape).toEqual(theirs[i]!.shape);
    const wanted = theirs[i]!.dataSync();
    ours.dataSync().forEach((value, at) => {
      expect(value).toBeCloseTo(wanted[at]!, 5);
    });
  });
  const [first] = cases;
  const outside = tf.unsortedSegmentSum(first!.x, tf.fill([7], -1, 'int32'), 2);
  expect([...outside.dataSync()]).toEqual([0, 0]);
});
