/** Which rows of a row group belong to a part. */
import type { UserRuns } from './user-runs.ts';

export interface SelectedRows {
  /** From, to, from, to, …; rising. */
  rows: number[];
  /** Whose they are, by the codes of the part, and how many of them come one behind the other. */
  users: number[];
  counts: number[];
}

/**
 * @param codeOf code in the part by code in the bucket; −1 where the user belongs to another part
 * @param isCapped whether only some rows of a user count; asked for `keeps` then
 * @param keeps whether a row counts
 */
export function selectRows(
  { user, from, to }: UserRuns,
  codeOf: Int32Array,
  isCapped: (user: number) => boolean = () => false,
  keeps: (user: number, row: number) => boolean = () => true,
): SelectedRows {
  const selected: SelectedRows = { rows: [], users: [], counts: [] };
  const { rows } = selected;
  const take = (code: number, first: number, end: number): void => {
    if (rows.at(-1) === first) rows[rows.length - 1] = end;
    else rows.push(first, end);
    selected.users.push(code);
    selected.counts.push(end - first);
  };
  for (let i = 0; i < user.length; i++) {
    const code = codeOf[user[i]!]!;
    if (code < 0) continue;
    if (!isCapped(user[i]!)) {
      take(code, from[i]!, to[i]!);
      continue;
    }
    for (let row = from[i]!; row < to[i]!; row++) {
      if (keeps(user[i]!, row)) take(code, row, row + 1);
    }
  }
  return selected;
}
