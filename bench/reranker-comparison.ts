/** Trains rerankers and baselines on a tensors folder and compares them on its last day. */
import { join } from 'node:path';
import { useBackend } from '../models/engine/backend.ts';
import { datesOf } from '../models/engine/dataset.ts';
import { evaluateReranker, type RerankerMetrics } from '../models/evaluate-reranker.ts';
import type { EvaluationReport } from '../models/metrics/evaluate.ts';
import { trainModel } from '../models/train-model.ts';
import { splitDates } from './tensors-from-logs.ts';
import type { BenchLine } from './types.ts';

export interface Comparison {
  metrics: RerankerMetrics;
  /** Wall time of each training, seconds. */
  seconds: Record<string, number>;
}

/** @param models names in the registry; the first is compared with all others */
export async function compareRerankers(
  tensorsDir: string,
  workDir: string,
  models: string[],
  say: (line: string) => void,
): Promise<Comparison> {
  await useBackend('tensorflow');
  const { trainDates, validDate, testDate } = splitDates(await datesOf(tensorsDir, 'rerank'));
  const checkpoints: Record<string, string> = {};
  const seconds: Record<string, number> = {};
  for (const model of models) {
    const started = performance.now();
    const outDir = join(workDir, model, 'checkpoint');
    const stateDir = join(workDir, model, 'state');
    const summary = await trainModel(
      { model, tensorsDir, trainDates, validDate, stateDir, outDir },
      { onProgress: ({ message }) => message.includes('update') || say(`${model}: ${message}`) },
    );
    seconds[model] = (performance.now() - started) / 1000;
    say(`${model}: best epoch ${summary.bestEpoch + 1}, ${seconds[model]?.toFixed(0)} s`);
    checkpoints[model] = outDir;
  }
  const outDir = join(workDir, 'evaluation');
  return {
    metrics: await evaluateReranker({ tensorsDir, testDate, checkpoints, outDir }),
    seconds,
  };
}

/** One line per scorer with its metrics, and one per paired difference in GAUC and AUC. */
export function comparisonLines(
  report: EvaluationReport,
  data: string,
  targets: Record<string, string> = {},
): BenchLine[] {
  const n = report.rows;
  const lines: BenchLine[] = Object.entries(report.models).map(([name, metrics]) => ({
    figure: `GAUC per slate, ${name}`,
    value: metrics.gauc!.value,
    data,
    n,
    extra: JSON.parse(JSON.stringify(metrics)),
  }));
  for (const [pair, metrics] of Object.entries(report.differences)) {
    const target = targets[pair];
    lines.push({
      figure: `GAUC difference, ${pair}`,
      value: metrics.gauc!.value,
      ...(target === undefined ? {} : { target }),
      data,
      n,
      extra: JSON.parse(JSON.stringify({ gauc: metrics.gauc, auc: metrics.auc })),
    });
  }
  return lines;
}
