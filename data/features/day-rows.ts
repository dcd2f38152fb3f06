/** How many rows of each date become tensors, and where their numbers begin. */
import type { DuckDb } from '../duckdb.ts';

export interface DayRows {
  date: string;
  /** Rerank samples that exposed something. */
  samples: number;
  /** Decisions with an arm and a propensity. */
  decisions: number;
  /** Swipes. */
  videos: number;
  /** Rows of the dates before, which the numbers go on from. */
  firstSample: number;
  firstSlate: number;
  firstDecision: number;
}

/**
 * Counts before anything is encoded, so that dates need not wait for one another.
 * @param dates oldest first
 */
export async function countDays(db: DuckDb, dates: readonly string[]): Promise<DayRows[]> {
  const reranks = await db.rows<{ date: string; samples: number; slates: number }>(
    `select date::varchar as date, count(*) as samples, count(distinct slate_id) as slates
     from rerank where list_sum(label_exposed) > 0 group by date`,
  );
  const chosen = await db.rows<{ date: string; decisions: number }>(
    `select date::varchar as date, count(*) as decisions
     from decision where arm is not null and propensity is not null group by date`,
  );
  const swipes = await db.rows<{ date: string; videos: number }>(
    'select date::varchar as date, count(*) as videos from video group by date',
  );
  const next = { sample: 0, slate: 0, decision: 0 };
  return dates.map((date) => {
    const { samples = 0, slates = 0 } = reranks.find((row) => row.date === date) ?? {};
    const { decisions = 0 } = chosen.find((row) => row.date === date) ?? {};
    const { videos = 0 } = swipes.find((row) => row.date === date) ?? {};
    const day: DayRows = {
      date,
      samples,
      decisions,
      videos,
      firstSample: next.sample,
      firstSlate: next.slate,
      firstDecision: next.decision,
    };
    next.sample += samples;
    next.slate += slates;
    next.decision += decisions;
    return day;
  });
}
