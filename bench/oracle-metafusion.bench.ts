/** MetaFusion on fresh seeds: what cohorts and a fresher day gain, and whether it vanishes in null worlds. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { useBackend } from '../models/engine/backend.ts';
import { shareOfOracle } from '../simulator/oracle.ts';
import { FRESH_SEEDS } from './oracle/fresh-world.ts';
import { metafusionIn } from './oracle/metafusion-world.ts';
import type { Bench, BenchLine } from './types.ts';

/** ΔGAUC that is reported, and in which null world it must vanish. */
const CLAIMS = {
  'allUsers − meta': { what: 'a fresher day', absent: 'null-no-drift' },
  'fineTuned − allUsers': { what: 'cohorts', absent: 'null-no-cohorts' },
  'fused − allUsers': { what: 'cohorts, gated', absent: 'null-no-cohorts' },
  'fused − meta': { what: 'all of it', absent: undefined },
} as const;

const WORLDS = ['default', 'null-no-drift', 'null-no-cohorts'] as const;

export const bench: Bench = {
  name: 'oracle-metafusion',
  describe:
    'MetaFusion on fresh seeds: a fresher day and cohorts, with and without drift and cohorts [--users N] [--seeds a,b] [--work DIR]',
  async run(args) {
    const { values } = parseArgs({
      args,
      options: {
        users: { type: 'string', default: '3000' },
        seeds: { type: 'string', default: String(FRESH_SEEDS[0]) },
        work: { type: 'string' },
      },
    });
    await useBackend('tensorflow');
    const users = Number(values.users);
    const workDir = values.work ?? (await mkdtemp(join(tmpdir(), 'edgeloom-oracle-')));
    const lines: BenchLine[] = [];
    try {
      for (const seed of values.seeds.split(',').map(Number)) {
        for (const world of WORLDS) {
          const gains = await metafusionIn({ world, seed, users }, workDir);
          const { rows, initial, meta, truth, differences } = gains;
          process.stderr.write(`${world}, seed ${seed}: ${JSON.stringify(gains)}\n`);
          const reach = { initial, oracle: truth };
          const common = {
            data: `simulated week of ${users} users, seed ${seed}, last day, users in a cohort`,
            n: rows,
          };
          lines.push({
            figure: `share of the oracle's GAUC, W_m, ${world}`,
            value: shareOfOracle(meta, reach),
            ...common,
            extra: { gauc: { initial, meta, truth }, users: gains.users },
          });
          for (const [pair, { what, absent }] of Object.entries(CLAIMS)) {
            const { value, low, high } = differences[pair]!;
            // A difference of GAUC over what the truth has more than the initial order.
            const share = (gain: number) => shareOfOracle(initial + gain, reach);
            lines.push({
              figure: `share of the oracle's GAUC, ${pair} (${what}), ${world}`,
              value: share(value),
              ...(absent === world ? { target: 'interval holds 0' } : {}),
              ...common,
              extra: { low: share(low), high: share(high), gauc: { value, low, high } },
            });
          }
        }
      }
      return lines;
    } finally {
      if (values.work === undefined) await rm(workDir, { recursive: true, force: true });
    }
  },
};
