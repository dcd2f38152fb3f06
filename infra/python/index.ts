/** Python environments: what other parts may use. */
export { ensurePython } from './prepare.ts';
export { runPython } from './run.ts';
