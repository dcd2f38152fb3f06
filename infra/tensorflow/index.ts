/** TensorFlow for Node: what other parts may use. */
export { prepareTensorflow, prepareTensorflowOrFallback } from './prepare.ts';
