/** Python environments: what other parts may use. */
export type { PythonEnvironment } from './environments.ts';
export { ensurePython } from './prepare.ts';
