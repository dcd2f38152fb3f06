/** What a store holds of users, and what was made from what. */
import type { StageRecord } from '../../lib/artifact.ts';

export const LAKE_STAGE = 'ingest';

/**
 * Stages whose results have a row per user, or list users. They are made again from the lake when it
 * changes: a filtered copy would not be what the stage makes (item versions that only the erased user
 * met, the end of the log), and a content key promises just that.
 */
const ROWS = new Set([
  'stitch',
  'stitch-group',
  'join-samples',
  // Names events that offend, as examples.
  'check-data',
  'features',
  'cohorts',
  'evaluate-reranker',
  'evaluate-uplift',
]);

/** Stages whose results hold weights, metrics or files made of them. */
const NO_ROWS = new Set([
  'logs',
  'train-model',
  'train-uplift',
  'fine-tune',
  'fuse',
  'export-reranker',
  'export-uplift',
  'bundle',
  'release',
]);

/** What a stage's results hold; a stage that nobody classified counts as rows. */
export const holdsRows = (stage: string): boolean => ROWS.has(stage) || !NO_ROWS.has(stage);

/** Every stage that somebody thought about. */
export const CLASSIFIED: ReadonlySet<string> = new Set([LAKE_STAGE, ...ROWS, ...NO_ROWS]);

export interface Descendants {
  /** With rows of users. */
  rows: StageRecord[];
  /** Trained on such rows, or made of what was. */
  models: StageRecord[];
}

/** All records whose inputs lead back to one of the artifacts. */
export function descendantsOf(
  records: readonly StageRecord[],
  hashes: Iterable<string>,
): Descendants {
  const reached = new Set(hashes);
  const found = new Map<string, StageRecord>();
  for (let grew = true; grew; ) {
    grew = false;
    for (const record of records) {
      if (found.has(record.key)) continue;
      if (!Object.values(record.parts.inputs).some((hash) => reached.has(hash))) continue;
      found.set(record.key, record);
      reached.add(record.ref.sha256);
      grew = true;
    }
  }
  const all = [...found.values()];
  return {
    rows: all.filter(({ parts }) => holdsRows(parts.stage)),
    models: all.filter(({ parts }) => !holdsRows(parts.stage)),
  };
}

/** All records that a result was made from, itself included. */
export function ancestorsOf(
  records: readonly StageRecord[],
  of: readonly StageRecord[],
): Set<StageRecord> {
  const byHash = new Map<string, StageRecord[]>();
  for (const record of records) {
    const { sha256 } = record.ref;
    byHash.set(sha256, [...(byHash.get(sha256) ?? []), record]);
  }
  const found = new Set(of);
  for (const record of found) {
    for (const hash of Object.values(record.parts.inputs)) {
      for (const before of byHash.get(hash) ?? []) found.add(before);
    }
  }
  return found;
}
