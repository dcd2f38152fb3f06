/** Finding samples: by id, by chance, or as a list. */
import type { SampleKind } from '../../device/features/spec.ts';
import { EdgeloomError } from '../../lib/errors.ts';
import { Random } from '../../lib/random.ts';
import type { DuckDb } from '../duckdb.ts';
import { KINDS, type Kind, type SampleReader } from './open.ts';

/** A row of samples by the columns of `sample-schema.ts`; `date` as text. */
export type Row = Record<string, unknown>;

export interface Found {
  kind: Kind;
  row: Row;
}

/** A sample as features see it. */
export interface FeaturedSample {
  kind: SampleKind;
  row: Row;
}

/** How many of a user key's hex digits are shown. */
const SHOWN_DIGITS = 8;
export const shortKey = (key: unknown): string => String(key).slice(0, SHOWN_DIGITS);

const noSamples = (dir: string): EdgeloomError =>
  new EdgeloomError({
    code: 'no-samples',
    what: 'The folder holds no sample of that kind',
    where: dir,
    fix: 'choose another --kind, or run the stitch stage on a lake with requests',
    exitCode: 2,
  });

/**
 * The sample of an id; ids of one kind are unique, those of a request and of a decision might be equal.
 * @throws EdgeloomError `no-such-sample` with ids that look alike, `ambiguous-sample`, `no-samples`
 */
export async function findSample(
  { db, samples }: SampleReader,
  id: string,
  kinds: readonly Kind[] = KINDS,
): Promise<Found> {
  const found: Found[] = [];
  for (const kind of kinds) {
    const rows = await db.rows<Row>(
      `select * replace (date::varchar as date) from ${kind} where sample_id = $id order by user_key`,
      { id },
    );
    found.push(...rows.map((row) => ({ kind, row })));
  }
  if (found.length === 1) return found[0]!;
  if (found.length > 1) {
    throw new EdgeloomError({
      code: 'ambiguous-sample',
      what: `${found.length} samples have the id ${id}`,
      where: found.map(({ kind, row }) => `${kind} of user ${shortKey(row.user_key)}`).join(', '),
      fix: 'name one with --kind',
      exitCode: 2,
    });
  }
  const near = await nearIds(db, id, kinds);
  if (near.length === 0) throw noSamples(samples.dir);
  throw new EdgeloomError({
    code: 'no-such-sample',
    what: `There is no sample ${id}${kinds.length === 1 ? ` of kind ${kinds[0]}` : ''}`,
    where: samples.dir,
    fix: `ids that look alike: ${near.join(', ')}; edgeloom sample list tells all`,
    exitCode: 2,
  });
}

const union = (kinds: readonly Kind[]): string =>
  kinds
    .map((kind) => `select sample_id, '${kind}' as kind, user_key from ${kind}`)
    .join(' union all ');

async function nearIds(db: DuckDb, id: string, kinds: readonly Kind[]): Promise<string[]> {
  const rows = await db.rows<{ sample_id: string }>(
    `select distinct sample_id, starts_with(sample_id, $id) as begins,
       jaro_winkler_similarity(sample_id, $id) as likeness
     from (${union(kinds)})
     order by begins desc, likeness desc, sample_id limit 3`,
    { id },
  );
  return rows.map(({ sample_id }) => sample_id);
}

/** A sample drawn with a seed: equal samples and seeds give equal draws. @throws EdgeloomError `no-samples` */
export async function randomSample(
  reader: SampleReader,
  seed: number,
  kinds: readonly Kind[] = KINDS,
): Promise<Found> {
  const { db, samples } = reader;
  const { n } = await db.row<{ n: number }>(`select count(*) as n from (${union(kinds)})`);
  if (n === 0) throw noSamples(samples.dir);
  const { kind, sample_id } = await db.row<{ kind: Kind; sample_id: string }>(
    `select kind, sample_id from (${union(kinds)})
     order by kind, sample_id, user_key limit 1 offset ${Random.of(seed, 'sample').below(n)}`,
  );
  return findSample(reader, sample_id, [kind]);
}

export interface ListOptions {
  kind: Kind;
  date?: string;
  /** Only samples with a click label of 1; of videos, with an effective view. */
  clicked?: boolean;
  limit: number;
}

export interface Listed {
  id: string;
  date: string;
  decision_ts: number;
  user: string;
  scene: string | null;
  /** Candidates; of a decision what the phone still held; 1 of a video. */
  items: number;
  exposed: number | null;
  clicked: number | null;
}

const SLATE = {
  items: 'len(cand_item)',
  exposed: 'list_sum(label_exposed)',
  clicked: 'list_sum(label_click)',
};
const LISTED: Record<Kind, { items: string; exposed: string; clicked: string }> = {
  rerank: SLATE,
  cohort: SLATE,
  video: { items: '1', exposed: '1', clicked: 'label_effective_view' },
  decision: { items: 'unexposed_count', exposed: 'null', clicked: 'label_click_n10' },
};

/** Samples in the order of time, and how many there are without the limit. */
export async function listSampleIds(
  { db, samples }: SampleReader,
  { kind, date, clicked = false, limit }: ListOptions,
): Promise<{ rows: Listed[]; total: number }> {
  const columns = LISTED[kind];
  const rows = await db.rows<Listed & { total: number }>(
    `select sample_id as id, date::varchar as date, decision_ts, substr(user_key, 1, ${SHOWN_DIGITS}) as user, scene,
       ${columns.items}::integer as items, ${columns.exposed}::integer as exposed,
       ${columns.clicked}::integer as clicked, count(*) over ()::integer as total
     from ${kind}
     where ($date is null or date = $date::date) and (not $clicked or ${columns.clicked} > 0)
     order by decision_ts, sample_id, user_key limit ${Math.trunc(limit)}`,
    { date: date ?? null, clicked },
  );
  if (rows.length === 0 && date === undefined && !clicked) throw noSamples(samples.dir);
  return { rows: rows.map(({ total: _, ...row }) => row), total: rows[0]?.total ?? 0 };
}
