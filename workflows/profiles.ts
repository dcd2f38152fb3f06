/** Timeouts, retries and queue of each kind of stage. */
import type { ActivityOptions } from '@temporalio/workflow';

export const CPU_QUEUE = 'pipeline-cpu';
export const IO_QUEUE = 'pipeline-io';

const retry = {
  initialInterval: '2s',
  backoffCoefficient: 2,
  maximumInterval: '1m',
  maximumAttempts: 5,
} as const;

export type Profile = ActivityOptions;

export const PROFILES = {
  /** Training, export, evaluation: hours at most; a silent minute means the worker is gone. */
  cpu: { taskQueue: CPU_QUEUE, startToCloseTimeout: '6h', heartbeatTimeout: '20s', retry },
  /** Reading and writing files. */
  io: { taskQueue: IO_QUEUE, startToCloseTimeout: '2h', heartbeatTimeout: '20s', retry },
} satisfies Record<string, Profile>;

const IO_STAGES = new Set([
  'logs',
  'ingest',
  'stitch',
  'stitch-group',
  'join-samples',
  'check-data',
  'features',
  'bundle',
  'release',
]);

export const profileOf = (stage: string): keyof typeof PROFILES =>
  IO_STAGES.has(stage) ? 'io' : 'cpu';
