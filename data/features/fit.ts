/** Fitting a FeatureSpec, vocabulary and popularity on the training dates. */
import { listValue } from '@duckdb/node-api';
import type { FeatureSpec } from '../../device/features/spec.ts';
import { QUANTILE_GRID } from '../contracts/feature-declaration.ts';
import { featureSpec } from '../contracts/feature-spec.ts';
import type { DuckDb } from '../duckdb.ts';
import { Catalogue, type Vocabulary } from './catalogue.ts';
import { declarationsOf, type FeaturesConfig } from './config.ts';
import type { InputGroup } from './declared/check-declarations.ts';
import { fitDeclared } from './declared/fit.ts';
import { joinDense, joinGroup } from './declared/inputs.ts';
import { fitDense } from './fit-dense.ts';
import {
  fitDecay,
  fitGroup,
  groupSize,
  type NumericStatistic,
  type Statistics,
  type TextStatistic,
} from './groups.ts';
import { featuresSql, type SamplesSummary } from './open-samples.ts';
import { completeSpec } from './statistics-hash.ts';

export interface FittedFeatures {
  spec: FeatureSpec;
  vocabulary: Vocabulary;
  catalogue: Catalogue;
  /** Smoothed click rate in the training dates, by place in the catalogue. */
  popularity: Float32Array;
  /** Place in the catalogue of each row of the item table but the first. */
  places: number[];
  /** First millisecond after the training dates. */
  trainEnd: number;
}

const DAY_MS = 86_400_000;

/**
 * Fits on `train_rerank` and `train_decision` (see openSamples); nothing of other dates is read,
 * attributes of items that became valid later included.
 */
export async function fitFeatures(
  db: DuckDb,
  samples: SamplesSummary,
  trainDates: readonly string[],
  config: FeaturesConfig,
): Promise<FittedFeatures> {
  const lastDate = [...trainDates].sort().at(-1)!;
  const trainEnd = Date.parse(lastDate) + DAY_MS - samples.utcOffsetMinutes * 60_000;
  const rows = await countRows(db);
  const statistics = await readStatistics(db, rows, config);
  const { places, popularity } = await countItems(db, config);
  const vocabulary = await readVocabulary(db, places, trainEnd);
  const catalogue = await Catalogue.load(db, places, vocabulary);

  const absent: FeatureSpec['absent'] = [];
  for (const field of ['category', 'brand', 'creator'] as const) {
    if (vocabulary[field].length > 0) continue;
    absent.push({ name: `items.${field}`, why: 'no item of the training dates has one' });
  }
  const { actionBuckets, contextBuckets, decayBuckets, maxValues } = config;
  const group = (family: 'exposure' | 'page_view' | 'context' | 'decision_context') =>
    fitGroup(
      family,
      statistics,
      family.endsWith('context') ? contextBuckets : actionBuckets,
      maxValues,
      absent,
    );
  const declarations = declarationsOf(config);
  const declared = await fitDeclared(db, { declarations, vocabulary, catalogue, trainEnd }, absent);
  const tables = vocabulary as unknown as Record<string, string[]>;
  const joined = (
    name: InputGroup,
    family: 'exposure' | 'page_view' | 'context' | 'decision_context',
  ) => joinGroup(group(family), name, config.inputs[name], { declared, absent, tables });
  const actions = {
    exposure: joined('exposure', 'exposure'),
    page_view: joined('page_view', 'page_view'),
  };
  const context = joined('context', 'context');
  const decisionContext = joined('decisionContext', 'decision_context');
  const decay = {
    exposure: fitDecay('exposure', statistics, decayBuckets),
    page_view: fitDecay('page_view', statistics, decayBuckets),
  };
  const dense = joinDense(await fitDense(db, catalogue, absent), config.inputs.dense, {
    declared,
    absent,
  });
  const scene = context.find((feature) => feature.name === 'scene');
  const fitted = {
    trainDates: [...trainDates].sort(),
    utcOffsetMinutes: samples.utcOffsetMinutes,
    items: {
      fields: (['item', 'category', 'brand', 'creator'] as const).map((name) => ({
        name,
        size: vocabulary[name].length + 1,
      })),
      minCount: config.minCount,
    },
    actions,
    decay,
    dense,
    context,
    decisionContext,
    declared,
    sizes: {
      ...sizesOf(samples.lengths),
      exposureAction: groupSize(actions.exposure),
      pageViewAction: groupSize(actions.page_view),
      exposureDecay: decay.exposure.size,
      pageViewDecay: decay.page_view.size,
      dense: dense.length,
      context: groupSize(context),
      decisionContext: groupSize(decisionContext),
    },
    lists: listsOf(samples.lengths),
    scenes: scene?.expression.op === 'one_hot' ? scene.expression.values : [],
    absent,
  };
  const spec = featureSpec.parse(completeSpec(fitted, vocabulary, config));
  return { spec, vocabulary, catalogue, popularity, places, trainEnd };
}

