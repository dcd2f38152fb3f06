/** How often plain statistics of a log find a planted effect, and how often one that is not there. */
import { parseArgs } from 'node:util';
import { effectIn, FROZEN_EFFECTS } from '../simulator/test-frozen-effects.ts';
import type { Interval } from '../simulator/test-log.ts';
import type { Bench, BenchLine } from './types.ts';

/** The first of the seeds, one after another; none of them had been used before. */
const FIRST_SEED = 60001;

const json = (value: object) => JSON.parse(JSON.stringify(value));
const holdsZero = ({ low, high }: Interval): boolean => low <= 0 && high >= 0;

export const bench: Bench = {
  name: 'simulator-effects',
  describe:
    'planted effects recovered from logs of frozen worlds, false positives in null worlds [--seeds N] [--only <effect>]',
  async run(args) {
    const { values } = parseArgs({
      args,
      options: { seeds: { type: 'string', default: '8' }, only: { type: 'string', default: '' } },
    });
    const seeds = Array.from({ length: Number(values.seeds) }, (_, k) => FIRST_SEED + k);
    const lines: BenchLine[] = [];
    let wrong = 0;
    let n = 0;
    for (const [what, frozen] of Object.entries(FROZEN_EFFECTS)) {
      if (!what.startsWith(values.only)) continue;
      const { planted, absent, days, change } = frozen;
      process.stderr.write(`${what}\n`);
      const there = seeds.map((seed) => effectIn(frozen, planted, seed));
      const none = seeds.map((seed) => effectIn(frozen, absent, seed));
      const found = there.filter(({ low }) => low > 0).length;
      const errors = none.filter((interval) => !holdsZero(interval)).length;
      wrong += errors;
      n += seeds.length;
      lines.push({
        figure: `found: ${what}`,
        value: found,
        data: `${planted} and ${absent}, ${days} days, ${seeds.length} seeds from ${FIRST_SEED}${change ? ', without a wish' : ''}`,
        n: seeds.length,
        extra: json({ falsePositives: errors, planted: there, absent: none }),
      });
    }
    lines.push({
      figure: 'intervals of null worlds without 0, expected 1 in 100',
      value: wrong,
      data: `null worlds, seeds from ${FIRST_SEED}`,
      n,
    });
    return lines;
  },
};
