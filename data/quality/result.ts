/** What a check found, and the limits it is judged by. */
import type { Override, QualityConfig } from './config.ts';

export type Severity = 'stop' | 'warn';

/** At most this, or between these two. */
export type Limit = number | readonly [number, number];

/** A check may warn at one limit and end the day at a second one. */
export type Limits = Partial<Record<Severity, Limit>>;

/** A row, by a key that is no person's. */
export interface Example {
  /** Event, sample, item or decision id; the hour or file for rows that are missing. */
  key: string;
  date?: string;
}

export interface CheckResult {
  /** `kind/table/column`: the name by which settings reach it. */
  check: string;
  table: string;
  /** Null for checks of whole tables. */
  column: string | null;
  /** What a failure does; of a passed check, what its nearest limit would have done. */
  severity: Severity;
  passed: boolean;
  /** What was measured; null when it could not be. */
  value: number | null;
  /** The limit that was crossed, or the nearest one. */
  bound: number | null;
  /** Offending rows; 0 when passed. */
  rows: number;
  examples: Example[];
  /** What, where and how to mend it. */
  message: string;
  /** Why the check was switched off or could not be judged. */
  unjudged?: string;
  /** More numbers of this kind of check, for the report. */
  numbers?: Record<string, number | null>;
}

/** What a check measured, before it is judged. */
export interface Measure {
  check: string;
  table: string;
  column: string | null;
  limits: Limits;
  value: number;
  /** How far chance alone carries the value from 0 (or, of a pair of limits, from `around`). */
  noise?: number;
  /** Where the value lies when nothing is wrong, for limits in pairs. @default 1 */
  around?: number;
  rows: number;
  /** `1,203 of 24,000 rows have no request in the lake` */
  what: string;
  where: string;
  mend: string;
  /** Asked for when the check failed only. */
  examples: () => Promise<Example[]>;
  numbers?: Record<string, number | null>;
}

const pattern = (name: string): RegExp =>
  new RegExp(`^${name.split('*').map(escapeRegExp).join('.*')}$`);
const escapeRegExp = (text: string): string => text.replace(/[.+?^${}()|[\]\\]/g, '\\$&');

/** The override for a check; of several that fit, later ones add to earlier ones. */
export function overrideOf(config: QualityConfig, check: string): Override {
  const fitting = Object.entries(config.checks).filter(([name]) => pattern(name).test(check));
  return Object.assign({}, ...fitting.map(([, override]) => override)) as Override;
}

/** Patterns of the settings that reach none of the checks: misspelt, most likely. */
export const unknownChecks = (config: QualityConfig, checks: readonly string[]): string[] =>
  Object.keys(config.checks).filter((name) => !checks.some((check) => pattern(name).test(check)));

function limitsOf(declared: Limits, { severity, warn, stop }: Override): Limits {
  const limits: Limits = { ...declared };
  for (const [level, limit] of Object.entries({ warn, stop }) as [Severity, Limit | null][]) {
    if (limit === null) delete limits[level];
    else if (limit !== undefined) limits[level] = limit;
  }
  if (!severity) return limits;
  const nearest = limits.warn ?? limits.stop;
  return nearest === undefined ? {} : { [severity]: nearest };
}

/** Few rows widen a limit to what chance reaches. */
function widened(limit: Limit, { noise = 0, around = 1 }: Measure): Limit {
  if (typeof limit === 'number') return Math.max(limit, noise);
  return [Math.min(limit[0], around - noise), Math.max(limit[1], around + noise)];
}

/** The side of the limit that the value is nearest to. */
const sideOf = (limit: Limit, value: number): number =>
  typeof limit === 'number' ? limit : value < limit[0] ? limit[0] : limit[1];

const crossed = (limit: Limit, value: number): boolean =>
  typeof limit === 'number' ? value > limit : value < limit[0] || value > limit[1];

const named = (examples: readonly Example[]): string =>
  examples.map(({ key, date }) => (date ? `${key} (${date})` : key)).join(', ');

export const shown = (value: number): string =>
  Number.isInteger(value) ? value.toLocaleString('en') : String(Number(value.toPrecision(3)));

/** Judges a measure by its limits and what the settings say about it. */
export async function judge(measure: Measure, config: QualityConfig): Promise<CheckResult> {
  const { check, table, column, value, numbers } = measure;
  const override = overrideOf(config, check);
  const limits = limitsOf(measure.limits, override);
  const levels = (['stop', 'warn'] as const).flatMap((severity) => {
    const limit = limits[severity];
    return limit === undefined ? [] : [{ severity, limit: widened(limit, measure) }];
  });
  const broken = override.off === undefined && levels.find(({ limit }) => crossed(limit, value));
  const nearest = broken || levels.at(-1);
  const result = {
    check,
    table,
    column,
    severity: nearest?.severity ?? 'warn',
    passed: !broken,
    value,
    bound: nearest ? sideOf(nearest.limit, value) : null,
    rows: broken ? measure.rows : 0,
    ...(numbers ? { numbers } : {}),
  } satisfies Partial<CheckResult>;
  if (!broken) {
    const unjudged = override.off ?? (nearest ? undefined : 'no limit is set');
    return { ...result, examples: [], message: '', ...(unjudged ? { unjudged } : {}) };
  }
  const examples = (await measure.examples()).slice(0, config.examples);
  const rows = examples.length > 0 ? ` Rows: ${named(examples)}.` : '';
  const message = `${measure.what}; the limit is ${shown(result.bound!)}. Where: ${measure.where}.${rows} To mend: ${measure.mend}.`;
  return { ...result, examples, message };
}

/** A check for which there is too little to judge. */
export function unjudged(
  { check, table, column }: Pick<Measure, 'check' | 'table' | 'column'>,
  reason: string,
): CheckResult {
  return {
    check,
    table,
    column,
    severity: 'warn',
    passed: true,
    value: null,
    bound: null,
    rows: 0,
    examples: [],
    message: '',
    unjudged: reason,
  };
}
