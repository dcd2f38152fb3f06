/** How far ahead of its moment a label looks, and from when on no event that may still come changes it. */
import { EdgeloomError } from '../../lib/errors.ts';

export interface Windows {
  /** What an exposure leads to counts when it was told at most so long after the exposure's start, ms. */
  labelWindowMs: number;
  /** An exposure counts for the slate, or the swipe, that it followed when it was told within this, ms. */
  exposureWindowMs: number;
  /** All that a request decision's labels count is told at most so long after the decision, ms. */
  decisionWindowMs: number;
  /** How much later than the end of the log, by device time, events may be that still come, ms. */
  latenessMs: number;
}

const HOUR_MS = 3_600_000;
const DEFAULTS: Windows = {
  labelWindowMs: 24 * HOUR_MS,
  exposureWindowMs: 24 * HOUR_MS,
  decisionWindowMs: HOUR_MS,
  latenessMs: 0,
};
/** Longer than any log; differences of times stay whole numbers. */
const MOST_MS = 10 * 366 * 24 * HOUR_MS;

/** @throws EdgeloomError `bad-config` */
export function windowsOf(options: { [K in keyof Windows]?: number | undefined }): Windows {
  const windows = { ...DEFAULTS };
  for (const name of Object.keys(DEFAULTS) as (keyof Windows)[]) {
    const value = options[name] ?? DEFAULTS[name];
    const least = name === 'latenessMs' ? 0 : 1;
    if (!Number.isInteger(value) || value < least || value > MOST_MS) {
      throw new EdgeloomError({
        code: 'bad-config',
        what: `The window ${name} is ${value}`,
        fix: `give a whole number of milliseconds between ${least} and ${MOST_MS}`,
      });
    }
    windows[name] = value;
  }
  return windows;
}

/** The whole log's end and its windows. */
export interface LogEnd {
  /** Last device time of the log, ms. */
  logEnd: number;
  windows: Windows;
}

/** Events that are not in the log yet are told at this moment or later: what ends before it is complete. */
export const watermarkOf = ({ logEnd, windows }: LogEnd): number => logEnd - windows.latenessMs;

/** When a phone told of a behaviour: it is written down at its end or at its start. */
export const toldAt = (ts: number, started: number): number => Math.max(ts, started);

/**
 * How long after its moment a row matures, at the earliest and at the latest, ms. A request decision waits
 * for its whole window, whatever followed: would it mature with its last exposure, the rows that count
 * would be chosen by what the arm did. Slates and swipes wait for the exposures that they had.
 */
export function waitsOf(windows: Windows): Record<string, { least: number; most: number }> {
  const { labelWindowMs, exposureWindowMs, decisionWindowMs } = windows;
  const most = exposureWindowMs + labelWindowMs;
  return {
    rerank: { least: exposureWindowMs, most },
    video: { least: Math.max(exposureWindowMs, labelWindowMs), most },
    decisions: { least: decisionWindowMs, most: decisionWindowMs },
  };
}
