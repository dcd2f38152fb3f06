/** The groups of categorical features, and fitting one of them. */
import type {
  Behaviour,
  Expression,
  FeatureSpec,
  GroupFeature,
  SizedExpression,
} from '../../device/features/spec.ts';
import { PAGE_BLOCKS } from '../contracts/device-log.ts';
import { QUANTILE_GRID } from '../contracts/feature-declaration.ts';
import { SOURCES } from '../contracts/feature-sources.ts';
import { bucketise, sizeOf, source } from './declare.ts';

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
export function boundariesOf(
  statistic: Pick<NumericStatistic, 'lowest' | 'grid'>,
  buckets: number,
): number[] {
  const found: number[] = [];
  for (let k = 1; k < buckets; k++) {
    const at = Math.round((k * QUANTILE_GRID) / buckets) - 1;
    const boundary = statistic.grid[at]!;
    if (boundary > (found.at(-1) ?? statistic.lowest)) found.push(boundary);
  }
  return found;
}

/** Group features name sources only: no id tables. */
const NAMES = { sources: SOURCES, tables: {} };

/** The family's sources: both kinds of context are of the moment. */
const sourceOf = (family: Family, name: string): Expression =>
  source(`${family.endsWith('context') ? 'moment' : family}.${name}`);

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
): GroupFeature[] {
  const features: GroupFeature[] = [];
  let offset = 0;
  const add = (name: string, expression: Expression) => {
    const size = sizeOf(expression, NAMES);
    features.push({ name, expression, offset, size });
    offset += size;
  };
  const missing: FeatureSpec['absent'] = [];
  for (const plan of PLANS[family]) {
    const { name } = plan;
    const expression = fitOne(plan, family, statistics, buckets, maxValues);
    if (expression) add(name, expression);
    else {
      missing.push({ name: `${family}.${name}`, why: 'null in every row of the training dates' });
    }
  }
  if (features.length === 0) {
    const { name } = PLANS[family][0]!;
    add(name, bucketise(sourceOf(family, name), []));
  }
  absent.push(...missing);
  return features;
}

function fitOne(
  plan: Plan,
  family: Family,
  statistics: Statistics,
  buckets: number,
  maxValues: number,
): Expression | undefined {
  const of = sourceOf(family, plan.name);
  const numeric = statistics.numeric.find((s) => s.family === family && s.feature === plan.name);
  if (plan.by === 'values') {
    const values = statistics.text
      .filter((s) => s.family === family && s.feature === plan.name)
      .slice(0, maxValues)
      .map((s) => s.value)
      .sort();
    return values.length > 0 ? { op: 'one_hot', of, values } : undefined;
  }
  if (plan.by === 'boundaries') {
    return plan.name === 'hour' || numeric ? bucketise(of, plan.boundaries) : undefined;
  }
  return numeric && bucketise(of, boundariesOf(numeric, buckets));
}

export function fitDecay(
  family: Behaviour,
  statistics: Statistics,
  buckets: number,
): SizedExpression {
  const numeric = statistics.numeric.find((s) => s.family === family && s.feature === 'decay');
  const expression: Expression = {
    op: 'decay',
    ended: source(`${family}.ended`),
    boundaries: numeric ? boundariesOf(numeric, buckets) : [],
  };
  return { expression, size: sizeOf(expression, NAMES) };
}

/** Length of a group's multi-hot vector. */
export const groupSize = (group: readonly GroupFeature[]): number =>
  group.reduce((total, feature) => total + feature.size, 0);
