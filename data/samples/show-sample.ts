/** One sample as a person would read it: plain objects, rendered elsewhere. */
import { cohortOptions } from '../../lib/cohorts.ts';
import { STABILITY_DAYS } from '../features/config.ts';
import { STATISTICS, statisticsOfUser } from '../features/user-statistics.ts';
import { type Around, unknownAround } from './around.ts';
import type { ShownFeature } from './declared.ts';
import { featuresOf } from './features.ts';
import { type Found, type Row, shortKey } from './find.ts';
import { type ItemAttributes, type ItemRows, itemsAt } from './items.ts';
import { type Behaviour, carts, exposures, orders, pageViews, watched } from './knew.ts';
import type { Kind, SampleReader } from './open.ts';
import { listOf } from './raw-values.ts';
import { encodedRow, type Fitted } from './tensors.ts';

/** An item in the list that a decision was about. */
export interface ListedItem {
  item: string;
  position: number | null;
  score: number | null;
  attributes: ItemAttributes | null;
  /** Null without tensors. */
  rows: ItemRows | null;
  /** 1, 0, or null where there is no label; absent for lists that are not labelled. */
  labels?: Record<string, number | null>;
}

export interface ShownSample {
  kind: Kind;
  id: string;
  /** First hex digits of the user key. */
  user: string;
  date: string;
  decision_ts: number;
  utc_offset_minutes: number;
  /** Columns of the moment that this kind has: scene, page_no, trigger, hour, counts of the session … */
  moment: Record<string, unknown>;
  /** Candidates of a slate; the target and what the phone held at the swipe, or at a decision. */
  lists: Record<string, ListedItem[]>;
  /** Sequences by name, oldest first. */
  knew: Record<string, Behaviour[]>;
  /** What the cloud knew of the user before the day (`user-statistics.ts`); null when it knew nothing. */
  user_before: Record<string, number | null> | null;
  /** Labels of the sample as a whole, and whether their time had passed (`matured`). */
  labels: Record<string, number | null>;
  /** Null without a lake. */
  not_known: Around | null;
  /** Null without tensors. */
  encoded: { row: number; file: string } | { why: string } | null;
  /** What the statistics of the features were fitted on, and their hash. Null without tensors. */
  fitted: { train_dates: string[]; sha256: string } | null;
  features: ShownFeature[];
}

const SLATE = [
  ...['kind', 'trigger', 'scene', 'page_no', 'hour', 'session_exposures', 'session_clicks'],
  ...['slate_id', 'part'],
];
const MOMENT: Record<Kind, string[]> = {
  rerank: SLATE,
  cohort: SLATE,
  video: ['scene', 'hour', 'slate_id', 'target_place', 'network_kbps', 'buffered_ms'],
  decision: [
    ...['scene', 'page_no', 'hour', 'session_exposures', 'session_clicks'],
    ...['decision_id', 'arm', 'propensity', 'depth', 'unexposed_count'],
  ],
};

const LABELS: Record<Kind, string[]> = {
  rerank: ['matured'],
  cohort: ['matured'],
  video: [...['label_has_next', 'label_effective_view', 'label_like', 'label_watch_ms'], 'matured'],
  decision: [
    ...['label_order_n5', 'label_order_n10', 'label_order_n15', 'label_order_n20'],
    ...['label_click_n10', 'matured'],
  ],
};

const columns = <V>(row: Row, names: readonly string[]): Record<string, V> =>
  Object.fromEntries(names.map((name) => [name, (row[name] ?? null) as V]));

/**
 * @param fitted what the features stage left, or null
 * @param lakeDir the lake that the samples were stitched from, or null
 * @throws EdgeloomError `not-a-lake`
 */
