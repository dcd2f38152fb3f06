/** Indexes that a function computes: only a gather finds out that one is outside of its table. */
import { EdgeloomError } from '../../lib/errors.ts';
import { callerLocation } from '../trace/location.ts';

/** Of tfjs's gather; of TensorFlow's gather and of the sum that is its gradient, which run at once. */
const OUTSIDE =
  /the index value .* is not in \[|(?:indices|segment_ids)\S* = \S+ (?:is not in|is out of range) \[[^\])]*[\])]/;

/** True for what tfjs and TensorFlow throw at an index outside of the axis that it points into. */
export const isOutside = (error: unknown): error is Error =>
  error instanceof Error && !(error instanceof EdgeloomError) && OUTSIDE.test(error.message);

/** For a recording that fails with every stand-in. @param error with a stack that reaches the caller */
export function unrecordableIndex(
  error: Error,
  name: string,
  tried: readonly number[],
): EdgeloomError {
  const [operation = error.message] = error.message.split(':');
  return new EdgeloomError(
    {
      code: 'not-compilable',
      what: `${operation} reads an index that is computed and outside of its table for whole numbers of ${tried.join(', ')} in the batch`,
      where: callerLocation(error.stack) ?? name,
      fix: 'feed the index as an input of its own, or keep it within the table with tf.clipByValue',
    },
    { cause: error },
  );
}

/** For a batch whose computed index is outside; others are checked before TensorFlow runs. */
export const outsideAtRun = (error: Error, where: string): EdgeloomError =>
  new EdgeloomError(
    {
      code: 'bad-batch',
      what: `An index that the graph computes is outside of its table: ${OUTSIDE.exec(error.message)?.[0]}`,
      where,
      fix: 'look at the numbers of the batch from which indexes are computed, or clip them in the function',
    },
    { cause: error },
  );
