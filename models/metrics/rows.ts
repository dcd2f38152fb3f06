/** What ranking metrics are computed on: one row per labelled candidate. */
import { EdgeloomError } from '../../lib/errors.ts';
import { denseIds } from './bootstrap.ts';

export interface LabelledRows {
  /** The slate of the row (any integers). */
  list: ArrayLike<number>;
  /** The user of the row (any integers). */
  user: ArrayLike<number>;
  /** 0 or 1. */
  label: ArrayLike<number>;
}

/** Rows with users numbered 0 … users − 1. */
export interface PreparedRows {
  list: ArrayLike<number>;
  user: Int32Array;
  label: ArrayLike<number>;
  users: number;
}

/** @throws EdgeloomError `bad-evaluation-rows` when columns differ in length or a label is not 0 or 1 */
export function prepareRows(rows: LabelledRows): PreparedRows {
  const { list, user, label } = rows;
  if (list.length !== label.length || user.length !== label.length) {
    throw badRows(
      `list, user and label have ${list.length}, ${user.length}, ${label.length} values`,
    );
  }
  for (let i = 0; i < label.length; i++) {
    if (label[i] !== 0 && label[i] !== 1) throw badRows(`label ${label[i]} in row ${i}`);
  }
  const { ids, count } = denseIds(user);
  return { list, user: ids, label, users: count };
}

/** @throws EdgeloomError `bad-evaluation-rows` on a missing or non-finite score */
export function checkScores(name: string, scores: ArrayLike<number>, rows: number): void {
  if (scores.length !== rows) throw badRows(`${name} has ${scores.length} scores for ${rows} rows`);
  for (let i = 0; i < rows; i++) {
    if (!Number.isFinite(scores[i])) throw badRows(`${name} scores row ${i} as ${scores[i]}`);
  }
}

function badRows(what: string): EdgeloomError {
  return new EdgeloomError({
    code: 'bad-evaluation-rows',
    what: `These rows cannot be evaluated: ${what}`,
    fix: 'give every column one finite value per labelled candidate',
  });
}
