/**
 * Sample-ratio mismatch: do the arms of a randomised experiment have the counts that their draw
 * should give? Anything that loses rows of one arm biases every effect learnt from them.
 *
 * - `decision`: `propensity` is the probability of treatment, so χ² = (T − Σ p)² / Σ p (1 − p).
 * - other events with a propensity, which is that of the arm drawn: for each arm Σ 1 / p over its rows
 *   estimates the rows of all arms (Horvitz–Thompson); z = (Σ 1/p − N) / √(Σ (1 − p) / p²).
 * - arms without a propensity: against the shares in the settings, else against the reference.
 *
 * By day and over the window. The days' p-values are multiplied by the number of days (Bonferroni).
 */
import { EVENT_COLUMNS } from '../contracts/columns.ts';
import { EVENT_TYPES, type EventType } from '../contracts/device-log.ts';
import { textList } from '../duckdb.ts';
import type { QualityConfig } from './config.ts';
import { examplesOf } from './examples.ts';
import { type CheckResult, type Limits, type Measure, shown, unjudged } from './result.ts';
import { dateParameters, IN_WINDOW, type Source, tableName } from './source.ts';
import { armsChiSquare, homogeneity, propensityChiSquare } from './statistics/ratio.ts';

/** The arm whose probability `propensity` is, where it is not that of the row's own arm. */
const PROPENSITY_OF: Partial<Record<EventType, string>> = { decision: 'treatment' };

/** Rows of one arm on one day: n, and sums over the rows that have a propensity. */
interface ArmDay {
  date: string;
  arm: string;
  n: number;
  drawn: number;
  p: number;
  variance: number;
  inverse: number;
  inverseVariance: number;
}

async function readArms(source: Source, type: EventType): Promise<ArmDay[]> {
  const has = EVENT_COLUMNS[type].some(({ name }) => name === 'propensity');
  // A propensity of 0 or 1 is no draw; one of the row's own arm may be 1 by chance of the design.
  const p = has ? 'propensity' : 'null::double';
  const drawn = `filter (where ${p} > 0 and ${p} < 1)`;
  const sql = `select strftime("date", '%Y-%m-%d') as date, arm, count(*) as n, count(*) ${drawn} as drawn,
      coalesce(sum(${p}) ${drawn}, 0) as p, coalesce(sum(${p} * (1 - ${p})) ${drawn}, 0) as variance,
      coalesce(sum(1 / ${p}) ${drawn}, 0) as inverse,
      coalesce(sum((1 - ${p}) / (${p} * ${p})) ${drawn}, 0) as "inverseVariance"
    from ${tableName(type)}
    where arm is not null and (${IN_WINDOW} or "date" in (select unnest($reference::date[])))
    group by all order by all`;
  return source.db.rows<ArmDay>(sql, dateParameters(sql, source));
}

interface Verdict {
  p: number;
  chiSquare: number;
  /** The arm (or the arms together) with more rows than it should have. */
  over: string[];
  observed: number;
  expected: number;
}

const total = (rows: readonly ArmDay[], of: (row: ArmDay) => number): number =>
  rows.reduce((sum, row) => sum + of(row), 0);

function byTreatment(rows: readonly ArmDay[], treatment: string): Verdict {
  const treated = total(
    rows.filter(({ arm }) => arm === treatment),
    ({ drawn }) => drawn,
  );
  const expected = total(rows, ({ p }) => p);
  const { chiSquare, p } = propensityChiSquare(
    treated,
    expected,
    total(rows, (r) => r.variance),
  );
  const others = [...new Set(rows.map(({ arm }) => arm))].filter((arm) => arm !== treatment);
  const over = treated > expected ? [treatment] : others;
  const n = total(rows, ({ drawn }) => drawn);
  return treated > expected
    ? { p, chiSquare, over, observed: treated, expected }
    : { p, chiSquare, over, observed: n - treated, expected: n - expected };
}

function byInverse(rows: readonly ArmDay[]): Verdict {
  const arms = [...new Set(rows.map(({ arm }) => arm))];
  const n = total(rows, ({ drawn }) => drawn);
  const verdicts = arms.map((arm): Verdict => {
    const own = rows.filter((row) => row.arm === arm);
    const inverse = total(own, (row) => row.inverse);
    const { chiSquare, p } = propensityChiSquare(
      inverse,
      n,
      total(own, (row) => row.inverseVariance),
    );
    const observed = total(own, ({ drawn }) => drawn);
    return {
      p: Math.min(1, p * arms.length),
      chiSquare,
      over: [arm],
      observed,
      expected: (observed * n) / inverse,
    };
  });
  const strongest = verdicts.reduce((a, b) => (b.p < a.p ? b : a));
  const over = verdicts.filter(({ observed, expected }) => observed > expected);
  const named = over.reduce((a, b) => (b.p < a.p ? b : a), over[0] ?? strongest);
  return { ...named, p: strongest.p, chiSquare: strongest.chiSquare };
}

function byShares(
  rows: readonly ArmDay[],
  shares: Record<string, number> | undefined,
  before: readonly ArmDay[],
): Verdict {
  const arms = [
    ...new Set([...rows, ...before].map(({ arm }) => arm)),
    ...Object.keys(shares ?? {}),
  ];
  const names = [...new Set(arms)].sort();
  const countsOf = (some: readonly ArmDay[]): number[] =>
    names.map((name) =>
      total(
        some.filter(({ arm }) => arm === name),
        ({ n }) => n,
      ),
    );
  const observed = countsOf(rows);
  const wanted = shares ? names.map((name) => shares[name] ?? 0) : countsOf(before);
  const { chiSquare, p } = shares ? armsChiSquare(observed, wanted) : homogeneity(observed, wanted);
  const all = observed.reduce((sum, n) => sum + n, 0);
  const whole = wanted.reduce((sum, n) => sum + n, 0);
  const expected = wanted.map((share) => (share / whole) * all);
  const excess = observed.map((n, arm) => n - expected[arm]!);
  const over = excess.indexOf(Math.max(...excess));
  return {
    p,
    chiSquare,
    over: [names[over]!],
    observed: observed[over]!,
    expected: expected[over]!,
  };
}

