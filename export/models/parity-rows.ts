/** Which real rows parity is stated on. */
import { Dataset, type Family } from '../../models/engine/dataset.ts';
import { ENCODERS, type Slate } from './slates.ts';

export interface Days {
  tensorsDir: string;
  family: Family;
  validDate: string;
  trainDates: string[];
}

/**
 * Rows of the validation day first, then of the training days, latest first, until there are `count`
 * or the log has no more.
 * @param first rows of the validation day that were drawn already
 * @param enough says of the first rows that no more are needed
 */
export async function drawOverDays<Row>(
  { tensorsDir, family, validDate, trainDates }: Days,
  count: number,
  draw: (dataset: Dataset, count: number) => Promise<Row[]>,
  { first, enough }: { first?: Row[]; enough?: (rows: Row[]) => boolean } = {},
): Promise<Row[]> {
  const rows: Row[] = first?.slice(0, count) ?? [];
  const dates = [...trainDates].sort().reverse();
  for (const date of first ? dates : [validDate, ...dates]) {
    if (rows.length >= count || enough?.(rows)) break;
    const dataset = await Dataset.open(tensorsDir, family, [date]);
    try {
      if (dataset.rows > 0) rows.push(...(await draw(dataset, count - rows.length)));
    } finally {
      await dataset.close();
    }
  }
  return rows;
}

/**
 * The first `count` slates, and of the others those that bring steps to an encoder that would see
 * fewer than `count`: page views are rare in most logs.
 */
export function slatesForParity<S extends Pick<Slate, 'behaviours'>>(
  slates: S[],
  count: number,
): S[] {
  const chosen = new Set(slates.slice(0, count));
  for (const { entry } of ENCODERS) {
    let steps = 0;
    for (const { behaviours } of chosen) steps += behaviours[entry].length;
    for (const slate of slates) {
      if (steps >= count) break;
      const brought = slate.behaviours[entry].length;
      if (brought === 0 || chosen.has(slate)) continue;
      chosen.add(slate);
      steps += brought;
    }
  }
  return [...chosen];
}

/** Whether the slates after these would change nothing of {@link slatesForParity}. */
export function enoughForParity(slates: Pick<Slate, 'behaviours'>[], count: number): boolean {
  if (slates.length < count) return false;
  const chosen = slatesForParity(slates, count);
  return ENCODERS.every(
    ({ entry }) =>
      chosen.reduce((steps, { behaviours }) => steps + behaviours[entry].length, 0) >= count,
  );
}
