/** TensorFlow's native library as tfjs's backend: what compiled training runs on. */
import * as tf from '@tensorflow/tfjs';
import { EdgeloomError } from '../../lib/errors.ts';

/**
 * Loads `@tensorflow/tfjs-node` and makes its backend current. Nothing of it is loaded before.
 * @throws EdgeloomError `tensorflow-missing`
 */
export async function startTensorflow(): Promise<void> {
  process.env.TF_CPP_MIN_LOG_LEVEL ??= '2';
  // Without it tfjs advises on the console to install what is loaded here.
  tf.enableProdMode();
  let cause: unknown;
  try {
    await import('@tensorflow/tfjs-node');
    if (await tf.setBackend('tensorflow')) return;
  } catch (error) {
    cause = error;
  }
  throw new EdgeloomError(
    {
      code: 'tensorflow-missing',
      what: 'The native TensorFlow library is not set up',
      fix: 'run `npx edgeloom doctor --fix`, which sets it up, or says what is missing',
      exitCode: 3,
    },
    { cause },
  );
}
