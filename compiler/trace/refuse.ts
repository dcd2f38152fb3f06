/** What neither recorder takes: random numbers drawn in JavaScript, assignments and reads of values. */
import * as tf from '@tensorflow/tfjs';
import { EdgeloomError } from '../../lib/errors.ts';
import { callerLocation, drawingFunction } from './location.ts';

/** What to do instead, which differs between training and export. */
export interface Fixes {
  random: string;
  assign: string;
}

/** @throws EdgeloomError `random-while-recording` …, with the caller's line */
export function refuse(kind: keyof Fixes | 'read', what: string, fix: string): never {
  const where = callerLocation();
  throw new EdgeloomError({
    code: `${kind}-while-recording`,
    what: `${what} the function was recorded`,
    ...(where ? { where } : {}),
    fix,
  });
}

export const READ_FIX =
  'print and read values outside of the function; where values decide something, tf.where in place of if keeps the choice in the graph';

/** Refuses what tfjs fills with random numbers; the outermost of its functions is named. */
export function refuseDrawn({ random }: Fixes): void {
  const drawn = drawingFunction();
  if (drawn !== undefined) {
    refuse('random', `${drawn} drew random numbers in JavaScript while`, random);
  }
}

/** Refuses Math.random, which tfjs takes seeds from, and assignments until the result is called. */
export function refuseSideEffects(fixes: Fixes): () => void {
  const { random } = Math;
  const { assign } = tf.Variable.prototype;
  Math.random = () => {
    refuseDrawn(fixes);
    return refuse('random', 'Math.random drew random numbers in JavaScript while', fixes.random);
  };
  tf.Variable.prototype.assign = function (this: tf.Variable) {
    return refuse('assign', `The variable ${this.name} was assigned while`, fixes.assign);
  };
  return () => {
    Math.random = random;
    tf.Variable.prototype.assign = assign;
  };
}
