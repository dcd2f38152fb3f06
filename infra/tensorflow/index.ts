/** TensorFlow for Node: what other parts may use. */
export { TENSORFLOW_VERSION } from './platforms.ts';
export {
  prepareTensorflow,
  prepareTensorflowOrFallback,
  tensorflowEnvironment,
} from './prepare.ts';
