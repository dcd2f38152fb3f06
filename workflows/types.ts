/** What goes into and comes out of the daily pipeline. Only names, dates, parameters and references. */
import type { ArtifactRef, Json, Summary } from '../lib/artifact.ts';

export interface DailyInput {
  /** The day whose models are made, `YYYY-MM-DD` in the data's own offset. */
  date: string;
  /** The window, oldest first; the last is `date` (test day), the one before validates. At least 3. */
  dates: string[];
  /** Folder of device logs, as the worker sees it. */
  logsDir: string;
  /** Parameters by section; each stage checks its own. */
  params: DailyParams;
  gitSha: string;
  channel: string;
  /** Run every stage even where a result exists. */
  force?: boolean;
}

export type DailyParams = Record<
  | 'ingest'
  | 'stitch'
  | 'quality'
  | 'features'
  | 'reranker'
  | 'dnn'
  | 'evaluate'
  | 'uplift'
  | 'metafusion'
  | 'export',
  { [key: string]: Json }
>;

export interface NodeResult {
  node: string;
  key: string;
  ref: ArtifactRef;
  summary: Summary;
  reused: boolean;
  reason: string;
  /** What the stage says of the result in a few words. */
  told?: string;
}

/** One call of a stage. `node` is unique in a run; the stage may serve several nodes. */
export interface NodeCall {
  node: string;
  stage: string;
  params: { [key: string]: Json };
  inputs: Record<string, ArtifactRef>;
}

/** How the DAG is carried out: by Temporal activities, by looking up content keys, in a test. */
export interface NodeRunner {
  run(call: NodeCall): Promise<NodeResult>;
  skip(nodes: readonly string[], reason: string): void;
}

export interface DailyResult {
  date: string;
  bundle: ArtifactRef;
  contentHash: string;
  releaseId: string;
  channel: string;
  skipped: { node: string; reason: string }[];
}

export type NodeState = 'waiting' | 'running' | 'done' | 'reused' | 'skipped' | 'failed';

export interface NodeStatus {
  node: string;
  state: NodeState;
  /** Why it ran, was reused, was skipped or failed. */
  reason: string;
  /** What the stage says of the result. */
  told?: string;
  rows?: number;
  bytes?: number;
  uri?: string;
}
