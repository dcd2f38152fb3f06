/** TensorFlow for Node: what other parts may use. */
export {
  prepareTensorflow,
  prepareTensorflowOrFallback,
  type TensorflowFallback,
  type TensorflowOptions,
  type TensorflowReady,
} from './prepare.ts';
