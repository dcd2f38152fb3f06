/** What the results mean for the day, in words: for a log, a terminal and the report. */
import type { QualityReport } from './check.ts';
import { type CheckResult, type Severity, shown } from './result.ts';

export const failed = ({ checks }: QualityReport, severity: Severity): CheckResult[] =>
  checks.filter((check) => !check.passed && check.severity === severity);

/** One line per failed check of this severity. */
export const messages = (report: QualityReport, severity: Severity): string[] =>
  failed(report, severity).map(({ check, message }) => `${check}: ${message}`);

/** Counts by outcome. */
export function tally(
  report: QualityReport,
): Record<'passed' | 'warned' | 'stopped' | 'unjudged', number> {
  const unjudged = report.checks.filter((check) => check.unjudged !== undefined).length;
  const [warned, stopped] = [failed(report, 'warn').length, failed(report, 'stop').length];
  return { passed: report.checks.length - unjudged - warned - stopped, warned, stopped, unjudged };
}

const outcome = ({ passed, severity, unjudged }: CheckResult): string =>
  passed ? (unjudged === undefined ? 'passed' : '–') : severity === 'stop' ? 'STOP' : 'warn';

/** A table of all checks, failed ones first with their messages, for a terminal. */
export function describeReport(report: QualityReport): string {
  const { passed, warned, stopped, unjudged } = tally(report);
  const failures = [...failed(report, 'stop'), ...failed(report, 'warn')];
  const number = (value: number | null): string => (value === null ? '' : shown(value));
  const width = Math.max(...report.checks.map(({ check }) => check.length));
  const line = (result: CheckResult): string =>
    [
      outcome(result).padEnd(7),
      result.check.padEnd(width),
      number(result.value).padStart(12),
      number(result.bound).padStart(12),
      String(result.rows || '').padStart(8),
      result.unjudged ?? '',
    ]
      .join(' ')
      .trimEnd();
  const head = ['', 'check', 'value', 'limit', 'rows'];
  return [
    `${'result'.padEnd(7)} ${head[1]!.padEnd(width)} ${head
      .slice(2, 4)
      .map((text) => text!.padStart(12))
      .join(' ')} ${'rows'.padStart(8)}`,
    ...failures.map(line),
    ...report.checks.filter((check) => check.passed).map(line),
    '',
    ...failures.map(({ severity, check, message }) => `${severity} ${check}: ${message}`),
    ...report.unknown.map((name) => `The settings name a check ${name}, which does not exist.`),
    `${report.day}: ${passed} passed, ${warned} warned, ${stopped} ${stopped === 1 ? 'ends' : 'end'} the day, ${unjudged} not judged.`,
  ].join('\n');
}
