/** Statistics of expressions over thinned training samples. */
import type { Expression, SampleKind } from '../../../device/features/spec.ts';
import { type Names, typeOf } from '../../../device/features/type-of.ts';
import { QUANTILE_GRID } from '../../contracts/feature-declaration.ts';
import { SOURCES } from '../../contracts/feature-sources.ts';
import type { DuckDb } from '../../duckdb.ts';
import { attributeOf, columnName, itemColumn, listSql } from '../bindings.ts';
import { attributeValue, type Catalogue } from '../catalogue.ts';
import { boundariesOf } from '../groups.ts';
import { Moments } from '../moments.ts';
import { ValueReader } from '../value-reader.ts';
import type { Need, Statistic } from './open-statistics.ts';

/** Samples that numbers are taken from, about; candidates times behaviours are many values each. */
const SAMPLES = { lists: 2000, pairs: 100 };

export interface Asked {
  kind: SampleKind;
  need: Need;
}

export interface Fitting {
  names: Names;
  catalogue: Catalogue;
  /** First millisecond after the training dates. */
  trainEnd: number;
}

/** @returns what was asked for, in that order */
export async function findStatistics(
  db: DuckDb,
  asked: readonly Asked[],
  fitting: Fitting,
): Promise<Statistic[]> {
  const found = new Map<Asked, Statistic>();
  for (const one of asked) {
    if (one.need.find !== 'values') continue;
    const { of, most } = one.need;
    found.set(one, { values: await mostFrequent(db, one.kind, of, most, fitting) });
  }
  for (const kind of new Set(asked.map((one) => one.kind))) {
    const numbers = asked.filter((one) => one.kind === kind && one.need.find !== 'values');
    const isPair = ({ need }: Asked) => typeOf(need.of, fitting.names).axes.length > 1;
    await findNumbers(
      db,
      kind,
      numbers.filter((one) => !isPair(one)),
      SAMPLES.lists,
      fitting,
      found,
    );
    await findNumbers(db, kind, numbers.filter(isPair), SAMPLES.pairs, fitting, found);
  }
  return asked.map((one) => found.get(one)!);
}

/** Samples in a fixed order, thinned by the hash of their id, so that the choice depends on nothing else. */
async function findNumbers(
  db: DuckDb,
  kind: SampleKind,
  asked: readonly Asked[],
  samples: number,
  { names, catalogue }: Fitting,
  found: Map<Asked, Statistic>,
): Promise<void> {
  if (asked.length === 0) return;
  const reader = new ValueReader(
    kind,
    asked.map(({ need }) => need.of),
    names,
    catalogue,
  );
  const whole = kind === 'rerank' ? 'part = 0' : 'true';
  const { n } = await db.row<{ n: number }>(
    `select count(*) as n from train_${kind} where ${whole}`,
  );
  const every = Math.max(1, Math.floor(n / samples));
  const values = asked.map((): number[] => []);
  const statement = `select ${reader.columns.join(', ')} from train_${kind}
    where ${whole} and hash(sample_id) % $every = 0 order by sample_id`;
  for await (const batch of db.batches(statement, { every })) {
    const read = reader.read(batch);
    asked.forEach(({ need }, i) => {
      const list = read.lists(need.of);
      const into = values[i]!;
      for (let row = 0; row < batch.rows; row++) {
        const end = list.start(row) + list.length(row);
        for (let at = list.start(row); at < end; at++) {
          if (!Number.isNaN(list.values[at]!)) into.push(list.values[at]!);
        }
      }
    });
  }
  asked.forEach((one, i) => {
    found.set(one, statisticOf(one.need, values[i]!));
  });
}

function statisticOf(need: Need, values: readonly number[]): Statistic {
  if (values.length === 0) return { none: true, ...nothing(need) };
  if (need.find === 'moments') {
    const moments = new Moments();
    for (const value of values) moments.add(value);
    return { moments: { mean: moments.mean, std: moments.std() } };
  }
  const sorted = Float64Array.from(values).sort();
  const grid = Array.from(
    { length: QUANTILE_GRID - 1 },
    (_, i) => sorted[Math.ceil(((i + 1) * sorted.length) / QUANTILE_GRID) - 1]!,
  );
  const { buckets } = need as Extract<Need, { find: 'boundaries' }>;
  return { boundaries: boundariesOf({ lowest: sorted[0]!, grid }, buckets) };
}

const nothing = (need: Need): Statistic =>
  need.find === 'moments' ? { moments: { mean: 0, std: 1 } } : { boundaries: [] };

/** The most frequent texts, sorted. Of an attribute, those that items had at the end of training. */
async function mostFrequent(
  db: DuckDb,
  kind: SampleKind,
  of: Expression,
  most: number,
  { catalogue, trainEnd }: Fitting,
): Promise<string[]> {
  const { name } = of as Extract<Expression, { op: 'source' }>;
  const { axis } = SOURCES[name]!;
  const attribute = attributeOf(kind, name);
  const counts = new Map<string, number>();
  const whole = kind === 'rerank' ? 'part = 0' : 'true';
  if (attribute && axis) {
    const rows = await db.rows<{ item: number; n: number }>(
      `select item, count(*)::integer as n
       from (select unnest(code_each(${listSql(kind, itemColumn(kind, axis))})) as item from train_${kind} where ${whole})
       group by item`,
    );
    for (const { item, n } of rows) {
      const text = attributeValue(catalogue.at(item, trainEnd - 1), attribute);
      if (typeof text === 'string') counts.set(text, (counts.get(text) ?? 0) + n);
    }
  } else {
    const column = columnName(kind, name)!;
    const texts = axis ? `unnest(${listSql(kind, column)})` : column;
    const rows = await db.rows<{ text: string; n: number }>(
      `select text, count(*)::integer as n
       from (select ${texts} as text from train_${kind} where ${whole})
       where text is not null group by text`,
    );
    for (const { text, n } of rows) counts.set(text, n);
  }
  return [...counts]
    .sort(([a, n], [b, m]) => m - n || (a < b ? -1 : 1))
    .slice(0, most)
    .map(([text]) => text)
    .sort();
}
