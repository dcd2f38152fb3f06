/** What the worker and the process that runs a stage say to each other, over Node's IPC channel. */
import type { Progress } from '../../lib/progress.ts';
import type { StageInput, StageResult } from './run-stage.ts';

// A failure that another attempt, or another machine's state, can mend is worth a retry.
const RETRYABLE = new Set([
  'artifact-missing',
  'artifact-damaged',
  'store-unreachable',
  'store-busy',
]);

/** True for failures that the same inputs will meet again. */
export const isPermanent = (code: string): boolean => !RETRYABLE.has(code);

export interface StageRequest {
  stage: string;
  input: StageInput;
  workspace: string;
  force?: boolean;
}

export interface FailureReport {
  code: string;
  what: string;
  where?: string | undefined;
  fix?: string | undefined;
  /** True for failures that the same inputs will meet again. */
  permanent: boolean;
  stack?: string | undefined;
}

export type ChildMessage =
  | { kind: 'ready' }
  | { kind: 'progress'; progress: Progress }
  | { kind: 'result'; result: StageResult }
  | { kind: 'failure'; failure: FailureReport };
