/**
 * Declared features that no model reads yet: crosses of feedback and category along a sequence, the
 * click rate of the session, and the differences of the short-video reranker (CIKM 2022): of a
 * candidate against each watched video by score, impression time and impression position, crossed
 * further with the watched video's category and feedback.
 */
import type { Expression, Feature, FeatureSpec, GroupFeature } from '../../device/features/spec.ts';
import { typeOf } from '../../device/features/type-of.ts';
import { SOURCES } from '../contracts/feature-sources.ts';
import type { DuckDb } from '../duckdb.ts';
import { bindingOf, columnOf } from './bindings.ts';
import type { Vocabulary } from './catalogue.ts';
import { compileFeature, withFeatures } from './compile/compile.ts';
import type { FeaturesConfig } from './config.ts';
import { bucketise, cross, difference, source, sourcesOf } from './declare.ts';
import { boundariesOf } from './groups.ts';
import { featuresSql } from './open-samples.ts';

/** A phone keeps the tables that expressions look up in memory. */
const MAX_TABLE = 10_000;
/** Samples that boundaries are taken from, about; candidates times exposures are many values each. */
const SAMPLES = { lists: 2000, pairs: 100 };

interface Fitting {
  actions: Record<'exposure' | 'page_view', GroupFeature[]>;
  vocabulary: Vocabulary;
  /** Samples of the training dates. */
  rows: number;
  config: FeaturesConfig;
}

const NUMBERS: { name: string; of: Expression }[] = [
  {
    name: 'session_click_ratio',
    of: {
      op: 'ratio',
      of: source('moment.session_clicks'),
      by: source('moment.session_exposures'),
      smoothing: 1,
    },
  },
  {
    name: 'score_difference',
    of: difference(source('candidate.score'), source('exposure.score')),
  },
  {
    // The candidate would be shown now.
    name: 'time_difference',
    of: difference(source('moment.now'), source('exposure.started')),
  },
  {
    name: 'position_difference',
    of: difference(source('candidate.position'), source('exposure.position')),
  },
];

/** Features that the source lacks are named in `absent` with the reason. */
export async function fitDeclared(
  db: DuckDb,
  { actions, vocabulary, rows, config }: Fitting,
  absent: FeatureSpec['absent'],
): Promise<Feature[]> {
  const declared: Feature[] = [];
  const add = (name: string, expression: Expression | string) => {
    if (typeof expression !== 'string') declared.push({ name, expression });
    else absent.push({ name: `declared.${name}`, why: expression });
  };
  const crossed = (left: Expression | string, right: Expression | string): Expression | string =>
    typeof left === 'string' ? left : typeof right === 'string' ? right : cross(left, right);
  const category = (behaviour: string): Expression | string => {
    const { length } = vocabulary.category;
    if (length === 0) return 'no item of the training dates has a category';
    if (length > MAX_TABLE) return `${length} categories are more than ${MAX_TABLE}`;
    return { op: 'id', of: source(`${behaviour}.category`), table: 'category' };
  };
  const action = (behaviour: 'exposure' | 'page_view', name: string): Expression | string =>
    actions[behaviour].find((feature) => feature.name === name)?.expression ??
    `${behaviour}.${name} is null in every row of the training dates`;
  const feedback = action('exposure', 'delete_reason');

  add('exposure_feedback_x_category', crossed(feedback, category('exposure')));
  add('page_view_bought_x_category', crossed(action('page_view', 'bought'), category('page_view')));
  for (const { name, of } of NUMBERS) {
    const fitted = await fitBuckets(db, of, rows, config);
    add(name, fitted);
    if (!name.endsWith('_difference')) continue;
    add(`${name}_x_category`, crossed(fitted, category('exposure')));
    add(`${name}_x_feedback`, crossed(fitted, feedback));
  }
  return declared;
}

/** A number in buckets at equal shares, or why it cannot be. */
async function fitBuckets(
  db: DuckDb,
  of: Expression,
  rows: number,
  { actionBuckets }: FeaturesConfig,
): Promise<Expression | string> {
  const without = sourcesOf(of).find((name) => columnOf('rerank', name) === null);
  if (without) return `the samples have no ${without}`;
  const names = { sources: SOURCES, tables: {} };
  const compiled = compileFeature(of, names, bindingOf('rerank'));
  // A list of one, a list, or a list of lists.
  const { axes } = typeOf(of, names);
  const lists =
    axes.length === 0 ? `[${compiled}]` : axes.length === 1 ? compiled : `flatten(${compiled})`;
  const wanted = axes.length > 1 ? SAMPLES.pairs : SAMPLES.lists;
  const statement = withFeatures(await featuresSql('declared-statistics'), lists);
  const found = await db.row<{ n: number; lowest: number; grid: number[] }>(statement, {
    every: Math.max(1, Math.floor(rows / wanted)),
  });
  if (found.n === 0) return 'null in every row of the training dates';
  return bucketise(of, boundariesOf(found, actionBuckets));
}
