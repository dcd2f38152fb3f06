/** The reranker on fresh seeds: what it reaches of the oracle, and whether its gains vanish in null worlds. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { useBackend } from '../models/engine/backend.ts';
import { FRESH_SEEDS } from './oracle/fresh-world.ts';
import { type RerankerWorld, rerankersIn } from './oracle/reranker-world.ts';
import type { Bench, BenchLine } from './types.ts';

/** A gain of the reranker over another model, and the world without the effect behind it. */
const CLAIMS = [
  { over: 'reranker-slate-blind', effect: 'slate effect', world: 'null-no-slate-effect' },
  { over: 'reranker-no-actions', effect: 'detail signal', world: 'null-no-detail-signal' },
] as const;

const KINDS = { page: 'a page that arrives', moment: 'after a click or delete' } as const;

const json = (value: object) => JSON.parse(JSON.stringify(value));

function shareLines(world: string, { kinds }: RerankerWorld, data: string): BenchLine[] {
  return Object.entries(KINDS).flatMap(([kind, what]) => {
    const { slates, initial, oracle, shares, bySeed } = kinds[kind as keyof typeof KINDS];
    return Object.entries(shares).map(([name, { value, low, high }]) => ({
      figure: `share of the oracle, ${name}, ${what}, ${world}`,
      value,
      data,
      n: slates,
      extra: json({ low, high, clicks: { initial, oracle }, bySeed: bySeed[name] }),
    }));
  });
}

export const bench: Bench = {
  name: 'oracle-reranker',
  describe:
    'rerankers on fresh seeds as shares of the oracle, in the default and in null worlds [--users N] [--seeds a,b] [--slates N] [--work DIR]',
  async run(args) {
    const { values } = parseArgs({
      args,
      options: {
        users: { type: 'string', default: '1000' },
        seeds: { type: 'string', default: String(FRESH_SEEDS[0]) },
        slates: { type: 'string', default: '150' },
        work: { type: 'string' },
      },
    });
    await useBackend('tensorflow');
    const seeds = values.seeds.split(',').map(Number);
    const workDir = values.work ?? (await mkdtemp(join(tmpdir(), 'edgeloom-oracle-')));
    const options = {
      seeds,
      users: Number(values.users),
      slates: Number(values.slates),
      workDir,
      say: (line: string) => process.stderr.write(`${line}\n`),
    };
    const data = `simulated week of ${values.users} users, seeds ${seeds.join(', ')}, last day`;
    try {
      const models = ['reranker', ...CLAIMS.map(({ over }) => over)];
      const planted = await rerankersIn('default', { ...options, models });
      const lines = shareLines('default', planted, data);
      for (const { over, effect, world } of CLAIMS) {
        const none = await rerankersIn(world, { ...options, models: ['reranker', over] });
        const pair = `reranker − ${over}`;
        for (const [name, { rows, gauc }] of [
          ['default', planted],
          [world, none],
        ] as const) {
          const { value, low, high } = gauc[pair]!;
          lines.push({
            figure: `GAUC per slate, ${pair}, ${name}`,
            value,
            target: name === 'default' ? 'interval above 0' : `interval holds 0: no ${effect}`,
            data,
            n: rows,
            extra: json({ low, high, models: { reranker: gauc.reranker, [over]: gauc[over] } }),
          });
        }
        lines.push(...shareLines(world, none, data));
      }
      return lines;
    } finally {
      if (values.work === undefined) await rm(workDir, { recursive: true, force: true });
    }
  },
};
