/**
 * All stages by name, loaded when needed: a process that runs one stage starts in the time of that
 * stage's own modules, and a worker that only looks up results loads no TensorFlow.
 */
import { EdgeloomError } from '../lib/errors.ts';
import type { Stage } from './runtime/stage.ts';

const loaders: Record<string, () => Promise<unknown>> = {
  logs: async () => (await import('./logs.ts')).logs,
  ingest: async () => (await import('./ingest.ts')).ingest,
  stitch: async () => (await import('./stitch.ts')).stitch,
  'stitch-group': async () => (await import('./stitch-group.ts')).stitchGroup,
  'join-samples': async () => (await import('./join-samples.ts')).joinSamples,
  'check-data': async () => (await import('./check-data.ts')).checkData,
  features: async () => (await import('./features.ts')).features,
  'train-model': async () => (await import('./train-model.ts')).trainModel,
  'evaluate-reranker': async () => (await import('./evaluate-reranker.ts')).evaluateReranker,
  'export-reranker': async () => (await import('./export-reranker.ts')).exportReranker,
  'train-uplift': async () => (await import('./train-uplift.ts')).trainUplift,
  'evaluate-uplift': async () => (await import('./evaluate-uplift.ts')).evaluateUplift,
  'export-uplift': async () => (await import('./export-uplift.ts')).exportUplift,
  cohorts: async () => (await import('./cohorts.ts')).cohorts,
  'fine-tune': async () => (await import('./fine-tune.ts')).fineTune,
  fuse: async () => (await import('./fuse.ts')).fuse,
  bundle: async () => (await import('./bundle.ts')).bundle,
  release: async () => (await import('./release.ts')).release,
};

/** In the order of the DAG. */
export const stageNames = Object.keys(loaders);

/** @throws EdgeloomError `no-such-stage` */
export async function loadStage(name: string): Promise<Stage> {
  const load = Object.hasOwn(loaders, name) ? loaders[name] : undefined;
  if (!load) {
    throw new EdgeloomError({
      code: 'no-such-stage',
      what: `There is no stage ${name}`,
      fix: `the stages are ${stageNames.join(', ')}`,
      exitCode: 2,
    });
  }
  return (await load()) as Stage;
}