const sizesOf = ({
  candidates,
  exposures,
  pageViews,
  since,
  sessionClicks,
  unexposed,
}: SamplesSummary['lengths']) => ({
  ...{ candidates, exposures, pageViews },
  ...{ since, sessionClicks, unexposed },
});

const listsOf = (lengths: SamplesSummary['lengths']): FeatureSpec['lists'] => ({
  rerank: {
    ...{ candidate: lengths.candidates, exposure: lengths.exposures },
    ...{ page_view: lengths.pageViews, cart: lengths.carts, order: lengths.orders },
  },
  decision: { exposure: lengths.since, page_view: lengths.sessionClicks, click: lengths.clicks },
  // The phone compares the videos that it holds; a sample has the one that was shown.
  video: { candidate: 1, watched: lengths.watched, ordered: lengths.ordered },
});

const countRows = async (db: DuckDb): Promise<number> => {
  const { n } = await db.row<{ n: number }>(
    'select greatest((select count(*) from train_rerank), (select count(*) from train_decision)) as n',
  );
  return n;
};

async function readStatistics(
  db: DuckDb,
  rows: number,
  { statisticsSample }: FeaturesConfig,
): Promise<Statistics> {
  // DuckDB wants the quantiles as a constant; a parameter is not one to it, a variable is.
  const grid = Array.from({ length: QUANTILE_GRID - 1 }, (_, i) => (i + 1) / QUANTILE_GRID);
  await db.run('set variable quantiles = $grid', { grid: listValue(grid) });
  const numeric = await db.rows<NumericStatistic>(await featuresSql('numeric-statistics'), {
    every: Math.max(1, Math.floor(rows / statisticsSample)),
  });
  const text = await db.rows<TextStatistic>(await featuresSql('text-statistics'));
  return { numeric, text };
}

/** Shown items: which get a row of their own, and how often they were clicked. */
async function countItems(db: DuckDb, config: FeaturesConfig) {
  const counts = await db.rows<{ item: number; exposures: number; clicks: number }>(
    await featuresSql('item-counts'),
  );
  const places = counts.filter((row) => row.exposures >= config.minCount).map((row) => row.item);
  const exposures = counts.reduce((sum, row) => sum + row.exposures, 0);
  const clicks = counts.reduce((sum, row) => sum + row.clicks, 0);
  const rate = exposures > 0 ? clicks / exposures : 0;
  const { n } = await db.row<{ n: number }>('select len(enum_range(null::item_code)) as n');
  const prior = config.popularityPrior;
  const popularity = new Float32Array(n).fill(rate);
  for (const { item, exposures: shown, clicks: clicked } of counts) {
    popularity[item] = (clicked + prior * rate) / (shown + prior);
  }
  return { places, popularity };
}

/** Known texts, sorted: items with a row, and the attributes that they had by the end of training. */
async function readVocabulary(
  db: DuckDb,
  places: readonly number[],
  trainEnd: number,
): Promise<Vocabulary> {
  const ids = await db.rows<{ id: string }>(
    'select unnest(enum_range(null::item_code))::varchar as id',
  );
  await db.run('create or replace temp table vocabulary_place (place integer)');
  if (places.length > 0) {
    await db.run('insert into vocabulary_place select unnest($places)', {
      places: listValue([...places]),
    });
  }
  const texts = async (column: 'category' | 'brand' | 'creator') => {
    const rows = await db.rows<{ text: string }>(
      `select distinct ${column} as text from items
       semi join vocabulary_place on enum_code(item_id::item_code) = place
       where ${column} is not null and valid_from < $end order by text`,
      { end: trainEnd },
    );
    return rows.map((row) => row.text);
  };
  return {
    item: places.map((place) => ids[place]!.id),
    category: await texts('category'),
    brand: await texts('brand'),
    creator: await texts('creator'),
  };
}
