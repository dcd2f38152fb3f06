/** The uplift model on fresh seeds: true orders won under a budget, as shares of the oracle; nothing without uplift. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { useBackend } from '../models/engine/backend.ts';
import { FRESH_SEEDS } from './oracle/fresh-world.ts';
import { upliftIn } from './oracle/uplift-world.ts';
import type { Bench, BenchLine } from './types.ts';

const WORLDS = ['default', 'null-no-uplift'] as const;

export const bench: Bench = {
  name: 'oracle-uplift',
  describe:
    'the uplift model on fresh seeds as shares of the oracle, with and without uplift [--users N] [--seeds a,b] [--rollouts N] [--work DIR]',
  async run(args) {
    const { values } = parseArgs({
      args,
      options: {
        users: { type: 'string', default: '1000' },
        seeds: { type: 'string', default: FRESH_SEEDS.slice(0, 2).join() },
        rollouts: { type: 'string', default: '32' },
        work: { type: 'string' },
      },
    });
    await useBackend('tensorflow');
    const seeds = values.seeds.split(',').map(Number);
    const workDir = values.work ?? (await mkdtemp(join(tmpdir(), 'edgeloom-oracle-')));
    const options = {
      seeds,
      users: Number(values.users),
      rollouts: Number(values.rollouts),
      workDir,
      say: (line: string) => process.stderr.write(`${line}\n`),
    };
    const data = `simulated week of ${values.users} users, seeds ${seeds.join(', ')}, last day`;
    const lines: BenchLine[] = [];
    try {
      for (const world of WORLDS) {
        const { decisions, qini, budgets } = await upliftIn(world, options);
        const more = (extra: object): Pick<BenchLine, 'data' | 'n' | 'extra'> => ({
          ...{ data, n: decisions, extra: JSON.parse(JSON.stringify(extra)) },
        });
        lines.push({
          figure: `normalised Qini from the log, ${world}`,
          value: qini.value,
          target: world === 'default' ? 'interval above 0' : 'interval holds 0',
          ...more({ low: qini.low, high: qini.high }),
        });
        for (const { budget, share, gain, random, model, oracle } of budgets) {
          lines.push({
            figure: `share of the oracle, ${100 * budget} % of decisions treated, ${world}`,
            value: share?.value ?? null,
            ...(world === 'default' ? { target: 'interval above 0' } : {}),
            ...more({
              low: share?.low,
              high: share?.high,
              orders: { random, model, oracle },
              gain,
            }),
          });
        }
      }
      return lines;
    } finally {
      if (values.work === undefined) await rm(workDir, { recursive: true, force: true });
    }
  },
};
