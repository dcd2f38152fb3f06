/** The groups of categorical features, and fitting one of them. */
import { PAGE_BLOCKS } from '../contracts/device-log.ts';
import type { CategoricalFeature, DecayFeature, FeatureSpec } from '../contracts/feature-spec.ts';
import { QUANTILE_GRID } from './config.ts';

/** How buckets of a feature are found: at equal shares, at fixed boundaries, or as known texts. */
type Plan =
  | { name: string; by: 'quantiles' }
  | { name: string; by: 'boundaries'; boundaries: number[] }
  | { name: string; by: 'values' };

export type Family = 'exposure' | 'page_view' | 'context' | 'decision_context';

const quantiles = (name: string): Plan => ({ name, by: 'quantiles' });
const hour: Plan = { name: 'hour', by: 'boundaries', boundaries: [3, 6, 9, 12, 15, 18, 21] };
const yes = (name: string): Plan => ({ name, by: 'boundaries', boundaries: [1] });

/** EdgeRec's e1 … e6, d1 … d11 and the moment's context. The decays e7, d12 stand apart. */
export const PLANS: Record<Family, Plan[]> = {
  exposure: [
    quantiles('duration_ms'),
    quantiles('count'),
    quantiles('scroll_speed'),
    quantiles('scroll_duration_ms'),
    quantiles('scroll_count'),
    { name: 'delete_reason', by: 'values' },
  ],
  page_view: [
    quantiles('duration_ms'),
    { name: 'source', by: 'values' },
    ...PAGE_BLOCKS.map(yes),
    yes('bought'),
  ],
  context: [
    hour,
    quantiles('session_exposures'),
    quantiles('session_clicks'),
    { name: 'scene', by: 'values' },
    quantiles('page_no'),
    { name: 'trigger', by: 'values' },
  ],
  decision_context: [
    hour,
    quantiles('session_exposures'),
    quantiles('session_clicks'),
    { name: 'scene', by: 'values' },
    quantiles('page_no'),
    quantiles('depth'),
    quantiles('unexposed_count'),
  ],
};

/** What the training dates say about one numeric feature. */
export interface NumericStatistic {
  family: Family;
  feature: string;
  n: number;
  lowest: number;
  /** Values at 1/120 … 119/120. */
  grid: number[];
}

export interface TextStatistic {
  family: Family;
  feature: string;
  value: string;
  n: number;
}

export interface Statistics {
  numeric: NumericStatistic[];
  /** By family and feature, most frequent first. */
  text: TextStatistic[];
}

/**
 * Boundaries at equal shares: strictly ascending, none at or below the lowest value (its bucket
 * would be empty). A feature with one value has none.
 */
export function boundariesOf(statistic: NumericStatistic, buckets: number): number[] {
  const found: number[] = [];
  for (let k = 1; k < buckets; k++) {
    const at = Math.round((k * QUANTILE_GRID) / buckets) - 1;
    const boundary = statistic.grid[at]!;
    if (boundary > (found.at(-1) ?? statistic.lowest)) found.push(boundary);
  }
  return found;
}

/**
 * Fits one group. A feature that no training row knows is left out and named in `absent`; a group
 * that would be empty keeps its first feature, which then only says "unknown".
 */
export function fitGroup(
  family: Family,
  statistics: Statistics,
  buckets: number,
  maxValues: number,
  absent: FeatureSpec['absent'],
): CategoricalFeature[] {
  const features: CategoricalFeature[] = [];
  let offset = 0;
  const missing: FeatureSpec['absent'] = [];
  for (const plan of PLANS[family]) {
    const { name } = plan;
    const fitted = fitOne(plan, family, statistics, buckets, maxValues);
    if (!fitted) {
      missing.push({ name: `${family}.${name}`, why: 'null in every row of the training dates' });
      continue;
    }
    const feature: CategoricalFeature = { name, source: name, offset, ...fitted };
    features.push(feature);
    offset += feature.size;
  }
  if (features.length === 0) {
    const { name } = PLANS[family][0]!;
    features.push({ name, source: name, kind: 'bucket', boundaries: [], offset: 0, size: 2 });
  }
  absent.push(...missing);
  return features;
}

type Fitted =
  | { kind: 'bucket'; boundaries: number[]; size: number }
  | { kind: 'onehot'; values: string[]; size: number };

function fitOne(
  plan: Plan,
  family: Family,
  statistics: Statistics,
  buckets: number,
  maxValues: number,
): Fitted | undefined {
  const numeric = statistics.numeric.find((s) => s.family === family && s.feature === plan.name);
  if (plan.by === 'values') {
    const values = statistics.text
      .filter((s) => s.family === family && s.feature === plan.name)
      .slice(0, maxValues)
      .map((s) => s.value)
      .sort();
    return values.length > 0 ? { kind: 'onehot', values, size: values.length + 2 } : undefined;
  }
  if (plan.by === 'boundaries') {
    if (plan.name !== 'hour' && !numeric) return undefined;
    const { boundaries } = plan;
    return { kind: 'bucket', boundaries, size: boundaries.length + 2 };
  }
  if (!numeric) return undefined;
  const boundaries = boundariesOf(numeric, buckets);
  return { kind: 'bucket', boundaries, size: boundaries.length + 2 };
}

export function fitDecay(
  family: 'exposure' | 'page_view',
  statistics: Statistics,
  buckets: number,
): DecayFeature {
  const numeric = statistics.numeric.find((s) => s.family === family && s.feature === 'decay');
  const boundariesMs = numeric ? boundariesOf(numeric, buckets) : [];
  return { boundariesMs, size: boundariesMs.length + 2 };
}

/** Length of a group's multi-hot vector. */
export const groupSize = (group: readonly CategoricalFeature[]): number =>
  group.reduce((total, feature) => total + feature.size, 0);
