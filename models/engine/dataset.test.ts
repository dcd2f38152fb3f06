import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SafetensorsFile, writeSafetensors } from '../../lib/safetensors.ts';
import { useBackend } from './backend.ts';
import { tensorBatches } from './batch-tensors.ts';
import { Dataset } from './dataset.ts';
import { TEST_DATES, writeTestTensors } from './test-tensors.ts';
import type { InputSpec } from './types.ts';

const inputs: Record<string, InputSpec> = {
  sample: { dtype: 'int32', shape: [] },
  date: { dtype: 'int32', shape: [] },
};

let folder: string;

beforeAll(async () => {
  await useBackend('cpu');
  folder = await mkdtemp(join(tmpdir(), 'edgeloom-dataset-'));
  await writeTestTensors(folder, 700);
});
afterAll(async () => rm(folder, { recursive: true, force: true }));

async function order(
  dataset: Dataset,
  options: { batchSize: number; shuffle?: { seed: number; epoch: number }; skip?: number },
): Promise<string[]> {
  const seen: string[] = [];
  for await (const { tensors, rows } of tensorBatches(dataset, inputs, options)) {
    const samples = tensors.sample!.dataSync();
    const dates = tensors.date!.dataSync();
    expect(samples.length).toBe(rows);
    samples.forEach((sample, i) => {
      seen.push(`${dates[i]}/${sample}`);
    });
    tf.dispose(tensors);
  }
  return seen;
}

