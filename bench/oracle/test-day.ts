/** Which sample of the test day is which row of the tensors. */
import { withSamples } from '../../data/samples/open.ts';
import { EdgeloomError } from '../../lib/errors.ts';
import type { PlayedWorld } from './fresh-world.ts';

export interface SlateSample {
  /** Event id of the request or rerank. */
  id: string;
  kind: 'request' | 'rerank';
  /** Row of the day's tensors, 0 the first. */
  row: number;
  /** Number of the user within the day. */
  user: number;
  /** Candidates in the order of the tensors. */
  items: string[];
}

/** The day's slates whose candidates are whole, in the order of `data/sql/features/rerank-rows.sql`. */
export function testSlates({ samplesDir, testDate }: PlayedWorld): Promise<SlateSample[]> {
  return withSamples(samplesDir, ({ db }) =>
    db.rows<SlateSample>(
      `select sample_id as id, kind, n as row, user, cand_item as items from (
         select sample_id, kind, cand_item, part, count(*) over (partition by slate_id) as parts,
           (dense_rank() over (order by user_key) - 1)::integer as user,
           (row_number() over (order by user_key, decision_ts, slate_id, part) - 1)::integer as n
         from rerank where date = $date::date and list_sum(label_exposed) > 0)
       where part = 0 and parts = 1 and len(cand_item) > 1 order by n`,
      { date: testDate },
    ),
  );
}

/** Ids of the day's decisions in the order of `data/sql/features/decision-rows.sql`. */
export async function testDecisions({ samplesDir, testDate }: PlayedWorld): Promise<string[]> {
  const rows = await withSamples(samplesDir, ({ db }) =>
    db.rows<{ id: string }>(
      `select decision_id as id from decision
       where date = $date::date and arm is not null and propensity is not null
       order by user_key, decision_ts, sample_id`,
      { date: testDate },
    ),
  );
  return rows.map(({ id }) => id);
}

/** For what the log tells and the world played again does not. */
export const otherWorld = (where: string): EdgeloomError =>
  new EdgeloomError({
    code: 'other-world',
    what: 'The world played again shows something else than its log',
    where,
    fix: 'give an empty --work folder: what is in it comes from other parameters or an older simulator',
  });
