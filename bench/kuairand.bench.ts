/** KuaiRand slice: days before 30 April → 30 April, within tab, paired user bootstrap. */
import { existsSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { importKuairand } from '../data/importers/kuairand.ts';
import { compareRerankers, comparisonLines } from './reranker-comparison.ts';
import { tensorsFromLogs } from './tensors-from-logs.ts';
import type { Bench, BenchLine } from './types.ts';

export const bench: Bench = {
  name: 'kuairand',
  describe:
    'the reranker against popularity and a DNN on KuaiRand [--source DIR | --tensors DIR] [--work DIR]',
  async run(args) {
    const { values } = parseArgs({
      args,
      options: {
        source: { type: 'string' },
        tensors: { type: 'string' },
        work: { type: 'string' },
      },
    });
    const workDir = values.work ?? (await mkdtemp(join(tmpdir(), 'edgeloom-kuairand-')));
    const logs = join(workDir, 'logs');
    if (!values.tensors && !existsSync(logs)) {
      const sourceDir = values.source ?? '../shared/data/kuairand-pure-slice';
      await importKuairand({ sourceDir, outDir: logs, from: '2022-04-25', to: '2022-04-30' });
    }
    const tensorsDir = values.tensors ?? (await tensorsFromLogs(logs, workDir));
    const say = (line: string) => process.stderr.write(`${line}\n`);
    const { metrics } = await compareRerankers(tensorsDir, workDir, ['reranker', 'dnn'], say);
    const lines: BenchLine[] = comparisonLines(
      metrics.overall,
      'KuaiRand-Pure slice, 30 April, all tabs',
    );
    for (const [tab, report] of Object.entries(metrics.byScene)) {
      lines.push(...comparisonLines(report, `KuaiRand-Pure slice, 30 April, tab ${tab}`));
    }
    return lines;
  },
};
