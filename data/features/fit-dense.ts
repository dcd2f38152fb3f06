/** Dense features of a candidate: their raw values, and fitting transform, mean and deviation. */
import type { DenseFeature, FeatureSpec } from '../contracts/feature-spec.ts';
import type { DuckDb } from '../duckdb.ts';
import type { ListColumn } from '../duckdb-columns.ts';
import type { Catalogue } from './catalogue.ts';
import { transformedColumn } from './interpret.ts';
import { featuresSql } from './open-samples.ts';

type Source = DenseFeature['source'];
export type RawCandidates = Record<Source, Float64Array>;

/** Raw values of a row's candidates; NaN where unknown. */
export function rawCandidates(
  items: ListColumn,
  scores: ListColumn,
  row: number,
  time: number,
  catalogue: Catalogue,
): RawCandidates {
  const n = items.length(row);
  const raw = {
    score: new Float64Array(n),
    duration_ms: new Float64Array(n),
    price_level: new Float64Array(n),
  };
  for (let k = 0; k < n; k++) {
    const attributes = catalogue.at(items.values[items.start(row) + k]!, time);
    raw.score[k] = scores.values[scores.start(row) + k]!;
    raw.duration_ms[k] = attributes.durationMs;
    raw.price_level[k] = attributes.priceLevel;
  }
  return raw;
}

type Plan = Pick<DenseFeature, 'name' | 'source' | 'transform' | 'relative'>;

const plans = (scoreTransform: 'identity' | 'logit'): Plan[] => [
  { name: 'score', source: 'score', transform: scoreTransform, relative: false },
  { name: 'score_relative', source: 'score', transform: scoreTransform, relative: true },
  { name: 'score_known', source: 'score', transform: 'known', relative: false },
  { name: 'duration', source: 'duration_ms', transform: 'log1p', relative: false },
  { name: 'price_level', source: 'price_level', transform: 'identity', relative: false },
  { name: 'price_relative', source: 'price_level', transform: 'identity', relative: true },
];

/** Mean and deviation of a stream of numbers (Welford). */
class Moments {
  n = 0;
  mean = 0;
  #squares = 0;

  add(value: number): void {
    this.n++;
    const before = value - this.mean;
    this.mean += before / this.n;
    this.#squares += before * (value - this.mean);
  }

  deviation(): number {
    return Math.sqrt(this.#squares / this.n);
  }
}

/**
 * Fits on the candidates of the training dates, read in a fixed order, so that sums have equal bits.
 * Scores that all lie in [0, 1] are taken as probabilities and go through the logit. A source that no
 * candidate has is left out; `score_known` stays when nothing else does, so that the vector is never
 * empty.
 */
export async function fitDense(
  db: DuckDb,
  catalogue: Catalogue,
  absent: FeatureSpec['absent'],
): Promise<DenseFeature[]> {
  const { low, high } = await db.row<{ low: number | null; high: number | null }>(
    'select list_min(list(list_min(cand_score))) as low, list_max(list(list_max(cand_score))) as high from train_rerank',
  );
  const probabilities = low !== null && high !== null && low >= 0 && high <= 1;
  const wanted = plans(probabilities ? 'logit' : 'identity');
  const moments = wanted.map(() => new Moments());
  for await (const batch of db.batches(await featuresSql('train-candidates'))) {
    const items = batch.lists('cand_item');
    const scores = batch.lists('cand_score');
    const time = batch.numbers('decision_ts');
    for (let row = 0; row < batch.rows; row++) {
      const raw = rawCandidates(items, scores, row, time[row]!, catalogue);
      wanted.forEach((plan, f) => {
        const values = transformedColumn(plan, raw[plan.source]);
        for (const value of values) if (!Number.isNaN(value)) moments[f]!.add(value);
      });
    }
  }
  const fitted: DenseFeature[] = [];
  wanted.forEach((plan, f) => {
    const { n, mean } = moments[f]!;
    const known = plan.transform === 'known';
    if (n === 0 || (known && mean === 0)) {
      absent.push({
        name: `dense.${plan.name}`,
        why: 'null for every candidate of the training dates',
      });
      return;
    }
    const deviation = moments[f]!.deviation();
    fitted.push(
      known
        ? { ...plan, mean: 0, std: 1, missing: 0 }
        : {
            ...plan,
            mean: plan.relative ? 0 : mean,
            // A constant stays a constant.
            std: deviation > 1e-9 ? deviation : 1,
            missing: 0,
          },
    );
  });
  if (fitted.length === 0) fitted.push({ ...wanted[2]!, mean: 0, std: 1, missing: 0 });
  return fitted;
}
