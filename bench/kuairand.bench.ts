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

/**
 * Tabs with 1,000 rows or more on 30 April whose click rate is not constant. Half of tab 6's 1,326
 * rows repeat another one: 661 exposures.
 */
const TABS = ['1', '0', '6', '4'];

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
      await importKuairand({ sourceDir, outDir: logs });
    }
    const tensorsDir = values.tensors ?? (await tensorsFromLogs(logs, workDir));
    const say = (line: string) => process.stderr.write(`${line}\n`);
    const models = ['reranker', 'dnn'];
    const { metrics } = await compareRerankers(tensorsDir, workDir, models, say);
    const lines: BenchLine[] = comparisonLines(
      metrics.overall,
      'KuaiRand-Pure slice, 30 April, all tabs',
    );
    for (const tab of TABS) {
      const report = metrics.byScene[tab];
      if (!report) continue;
      lines.push(...comparisonLines(report, `KuaiRand-Pure slice, 30 April, tab ${tab}`));
    }
    return lines;
  },
};
