// What the entries of this folder load. Made into one bundle, because the command starts the worker, and
// the worker the processes of stages: when they start, their modules are there.
export const modules = ['./main.ts', './worker-main.ts', './stage-child.ts'];