export async function showSample(
  reader: SampleReader,
  found: Found,
  { fitted, lakeDir }: { fitted: Fitted | null; lakeDir: string | null },
): Promise<ShownSample> {
  const { kind, row } = found;
  const ids = Object.entries(row).flatMap(([name, value]) =>
    name.endsWith('_item') ? [value ?? []].flat() : [],
  ) as string[];
  const time = row.decision_ts as number;
  const itemAt = await itemsAt(reader.db, ids, time, fitted?.vocabulary ?? null);
  const listed = (item: string, more: Partial<ListedItem> = {}): ListedItem => ({
    ...{ item, position: null, score: null },
    ...itemAt(item),
    ...more,
  });
  // Cohort samples are encoded as the rerank samples that they are.
  const featured = { row, kind: kind === 'cohort' ? ('rerank' as const) : kind };
  const encoded = fitted && (await encodedRow(reader, featured, fitted));
  return {
    kind,
    id: row.sample_id as string,
    user: shortKey(row.user_key),
    date: row.date as string,
    decision_ts: time,
    utc_offset_minutes: reader.samples.utcOffsetMinutes,
    moment: columns(row, MOMENT[kind]),
    lists: listsOf(found, listed),
    knew: knewOf(found),
    user_before: await userBefore(reader, found, fitted),
    labels: columns(row, LABELS[kind]),
    not_known: lakeDir === null ? null : await unknownAround(reader, lakeDir, row),
    encoded: encoded && ('why' in encoded ? encoded : { row: encoded.row, file: encoded.file }),
    fitted: fitted && {
      train_dates: fitted.spec.trainDates,
      sha256: fitted.spec.statistics.sha256,
    },
    features: fitted && encoded ? featuresOf(featured, fitted, itemAt, encoded) : [],
  };
}

/** As the features stage has it, or would have it unless told. */
async function userBefore(
  { db }: SampleReader,
  { kind, row }: Found,
  fitted: Fitted | null,
): Promise<ShownSample['user_before']> {
  const stabilityDays = fitted?.spec.statistics.config.stabilityDays ?? STABILITY_DAYS;
  const cohorts = fitted?.cohorts ?? cohortOptions.parse({});
  const options = { stabilityDays, cohorts };
  const written = kind === 'cohort' && row.clicks !== null ? row : undefined;
  const found =
    kind === 'cohort'
      ? written
      : await statisticsOfUser(db, row.user_key as string, row.date as string, options);
  return found
    ? columns({ ...found, window_days: stabilityDays }, [
        ...['window_days', 'cohort', 'clicks', 'exposures'],
        ...STATISTICS,
      ])
    : null;
}

function listsOf(
  { kind, row }: Found,
  listed: (item: string, more?: Partial<ListedItem>) => ListedItem,
): ShownSample['lists'] {
  const along = (prefix: string): ListedItem[] =>
    listOf<string>(row, `${prefix}_item`).map((item, k) => {
      const at = (name: string) => listOf<number | null>(row, `${prefix}_${name}`)[k] ?? null;
      return listed(item, { position: at('position'), score: at('score') });
    });
  const labelled = (prefix: string, label: string, names: readonly string[]): ListedItem[] =>
    along(prefix).map((item, k) => ({
      ...item,
      labels: Object.fromEntries(
        names.map((name) => [name, listOf<number | null>(row, `${label}_${name}`)[k] ?? null]),
      ),
    }));
  switch (kind) {
    case 'rerank':
    case 'cohort':
      return {
        candidates: labelled('cand', 'label', ['exposed', 'click', 'long', 'like', 'order']),
      };
    case 'video': {
      const {
        target_item: item,
        target_position: position,
        target_score: score,
      } = row as {
        target_item: string;
        target_position: number | null;
        target_score: number | null;
      };
      const target = listed(item, { position, score });
      const labels = ['exposed', 'has_next', 'effective_view', 'like'];
      return { target: [target], ordered: labelled('ordered', 'label_ordered', labels) };
    }
    case 'decision':
      return { unexposed: along('unexposed') };
  }
}

function knewOf({ kind, row }: Found): ShownSample['knew'] {
  switch (kind) {
    case 'rerank':
    case 'cohort':
      return {
        exposures: exposures(row, 'exp'),
        page_views: pageViews(row, 'pv'),
        carts: carts(row),
        orders: orders(row),
      };
    case 'video':
      return { watched: watched(row) };
    case 'decision':
      return {
        since_last_request: exposures(row, 'since_exp'),
        session_clicks: pageViews(row, 'sclk'),
        long_term_clicks: pageViews(row, 'clk'),
      };
  }
}
