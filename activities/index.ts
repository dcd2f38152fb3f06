/** All stages by name. */
import { bundle } from './bundle.ts';
import { cohorts } from './cohorts.ts';
import { evaluateReranker } from './evaluate-reranker.ts';
import { evaluateUplift } from './evaluate-uplift.ts';
import { exportReranker } from './export-reranker.ts';
import { exportUplift } from './export-uplift.ts';
import { features } from './features.ts';
import { fineTune } from './fine-tune.ts';
import { fuse } from './fuse.ts';
import { ingest } from './ingest.ts';
import { logs } from './logs.ts';
import { release } from './release.ts';
import type { Stage } from './runtime/stage.ts';
import { stitch } from './stitch.ts';
import { trainModel } from './train-model.ts';
import { trainUplift } from './train-uplift.ts';

const all = [
  logs,
  ingest,
  stitch,
  features,
  trainModel,
  evaluateReranker,
  exportReranker,
  trainUplift,
  evaluateUplift,
  exportUplift,
  cohorts,
  fineTune,
  fuse,
  bundle,
  release,
] as Stage[];

export const stages: ReadonlyMap<string, Stage> = new Map(all.map((stage) => [stage.name, stage]));
