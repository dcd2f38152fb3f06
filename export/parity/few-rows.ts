/** A small log is released all the same, but a reader must see on how little parity stands. */
import { MINIMUM_ROWS, type ParityResult } from './check.ts';

/** A sentence that names every entry point with too few rows; null when there is none. */
export function fewRowsWarning(results: Pick<ParityResult, 'entry' | 'rows'>[]): string | null {
  const few = new Map<string, number>();
  for (const { entry, rows } of results) if (rows < MINIMUM_ROWS) few.set(entry, rows);
  if (few.size === 0) return null;
  const named = [...few].map(([entry, n]) => `${entry} on ${n} ${n === 1 ? 'row' : 'rows'} only`);
  return `Warning: ${named.join(', ')}, fewer than ${MINIMUM_ROWS}.`;
}
