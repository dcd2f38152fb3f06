/** Dense features of a candidate: their raw values, and fitting transform, mean and deviation. */
import { Frame } from '../../device/features/columns.ts';
import { evaluator } from '../../device/features/evaluate.ts';
import type { Expression, Feature, FeatureSpec } from '../../device/features/spec.ts';
import type { ListColumn } from '../columns/duckdb-columns.ts';
import { SOURCES } from '../contracts/feature-sources.ts';
import type { DuckDb } from '../duckdb.ts';
import type { Catalogue } from './catalogue.ts';
import { source } from './declare.ts';
import { Moments } from './moments.ts';
import { featuresSql } from './open-samples.ts';

/** Raw values of a row's candidates by source; NaN where unknown. */
export type RawCandidates = Record<
  'candidate.score' | 'candidate.duration_ms' | 'candidate.price_level',
  Float64Array
>;

export function rawCandidates(
  items: ListColumn,
  scores: ListColumn,
  row: number,
  time: number,
  catalogue: Catalogue,
): RawCandidates {
  const n = items.length(row);
  const [score, duration, price] = [0, 1, 2].map(() => new Float64Array(n));
  for (let k = 0; k < n; k++) {
    const attributes = catalogue.at(items.values[items.start(row) + k]!, time);
    score![k] = scores.values[scores.start(row) + k]!;
    duration![k] = attributes.durationMs;
    price![k] = attributes.priceLevel;
  }
  return {
    'candidate.score': score!,
    'candidate.duration_ms': duration!,
    'candidate.price_level': price!,
  };
}

interface Plan {
  name: string;
  /** Before standardisation. */
  expression: Expression;
  /** Its mean over a slate is 0 already. */
  centred?: boolean;
}

const score = source('candidate.score');
const SCORE_KNOWN: Plan = { name: 'score_known', expression: { op: 'known', of: score } };

function plans(probabilities: boolean): Plan[] {
  const transformed: Expression = probabilities ? { op: 'logit', of: score } : score;
  const price = source('candidate.price_level');
  const relative = (of: Expression) => ({
    expression: { op: 'relative', of } as const,
    centred: true,
  });
  return [
    { name: 'score', expression: transformed },
    { name: 'score_relative', ...relative(transformed) },
    SCORE_KNOWN,
    { name: 'duration', expression: { op: 'log1p', of: source('candidate.duration_ms') } },
    { name: 'price_level', expression: price },
    { name: 'price_relative', ...relative(price) },
  ];
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
): Promise<Feature[]> {
  const { low, high } = await db.row<{ low: number | null; high: number | null }>(
    'select list_min(list(list_min(cand_score))) as low, list_max(list(list_max(cand_score))) as high from train_rerank',
  );
  const wanted = plans(low !== null && high !== null && low >= 0 && high <= 1);
  const names = { sources: SOURCES, tables: {} };
  const fits = wanted.map((plan) => ({
    ...plan,
    moments: new Moments(),
    evaluate: evaluator(plan.expression, names),
  }));
  for await (const batch of db.batches(await featuresSql('train-candidates'))) {
    const items = batch.lists('cand_item');
    const scores = batch.lists('cand_score');
    const time = batch.numbers('decision_ts');
    for (let row = 0; row < batch.rows; row++) {
      const frame = new Frame(rawCandidates(items, scores, row, time[row]!, catalogue));
      for (const { evaluate, moments } of fits) {
        for (const value of evaluate(frame).values) if (!Number.isNaN(value)) moments.add(value);
      }
    }
  }
  const fitted: Feature[] = [];
  for (const { name, expression, centred, moments } of fits) {
    const known = expression.op === 'known';
    if (moments.n === 0 || (known && moments.mean === 0)) {
      absent.push({ name: `dense.${name}`, why: 'null for every candidate of the training dates' });
      continue;
    }
    fitted.push({
      name,
      expression: known
        ? expression
        : {
            op: 'standardise',
            of: expression,
            mean: centred ? 0 : moments.mean,
            std: moments.std(),
            missing: 0,
          },
    });
  }
  if (fitted.length === 0) fitted.push(SCORE_KNOWN);
  return fitted;
}
