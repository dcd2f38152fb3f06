/** The ranker's score of a candidate. */
import { EdgeloomError } from '../../../lib/errors.ts';

/**
 * @param scores JSON text: numbers by the names of the scores
 * @returns `ctr` when there is one, else the only score; NaN when neither
 * @throws EdgeloomError `bad-scores`
 */
export function baseScore(scores: string): number {
  let parsed: unknown;
  try {
    parsed = JSON.parse(scores);
  } catch {
    throw badScores('is no JSON');
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) return Number.NaN;
  const values = Object.values(parsed);
  const score =
    'ctr' in parsed && parsed.ctr !== null ? parsed.ctr : values.length === 1 ? values[0] : null;
  if (score === null) return Number.NaN;
  const number = typeof score === 'object' || score === '' ? Number.NaN : Number(score);
  if (Number.isNaN(number)) throw badScores('has a score that is no number');
  return number;
}

const badScores = (what: string): EdgeloomError =>
  new EdgeloomError({
    code: 'bad-scores',
    what: `A candidate's scores: the text ${what}`,
    where: 'column candidates of type=request',
    fix: 'write scores as a JSON object of numbers, and ingest the log again',
  });
