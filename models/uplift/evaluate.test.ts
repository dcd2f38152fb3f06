import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { useBackend } from '../engine/backend.ts';
import { loadWeights, readDescription, saveCheckpoint } from '../engine/checkpoint.ts';
import { availableBackends } from '../engine/test-backends.ts';
import { evaluateUplift, type UpliftMetrics } from './evaluate.ts';
import { DATES, writeTestDecisions } from './test-decisions.ts';
import { trainUplift } from './train.ts';

const backends = await availableBackends();

describe('uplift from decisions to metrics', () => {
  let folder: string;
  beforeAll(async () => {
    await useBackend(backends.at(-1)!);
    folder = await mkdtemp(join(tmpdir(), 'edgeloom-uplift-'));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  async function measure(name: string, effect: number): Promise<UpliftMetrics> {
    const tensorsDir = join(folder, name);
    await writeTestDecisions(tensorsDir, 900, effect);
    const stateDir = join(folder, name, 'state');
    await mkdir(stateDir);
    const days = { trainDates: DATES.slice(0, 1), validDate: DATES[1]! };
    const checkpointDir = join(folder, name, 'checkpoint');
    await trainUplift({
      ...days,
      tensorsDir,
      stateDir,
      outDir: checkpointDir,
      config: { hidden: 4, mlp: [8] },
      params: { epochs: 6, batchSize: 64, learningRate: 0.03 },
    });
    const outDir = join(folder, name, 'metrics');
    const rest = { testDate: DATES[2]!, budget: 0.25, seed: 1, replicates: 100 };
    return evaluateUplift({ ...days, ...rest, tensorsDir, checkpointDir, outDir });
  }

  it('finds a planted effect, beats chance and the greedy rule, and keeps its budget', async () => {
    const metrics = await measure('effect', 1.5);
    expect(metrics.verdict).toEqual({ beatsRandom: true, beatsGreedy: true });
    expect(metrics.rows).toBe(900);
    expect(metrics.users).toBe(225);
    const [best, worst] = [metrics.deciles[0]!, metrics.deciles.at(-1)!];
    expect(best.uplift).toBeGreaterThan(0.1);
    expect(worst.uplift).toBeLessThan(-0.1);
    // Values cluster by the four contexts, so ties may leave part of the budget unused.
    expect(metrics.threshold.used).toBeLessThanOrEqual(0.25);
    expect(metrics.budget.used).toBeGreaterThan(0.1);
    expect(metrics.budget.used).toBeLessThan(0.4);
    expect(metrics.budget.effectAbove!).toBeGreaterThan(metrics.budget.effectBelow!);
    expect(metrics.curve[0]).toEqual([0, 0]);
    expect(metrics.curve.at(-1)![0]).toBe(1);
    expect(metrics.mseTransformed.model).toBeLessThan(metrics.mseTransformed.constant);
    const file = await readFile(join(folder, 'effect/metrics/metrics.json'), 'utf8');
    expect(JSON.parse(file)).toEqual(metrics);
  });

  it('claims nothing when requests do nothing', async () => {
    const metrics = await measure('null', 0);
    expect(metrics.verdict).toEqual({ beatsRandom: false, beatsGreedy: false });
    expect(metrics.ate.low).toBeLessThan(0);
    expect(metrics.ate.high).toBeGreaterThan(0);
  });

  it('can take over the id tables of another checkpoint and leaves them as they are', async () => {
    const source = join(folder, 'effect/checkpoint');
    const description = await readDescription(source);
    const reranker = join(folder, 'reranker');
    const tables = {
      'embedding/item': {
        shape: [20, 3],
        data: Float32Array.from({ length: 60 }, (_, i) => i / 60),
      },
    };
    const fields = [{ name: 'item', rows: 20, width: 3 }];
    await saveCheckpoint(reranker, { ...description, config: { fields } }, tables, []);
    const stateDir = join(folder, 'shared-state');
    await mkdir(stateDir);
    const outDir = join(folder, 'shared');
    await trainUplift({
      tensorsDir: join(folder, 'effect'),
      trainDates: DATES.slice(0, 1),
      validDate: DATES[1]!,
      stateDir,
      outDir,
      tablesFrom: reranker,
      config: { hidden: 4, mlp: [4] },
      params: { epochs: 1, batchSize: 256 },
    });
    const weights = await loadWeights(outDir);
    expect([...weights['embedding/item']!.dataSync()]).toEqual([...tables['embedding/item'].data]);
    const { config } = await readDescription(outDir);
    expect(config.fields).toEqual(fields);
  });
});
