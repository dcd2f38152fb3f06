/** Simulated logs: the reranker > the same without actions > popularity, with intervals apart. */
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { compareRerankers, comparisonLines } from './reranker-comparison.ts';
import { simulatedTensors } from './tensors-from-logs.ts';
import type { Bench, BenchLine } from './types.ts';

const ORDER = ['reranker', 'reranker-no-actions', 'popularity'];

/** Intervals of about ±0.006 need some 1,500 users on the test day. */
const DEFAULT_USERS = 6000;

export const bench: Bench = {
  name: 'reranker-simulated',
  describe:
    'full reranker against no action features, popularity and a DNN [--users N | --tensors DIR] [--work DIR]',
  async run(args) {
    const { values } = parseArgs({
      args,
      options: { tensors: { type: 'string' }, users: { type: 'string' }, work: { type: 'string' } },
    });
    const workDir = values.work ?? (await mkdtemp(join(tmpdir(), 'edgeloom-bench-')));
    const users = Number(values.users ?? DEFAULT_USERS);
    const tensorsDir = values.tensors ?? (await simulatedTensors(workDir, users));
    const models = ['reranker', 'reranker-no-actions', 'dnn'];
    const say = (line: string) => process.stderr.write(`${line}\n`);
    const { metrics, seconds } = await compareRerankers(tensorsDir, workDir, models, say);
    const gauc = ORDER.map((name) => metrics.overall.models[name]!.gauc!);
    const apart = gauc.slice(1).every((estimate, i) => gauc[i]!.low > estimate.high);
    const data = 'simulated week, last day';
    const order: BenchLine = {
      figure: `${ORDER.join(' > ')} in GAUC, intervals apart`,
      value: apart ? 1 : 0,
      target: '1',
      data,
      n: metrics.overall.rows,
      extra: JSON.parse(JSON.stringify({ gauc, seconds, slates: metrics.overall.slates })),
    };
    return [order, ...comparisonLines(metrics.overall, data)];
  },
};
