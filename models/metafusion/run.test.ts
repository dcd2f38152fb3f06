import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SafetensorsFile, writeSafetensors } from '../../lib/safetensors.ts';
import { useBackend } from '../engine/backend.ts';
import { availableBackends } from '../engine/test-backends.ts';
import { readMetaFusionConfig, readNamed } from './files.ts';
import { type FinishInput, finishMetaFusion, type MetaFusionMetrics } from './finish.ts';
import { readCohorts, tuneCohorts } from './run.ts';
import { STATISTICS, tuneTestWeek, usersOf, WEEK, writeTestWeek } from './test-week.ts';

const ROWS = 60;
const backends = await availableBackends();

describe('MetaFusion over five days', () => {
  let folder: string;
  let input: FinishInput;
  let metrics: MetaFusionMetrics;
  const tensors = () => join(folder, 'tensors');
  const out = (name: string) => join(folder, name);
  const bytes = (name: string, file: string) => readFile(join(out(name), 'final/metafusion', file));
  const TRAINED = [
    'W_m.safetensors',
    'gate.safetensors',
    'delta-cohort-0.safetensors',
    'delta-cohort-1.safetensors',
  ];

  beforeAll(async () => {
    await useBackend(backends.at(-1)!);
    folder = await mkdtemp(join(tmpdir(), 'edgeloom-metafusion-'));
    await writeTestWeek(tensors(), ROWS);
    input = await tuneTestWeek(tensors(), out('first'));
    metrics = await finishMetaFusion(input);
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  /** Flips the labels of one day, or restores them when called again. */
  async function flipLabels(date: string): Promise<void> {
    const path = join(tensors(), 'rerank', `${date}.safetensors`);
    const file = await SafetensorsFile.open(path);
    const columns = await file.readAll();
    await file.close();
    const mask = columns.label_mask!.data;
    columns.label_click!.data.forEach((click, i, data) => {
      data[i] = mask[i] === 1 ? 1 - click : 0;
    });
    await writeSafetensors(path, columns);
  }

  it('reports every cohort and all of them together', () => {
    expect(metrics.cohorts.map((c) => [c.cohort, c.members])).toEqual([
      ['cohort-0', usersOf(ROWS) / 2],
      ['cohort-1', usersOf(ROWS) / 2],
    ]);
    expect(metrics.overall!.users).toBe(usersOf(ROWS));
    const rows = metrics.cohorts.reduce((sum, c) => sum + c.rows, 0);
    expect(metrics.overall!.rows).toBe(rows);
    for (const { gauc, differences } of metrics.cohorts) {
      const gap = gauc.fused.value - gauc.meta.value;
      expect(differences['fused − meta']!.value).toBeCloseTo(gap, 12);
    }
  });

  it('writes what a phone needs to make its own weights', async () => {
    const config = await readMetaFusionConfig(join(out('first'), 'final/metafusion'));
    expect(config.layers).toEqual([
      'attention/exposure/decay',
      'attention/exposure/key',
      'attention/exposure/query',
      'attention/exposure/vector',
      'attention/page_view/decay',
      'attention/page_view/key',
      'attention/page_view/query',
      'attention/page_view/vector',
      ...metrics.layers.filter((layer) => layer.startsWith('head/')),
    ]);
    expect(config.statistics.map(({ name }) => name)).toEqual(STATISTICS);
    const meta = await readNamed(join(out('first'), 'final/metafusion/W_m.safetensors'));
    expect(Object.keys(meta).some((name) => name.startsWith('embedding/'))).toBe(false);
    const gate = await readNamed(join(out('first'), 'final/metafusion/gate.safetensors'));
    const inputs = STATISTICS.length + config.cohorts.length;
    expect(gate['gate/hidden/kernel']!.shape).toEqual([
      inputs,
      config.layers.length * config.hidden,
    ]);
  });

  it('makes the same bytes again, and neither trains nor chooses anything on T + 2', async () => {
    const before = await Promise.all(TRAINED.map((file) => bytes('first', file)));
    await flipLabels(WEEK[4]!);
    const flipped = await finishMetaFusion(await tuneTestWeek(tensors(), out('second')));
    await flipLabels(WEEK[4]!);
    const after = await Promise.all(TRAINED.map((file) => bytes('second', file)));
    expect(after).toEqual(before);
    expect(flipped.int8).toEqual(metrics.int8);
    // The test saw the change: an AUC of flipped labels is the complement.
    expect(flipped.overall!.gauc.meta.value).toBeCloseTo(1 - metrics.overall!.gauc.meta.value, 9);
  });

  it('trains the gates on T + 1', async () => {
    await flipLabels(WEEK[3]!);
    await finishMetaFusion({ ...input, outDir: join(out('third'), 'final') });
    await flipLabels(WEEK[3]!);
    expect(await bytes('third', 'gate.safetensors')).not.toEqual(
      await bytes('first', 'gate.safetensors'),
    );
  });

  it('ships float32 changes when int8 is allowed to lose nothing at all', async () => {
    const outDir = join(out('fourth'), 'final');
    const strict = await finishMetaFusion({ ...input, maxInt8Loss: -1, outDir });
    expect(strict.int8.profile).toBe('float32');
    const delta = await readNamed(
      join(out('fourth'), 'final/metafusion/delta-cohort-0.safetensors'),
    );
    expect(Object.values(delta).every(({ data }) => data instanceof Float32Array)).toBe(true);
    expect(metrics.int8.profile).toBe('int8');
  });

  it('ends without a cohort where none is large enough: every phone keeps W_m', async () => {
    await writeTestWeek(out('few-users'), ROWS, false);
    const none = await tuneTestWeek(out('few-users'), out('none'));
    const { overall, cohorts, gate, int8, unassigned } = await finishMetaFusion(none);
    expect([overall, cohorts, gate.users, int8.gaucLoss]).toEqual([null, [], 0, null]);
    expect(unassigned).toBe(usersOf(ROWS));
    const config = await readMetaFusionConfig(join(out('none'), 'final/metafusion'));
    expect(config.cohorts).toEqual([]);
  });

  it('learns nothing from a cohort of whom too few were active: their phones keep W_m', async () => {
    const cohorts = await readCohorts(input.cohortsDir);
    const path = join(tensors(), 'rerank', `${WEEK[2]}.safetensors`);
    const original = await readFile(path);
    const file = await SafetensorsFile.open(path);
    const columns = await file.readAll();
    await file.close();
    // Day T of cohort-1 is of nine users; the least is ten.
    const few = cohorts.members['cohort-1']!.slice(0, cohorts.minUsers - 1);
    columns.user!.data.forEach((user, i, data) => {
      if (cohorts.members['cohort-1']!.includes(user)) data[i] = few[i % few.length]!;
    });
    await writeSafetensors(path, columns);
    const outDir = out('few');
    const names = ['cohort-0', 'cohort-1'];
    const params = { epochs: 2, batchSize: 16, learningRate: 0.01 };
    const tuned = await tuneCohorts({ ...input, cohorts: names, params, outDir });
    await writeFile(path, original);
    expect(tuned.map(({ active, losses }) => [active, losses.length])).toEqual([
      [cohorts.members['cohort-0']!.length, 2],
      [9, 0],
    ]);
    const changes = async (name: string): Promise<boolean> =>
      Object.values(await readNamed(join(outDir, name, 'delta.safetensors'))).some(({ data }) =>
        data.some((value) => value !== 0),
      );
    expect(await changes('cohort-0')).toBe(true);
    expect(await changes('cohort-1')).toBe(false);
    const deltaDirs = Object.fromEntries(names.map((name) => [name, join(outDir, name)]));
    const final = await finishMetaFusion({ ...input, deltaDirs, outDir: join(outDir, 'final') });
    expect(final.cohorts.map(({ relativeChange }) => relativeChange > 0)).toEqual([true, false]);
  });

  it('refuses to read, and so to release, a cohort that is smaller than the settings allow', async () => {
    const source = join(out('first'), 'final');
    const folder = out('small');
    await cp(source, folder, { recursive: true });
    const config = await readMetaFusionConfig(join(folder, 'metafusion'));
    expect(config.minUsers).toBe(10);
    config.cohorts[0]!.users = 9;
    await writeFile(join(folder, 'metafusion/config.json'), JSON.stringify(config));
    await expect(readMetaFusionConfig(join(folder, 'metafusion'))).rejects.toMatchObject({
      code: 'cohort-too-small',
    });
  });

  it('says which day has no user statistics', async () => {
    await expect(finishMetaFusion({ ...input, T2: '2026-01-06' })).rejects.toThrow(
      'no user statistics of 2026-01-06',
    );
  });
});