describe('dataset', () => {
  it('visits every row once per epoch, in another order each epoch, the same for equal seeds', async () => {
    const dataset = await Dataset.open(folder, 'rerank', TEST_DATES.slice(0, 2));
    const plain = await order(dataset, { batchSize: 100 });
    const first = await order(dataset, { batchSize: 100, shuffle: { seed: 1, epoch: 0 } });
    const again = await order(dataset, { batchSize: 100, shuffle: { seed: 1, epoch: 0 } });
    const second = await order(dataset, { batchSize: 100, shuffle: { seed: 1, epoch: 1 } });
    expect(plain.length).toBe(1400);
    expect(new Set(first)).toEqual(new Set(plain));
    expect(first.length).toBe(1400);
    expect(again).toEqual(first);
    expect(second).not.toEqual(first);
    // The two dates are mixed within a batch.
    expect(new Set(first.slice(0, 100).map((row) => row.split('/')[0])).size).toBe(2);
    await dataset.close();
  });

  it('goes on in the middle of an epoch with the very rows that are left', async () => {
    const dataset = await Dataset.open(folder, 'rerank');
    const shuffle = { seed: 3, epoch: 2 };
    const whole = await order(dataset, { batchSize: 64, shuffle });
    for (const skip of [0, 1, 7, 32, 33]) {
      expect(await order(dataset, { batchSize: 64, shuffle, skip })).toEqual(
        whole.slice(skip * 64),
      );
    }
    await dataset.close();
  });

  it('cuts labels to the shortest length that holds them all, losing no row and no label', async () => {
    const dataset = await Dataset.open(folder, 'rerank', [TEST_DATES[0]!]);
    const specs: Record<string, InputSpec> = {
      ...inputs,
      label_mask: { dtype: 'float32', shape: [6] },
      label_click: { dtype: 'float32', shape: [6] },
    };
    const cut = { mask: 'label_mask', columns: ['label_mask', 'label_click'], lengths: [3, 6] };
    const whole = await dataset.readColumns(['label_mask', 'label_click']);
    const seen: number[] = [];
    const lengths = new Set<number>();
    let labels = 0;
    const shuffle = { seed: 1, epoch: 0 };
    for await (const { tensors } of tensorBatches(dataset, specs, {
      batchSize: 50,
      shuffle,
      cut,
    })) {
      const [, length] = tensors.label_mask!.shape as [number, number];
      lengths.add(length);
      const samples = tensors.sample!.dataSync();
      const clicks = tensors.label_click!.dataSync();
      labels += tf.sum(tensors.label_mask!).dataSync()[0]!;
      samples.forEach((sample, i) => {
        seen.push(sample);
        const expected = whole.label_click!.data.slice(sample * 6, sample * 6 + length);
        expect(clicks.slice(i * length, (i + 1) * length)).toEqual(expected);
      });
      tf.dispose(tensors);
    }
    expect([...lengths].sort()).toEqual([3, 6]);
    expect(seen.sort((a, b) => a - b)).toEqual(Array.from({ length: 700 }, (_, i) => i));
    const mask = Array.from(whole.label_mask!.data);
    expect(labels).toBe(mask.reduce((sum, value) => sum + value, 0));
    await dataset.close();
  });

  it('expands action indexes to multi-hot vectors, none where actions are unknown', async () => {
    const dataset = await Dataset.open(folder, 'rerank', [TEST_DATES[0]!]);
    const columns = await dataset.readColumns(['exp_action', 'exp_known', 'exp_decay', 'exp_mask']);
    const specs: Record<string, InputSpec> = {
      exp_action: { dtype: 'float32', shape: [5, 7], validity: 'exp_known' },
      exp_decay: { dtype: 'float32', shape: [5, 3], validity: 'exp_mask' },
    };
    let row = 0;
    for await (const { tensors, rows } of tensorBatches(dataset, specs, { batchSize: 256 })) {
      const action = tensors.exp_action!.dataSync();
      const decay = tensors.exp_decay!.dataSync();
      for (let i = 0; i < rows * 5; i++) {
        const at = row * 5 + i;
        const expected = new Float32Array(7);
        if (columns.exp_known!.data[at] === 1) {
          expected[columns.exp_action!.data[at * 2]!] = 1;
          expected[columns.exp_action!.data[at * 2 + 1]!] = 1;
        }
        expect(action.slice(i * 7, i * 7 + 7)).toEqual(expected);
        const bucket = new Float32Array(3);
        if (columns.exp_mask!.data[at] === 1) bucket[columns.exp_decay!.data[at]!] = 1;
        expect(decay.slice(i * 3, i * 3 + 3)).toEqual(bucket);
      }
      row += rows;
      tf.dispose(tensors);
    }
    expect(row).toBe(700);
    await dataset.close();
  });

  it('names the dates that are not there', async () => {
    await expect(Dataset.open(folder, 'rerank', ['2026-09-09'])).rejects.toThrow(/2026-09-09/);
    await expect(Dataset.open(folder, 'decisions')).rejects.toMatchObject({ code: 'no-samples' });
  });

  it('refuses an index that is outside its table and says where it is', async () => {
    const broken = await mkdtemp(join(tmpdir(), 'edgeloom-dataset-'));
    try {
      await writeTestTensors(broken, 300);
      const path = join(broken, 'rerank', `${TEST_DATES[0]}.safetensors`);
      const file = await SafetensorsFile.open(path);
      const columns = await file.readAll();
      await file.close();
      columns.cand_item!.data[6 * 270] = 40;
      await writeSafetensors(path, columns);
      const dataset = await Dataset.open(broken, 'rerank', [TEST_DATES[0]!]);
      const specs: Record<string, InputSpec> = { cand_item: { dtype: 'int32', shape: [6] } };
      const read = async () => {
        for await (const { tensors } of tensorBatches(dataset, specs, { batchSize: 64 }))
          tf.dispose(tensors);
      };
      await expect(read()).rejects.toThrow(/cand_item holds 40 in row 270/);
      const short: Record<string, InputSpec> = { cand_item: { dtype: 'int32', shape: [7] } };
      const readShort = async () => {
        for await (const { tensors } of tensorBatches(dataset, short, { batchSize: 64 }))
          tf.dispose(tensors);
      };
      await expect(readShort()).rejects.toMatchObject({ code: 'bad-samples' });
      await dataset.close();
    } finally {
      await rm(broken, { recursive: true, force: true });
    }
  });
});
