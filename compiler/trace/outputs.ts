/** What a recorded function returned: tensors by name, checked before they are taken apart. */
import * as tf from '@tensorflow/tfjs';
import { EdgeloomError } from '../../lib/errors.ts';

/** True for promises. They are refused, so what they are rejected with must not end the process. */
function isPromise(value: unknown): boolean {
  if (typeof (value as PromiseLike<unknown> | undefined)?.then !== 'function') return false;
  Promise.resolve(value).catch(() => undefined);
  return true;
}

const kindOf = (value: unknown): string => {
  if (isPromise(value)) return 'a promise';
  if (value instanceof tf.Tensor) return 'a tensor';
  return value === null || value === undefined ? 'nothing' : `a ${typeof value}`;
};

const bad = (what: string, fix: string, where: string) =>
  new EdgeloomError({ code: 'bad-outputs', what, where, fix });

/**
 * @param where for messages: the function
 * @throws EdgeloomError `bad-outputs`
 */
export function namedOutputs(result: unknown, where: string): [string, tf.Tensor][] {
  const record = typeof result === 'object' && result !== null && !isPromise(result);
  if (!record || result instanceof tf.Tensor) {
    const fix =
      'return tensors by name, { y }; async functions cannot be recorded, so read values outside of it';
    throw bad(`The function returned ${kindOf(result)}`, fix, where);
  }
  const outputs = Object.entries(result);
  if (outputs.length === 0) throw bad('The function has no outputs', 'return { y }', where);
  const [wrong] = outputs
    .filter(([, value]) => !(value instanceof tf.Tensor))
    .map(([name, value]) => `The output ${name} is ${kindOf(value)}`);
  if (wrong !== undefined) throw bad(wrong, 'return tensors only', where);
  return outputs as [string, tf.Tensor][];
}

/** @throws EdgeloomError `bad-outputs` unless it is a float32 scalar */
export function checkedLoss(result: unknown, where: string): tf.Scalar {
  if (!(result instanceof tf.Tensor)) {
    const fix =
      'return a scalar tensor; async functions cannot be recorded, so read values outside of it';
    throw bad(`The loss is ${kindOf(result)}`, fix, where);
  }
  if (result.rank === 0 && result.dtype === 'float32') return result as tf.Scalar;
  throw bad(
    `The loss is ${result.dtype}[${result.shape}]`,
    'return one float32 number for the whole batch: tf.mean(losses)',
    where,
  );
}