/** What the settings and the log say of how a type's arms were drawn. */
interface Design {
  type: EventType;
  shares: Record<string, number> | undefined;
  drawn: boolean;
}

function verdictOf(design: Design, rows: readonly ArmDay[], before: readonly ArmDay[]): Verdict {
  const treatment = PROPENSITY_OF[design.type];
  if (design.drawn && treatment) return byTreatment(rows, treatment);
  return design.drawn ? byInverse(rows) : byShares(rows, design.shares, before);
}

function asMeasure(
  source: Source,
  design: Design,
  scope: { name: 'day' | 'window'; dates: readonly string[]; said: string; times: number },
  verdict: Verdict,
  limits: Limits,
): Measure {
  const { type } = design;
  const p = Math.min(1, verdict.p * scope.times);
  const against = design.drawn
    ? 'the logged propensities'
    : design.shares
      ? 'the shares in the settings'
      : 'the reference days';
  const excess = Math.abs(verdict.observed - verdict.expected);
  return {
    check: `sample-ratio/${type}/${scope.name}`,
    table: type,
    column: 'arm',
    limits,
    value: p,
    rows: Math.round(excess),
    what: `the arms of ${type} do not have the counts of ${against} ${scope.said}: arm ${verdict.over.join(' or ')} has ${shown(verdict.observed)} rows where ${shown(Math.round(verdict.expected))} are expected (χ² ${shown(verdict.chiSquare)}, p = ${p.toExponential(1)})`,
    where: `${type}, ${scope.dates[0]}${scope.dates.length > 1 ? ` … ${scope.dates.at(-1)}` : ''}`,
    mend: 'do not learn effects from these days: find where rows of the other arm are lost (crashes, uploads, filters), or log the propensity that was drawn with',
    examples: () =>
      examplesOf(
        source,
        type,
        `"date" between $first::date and $last::date and list_contains($arms, arm)`,
        {
          first: scope.dates[0]!,
          last: scope.dates.at(-1)!,
          arms: textList(verdict.over),
        },
      ),
    numbers: {
      chiSquare: verdict.chiSquare,
      p,
      observed: verdict.observed,
      expected: verdict.expected,
    },
  };
}

async function measureType(
  source: Source,
  type: EventType,
  config: QualityConfig,
): Promise<(Measure | CheckResult)[]> {
  const all = await readArms(source, type);
  const rows = all.filter(({ date }) => source.window.includes(date));
  const before = all.filter(({ date }) => source.reference.includes(date));
  const today = rows.filter(({ date }) => date === source.day);
  const design: Design = {
    type,
    shares: config.arms[type],
    drawn: rows.some(({ drawn }) => drawn > 0),
  };
  const at = (scope: string) => ({
    check: `sample-ratio/${type}/${scope}`,
    table: type,
    column: 'arm',
  });
  const count = (some: readonly ArmDay[]): number =>
    total(some, design.drawn ? ({ drawn }) => drawn : ({ n }) => n);
  const few = `fewer than ${config.minRows} randomised rows`;
  const limits: Limits = { stop: [config.sampleRatioP, 1] };
  if (!design.drawn && !design.shares) {
    // Nobody said what the shares should be: a change is worth a look, not an end.
    const arms = new Set(all.map(({ arm }) => arm)).size;
    if (arms < 2) return [unjudged(at('day'), 'no arms')];
    if (count(today) < config.minRows || count(before) < config.minRows)
      return [unjudged(at('day'), few)];
    const verdict = verdictOf(design, today, before);
    const scope = { name: 'day', dates: [source.day], said: `on ${source.day}`, times: 1 } as const;
    return [asMeasure(source, design, scope, verdict, { warn: [config.sampleRatioP, 1] })];
  }
  const days = source.window
    .map((date) => ({ date, rows: rows.filter((row) => row.date === date) }))
    .filter((one) => count(one.rows) >= config.minRows);
  const results: (Measure | CheckResult)[] = [];
  if (days.length === 0) results.push(unjudged(at('day'), `${few} a day`));
  else {
    const judged = days.map((one) => ({ ...one, verdict: verdictOf(design, one.rows, before) }));
    const worst = judged.reduce((a, b) => (b.verdict.p < a.verdict.p ? b : a));
    const { date, verdict } = worst;
    const scope = { name: 'day', dates: [date], said: `on ${date}`, times: days.length } as const;
    results.push(asMeasure(source, design, scope, verdict, limits));
  }
  if (count(rows) < config.minRows) return [...results, unjudged(at('window'), few)];
  const dates = source.window;
  const scope = { name: 'window', dates, said: 'over the window', times: 1 } as const;
  results.push(asMeasure(source, design, scope, verdictOf(design, rows, before), limits));
  return results;
}

/** Every event type that has arms. */
export async function measureSampleRatios(
  source: Source,
  config: QualityConfig,
): Promise<(Measure | CheckResult)[]> {
  const types = EVENT_TYPES.filter((type) =>
    EVENT_COLUMNS[type].some(({ name }) => name === 'arm'),
  );
  const results = [];
  for (const type of types) results.push(...(await measureType(source, type, config)));
  return results;
}
