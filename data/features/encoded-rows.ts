/** Which samples of a date become tensors, where and in what order: as `rerank-rows.sql`, `decision-rows.sql`. */
import type { SampleKind } from '../../device/features/spec.ts';

interface EncodedRows {
  /** In the samples and in the tensors. */
  folder: string;
  where: string;
  order: string;
  /** Said of a sample that is not encoded. */
  unless: string;
}

export const ENCODED_ROWS: Record<SampleKind, EncodedRows> = {
  rerank: {
    folder: 'rerank',
    where: 'list_sum(label_exposed) > 0',
    order: 'user_key, decision_ts, slate_id, part',
    unless: 'nothing in it was exposed, so it has no label and is not encoded',
  },
  decision: {
    folder: 'decisions',
    where: 'arm is not null and propensity is not null',
    order: 'user_key, decision_ts, sample_id',
    unless: 'its arm or its propensity is unknown, so it is not encoded',
  },
  video: {
    folder: 'video',
    where: 'true',
    order: 'user_key, decision_ts, sample_id',
    unless: '',
  },
};
