/** Compiled training: its speed against Keras and against eager training, and what it needs. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { ensurePython } from '../infra/python/index.ts';
import { EdgeloomError } from '../lib/errors.ts';
import { useBackend } from '../models/engine/backend.ts';
import { lazyQuality } from './train/quality.ts';
import { memoryGrowth, rerankerSetup } from './train/resources.ts';
import { againstEager, againstKeras, lazyScale, type SpeedOptions } from './train/speed.ts';
import type { Bench, BenchLine } from './types.ts';

type Part = (options: SpeedOptions) => Promise<BenchLine | BenchLine[]>;

const PARTS: Record<string, Part> = {
  recurrent: (options) =>
    againstKeras({ model: 'recurrent', batch: 512, count: 4, target: '≥ 1.2' }, options),
  mlp: (options) => againstKeras({ model: 'mlp', batch: 512, count: 20, target: '≥ 1.5' }, options),
  'mlp-2048': (options) => againstKeras({ model: 'mlp', batch: 2048, count: 8 }, options),
  'eager-recurrent': (options) => againstEager('recurrent', 512, options),
  'eager-mlp': (options) => againstEager('mlp', 512, options),
  'eager-reranker': (options) => againstEager('reranker', 128, options),
  'lazy-scale': lazyScale,
  'lazy-quality': lazyQuality,
  setup: rerankerSetup,
  memory: memoryGrowth,
};

function partOf(name: string): Part {
  const part = PARTS[name];
  if (part) return part;
  throw new EdgeloomError({
    code: 'unknown-part',
    what: `There is no part ${name}`,
    fix: `name some of ${Object.keys(PARTS).join(',')}`,
  });
}

export const bench: Bench = {
  name: 'train',
  describe: 'compiled training against Keras and eager [--parts a,b] [--rounds N]',
  async run(args) {
    const { values } = parseArgs({
      args,
      options: { parts: { type: 'string' }, rounds: { type: 'string', default: '15' } },
    });
    const parts = (values.parts?.split(',') ?? Object.keys(PARTS)).map(partOf);
    const say = (message: string) => console.error(message);
    const python = await ensurePython('tensorflow', { onProgress: ({ message }) => say(message) });
    await useBackend('tensorflow');
    const folder = await mkdtemp(join(tmpdir(), 'edgeloom-bench-'));
    const lines: BenchLine[] = [];
    try {
      for (const part of parts) {
        const made = await part({ python, folder, rounds: Number(values.rounds), say });
        lines.push(...[made].flat());
      }
    } finally {
      await rm(folder, { recursive: true });
    }
    return lines;
  },
};
