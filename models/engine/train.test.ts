import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as tf from '@tensorflow/tfjs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { dnnConfigFor, dnnModel } from '../baselines/dnn.ts';
import { rerankerConfigFor, rerankerModel } from '../reranker/model.ts';
import { type TrainModelInput, trainModel } from '../train-model.ts';
import { adamStart, adamUpdate } from './adam.ts';
import { useBackend } from './backend.ts';
import { tensorBatches } from './batch-tensors.ts';
import { Dataset } from './dataset.ts';
import type { Features } from './features.ts';
import { eagerScorer } from './scorer.ts';
import { availableBackends } from './test-backends.ts';
import { TEST_DATES, writeTestTensors } from './test-tensors.ts';
import { type TrainInput, train, trainParams, type Validation } from './train.ts';
import { lossValidation } from './validation.ts';

const backends = await availableBackends();
const backend = backends.at(-1)!;
let folder: string;
let tensorsDir: string;

beforeAll(async () => {
  await useBackend(backend);
  folder = await mkdtemp(join(tmpdir(), 'edgeloom-train-'));
  tensorsDir = join(folder, 'tensors');
  await writeTestTensors(tensorsDir, 400);
});
afterAll(async () => rm(folder, { recursive: true, force: true }));

const small = {
  config: { hidden: 8, attention: 8, mlp: [8] },
  params: { epochs: 3, batchSize: 64, checkpointEvery: 3 },
};

function input(name: string, overrides: Partial<TrainModelInput> = {}): TrainModelInput {
  return {
    model: 'reranker',
    tensorsDir,
    trainDates: [TEST_DATES[0]!],
    validDate: TEST_DATES[1]!,
    ...small,
    stateDir: join(folder, name, 'state'),
    outDir: join(folder, name, 'checkpoint'),
    ...overrides,
  };
}

async function checkpointBytes(name: string): Promise<string[]> {
  const files = ['weights.safetensors', 'model.json', 'history.json'];
  return Promise.all(
    files.map(async (file) =>
      (await readFile(join(folder, name, 'checkpoint', file))).toString('base64'),
    ),
  );
}

describe('adam', () => {
  it('makes the update that tfjs makes and scales long gradients', () => {
    const weight = tf.variable(tf.tensor1d([0.5, -1, 2]));
    const optimizer = tf.train.adam(0.1);
    let state = adamStart(tf.tensor1d([0.5, -1, 2]));
    for (let step = 0; step < 20; step++) {
      const gradient = tf.tensor1d([0.3 * step, -0.2, 1]);
      optimizer.applyGradients([{ name: weight.name, tensor: gradient }]);
      state = adamUpdate(state, gradient, { learningRate: 0.1, clipNorm: 1e9 });
    }
    const expected = Array.from(weight.dataSync());
    // Apart by tfjs's float32 powers of β, after moves of 20 · 0.1.
    Array.from(state.weights.dataSync()).forEach((value, i) => {
      expect(Math.abs(value - expected[i]!)).toBeLessThan(3e-5);
    });
    // m after one step is 0.1 · g; a gradient (3, 4) of norm 5 is scaled to norm 1.
    const clipped = adamUpdate(adamStart(tf.zeros([2])), tf.tensor1d([3, 4]), {
      learningRate: 1,
      clipNorm: 1,
    });
    expect(clipped.m.dataSync()[0]).toBeCloseTo(0.06, 6);
    expect(clipped.m.dataSync()[1]).toBeCloseTo(0.08, 6);
    // Without a gradient only the decay moves: 2 · (1 − 0.1 · 0.5) = 1.9.
    const decay = { learningRate: 0.1, clipNorm: 1, weightDecay: 0.5 };
    const decayed = adamUpdate(adamStart(tf.tensor1d([2])), tf.zeros([1]), decay);
    expect(decayed.weights.dataSync()[0]).toBeCloseTo(1.9, 6);
  });
});

// Generous: a cold start of TensorFlow in a child process takes seconds on a busy machine.
describe('training', { timeout: 300_000 }, () => {
  it('learns what the samples hold, and more with actions than without', async () => {
    const params = { epochs: 5, patience: 5, batchSize: 128, learningRate: 0.02 };
    const big = join(folder, 'big');
    await writeTestTensors(big, 1500);
    const full = await trainModel(input('full', { tensorsDir: big, params }));
    const blind = await trainModel(
      input('blind', { tensorsDir: big, params, model: 'reranker-no-actions' }),
    );
    const dnn = await trainModel(
      input('dnn', { tensorsDir: big, params, model: 'dnn', config: { mlp: [16] } }),
    );
    expect(dnn.valid.gauc).toBeGreaterThan(0.58);
    expect(full.valid.logLoss).toBeLessThan(blind.valid.logLoss! - 0.01);
  });

  it('ends with the same bytes when it is aborted in the middle of an epoch and started again', async () => {
    await trainModel(input('undisturbed'));
    const abort = new AbortController();
    let updates = 0;
    const onProgress = ({ message }: { message: string }) => {
      if (message.includes('update') && ++updates === 9) abort.abort(new Error('stop'));
    };
    await expect(
      trainModel(input('aborted'), { signal: abort.signal, onProgress }),
    ).rejects.toThrow('stop');
    const messages: string[] = [];
    await trainModel(input('aborted'), { onProgress: ({ message }) => messages.push(message) });
    expect(messages).toContain('resumed at update 9');
    expect(await checkpointBytes('aborted')).toEqual(await checkpointBytes('undisturbed'));
  });

  it('ends with the same bytes after a kill that leaves no time to save', async () => {
    const request = join(folder, 'request.json');
    await writeFile(request, JSON.stringify({ backend, input: input('killed') }));
    await mkdir(join(folder, 'killed'), { recursive: true });
    const script = fileURLToPath(new URL('./test-train-child.ts', import.meta.url));
    const run = async (killAfter: number): Promise<void> => {
      const child = spawn(process.execPath, ['--import', 'tsx', script, request], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      let updates = 0;
      child.stdout.on('data', (chunk: Buffer) => {
        updates += chunk.toString().split('\n').length - 1;
        if (updates >= killAfter) child.kill('SIGKILL');
      });
      await once(child, 'exit');
    };
    await run(5);
    await run(6);
    await run(Number.POSITIVE_INFINITY);
    await trainModel(input('undisturbed-2'));
    expect(await checkpointBytes('killed')).toEqual(await checkpointBytes('undisturbed-2'));
  });

  it('starts over when the checkpoint belongs to other parameters', async () => {
    const messages: string[] = [];
    const params = { ...small.params, epochs: 1 };
    await trainModel(input('changed', { params }));
    const other = { ...params, learningRate: 0.02 };
    await trainModel(input('changed', { params: other }), {
      onProgress: (p) => messages.push(p.message),
    });
    expect(messages.filter((message) => message.startsWith('resumed'))).toEqual([]);
  });

  it('stops when validation no longer improves and keeps the best weights', async () => {
    const { dataset, trainInput } = await dnnTraining('early');
    // The third epoch is the best; patience 2 ends after the fifth.
    const scores = [0.5, 0.4, 0.3, 0.35, 0.31, 0.1];
    let epoch = 0;
    const kept: number[] = [];
    const validation: Validation = {
      metric: 'loss',
      better: 'lower',
      evaluate: async (scorer) => {
        for await (const { tensors } of tensorBatches(dataset, scorer.inputs, { batchSize: 400 })) {
          kept.push(scorer.loss(tensors));
          tf.dispose(tensors);
        }
        return { loss: scores[epoch++]! };
      },
    };
    const result = await train({
      ...trainInput,
      validation,
      params: { ...trainInput.params, epochs: 6 },
    });
    expect(result.history.length).toBe(5);
    expect(result.bestEpoch).toBe(2);
    const weights = tf.tidy(() =>
      Object.fromEntries(
        Object.entries(result.weights).map(([name, { data, shape }]) => [
          name,
          tf.keep(tf.tensor(data as Float32Array, shape)),
        ]),
      ),
    );
    const { evaluate } = lossValidation(dataset, 400);
    const { loss } = await evaluate(eagerScorer(trainInput.model, weights), {});
    expect(loss).toBeCloseTo(kept[2]!, 5);
    expect(loss).not.toBeCloseTo(kept[4]!, 5);
    await dataset.close();
  });

  it.each([
    ['dnn', (features: Features) => dnnModel(dnnConfigFor(features, { mlp: [8] }))],
    ['reranker', (features: Features) => rerankerModel(rerankerConfigFor(features, small.config))],
  ])('holds no more tensors after many updates than after few (%s)', async (name, create) => {
    const { dataset, trainInput } = await dnnTraining(`memory-${name}`);
    const model = create(dataset.features);
    const validation = lossValidation(dataset, 64);
    const counts: number[] = [];
    await train(
      { ...trainInput, model, validation },
      {
        onProgress: ({ message }) => {
          if (message.includes('update')) counts.push(tf.memory().numTensors);
        },
      },
    );
    expect(counts.length).toBeGreaterThan(15);
    expect(new Set(counts).size).toBe(1);
    await dataset.close();
  });

  it('says where the loss stopped being a number', async () => {
    const { dataset, trainInput } = await dnnTraining('diverged');
    const broken = {
      ...trainInput.model,
      loss: (weights: Record<string, tf.Tensor>, batch: Record<string, tf.Tensor>) =>
        tf.mul(trainInput.model.loss(weights, batch), Number.NaN) as tf.Scalar,
    };
    await expect(train({ ...trainInput, model: broken })).rejects.toMatchObject({
      code: 'training-diverged',
      where: 'epoch 1, update 1',
    });
    await dataset.close();
  });

  it('fine-tunes from given weights', async () => {
    const { dataset, trainInput } = await dnnTraining('tuned');
    const start = trainInput.model.init(99);
    const before = start['head/out/kernel']!.dataSync()[0]!;
    const params = { ...trainInput.params, epochs: 1, learningRate: 1e-9 };
    const { weights } = await train({ ...trainInput, params, startWeights: start });
    expect(weights['head/out/kernel']!.data[0]).toBeCloseTo(before, 5);
    expect(start['head/out/kernel']!.isDisposed).toBe(false);
    await dataset.close();
  });
});

async function dnnTraining(name: string): Promise<{ dataset: Dataset; trainInput: TrainInput }> {
  const dataset = await Dataset.open(tensorsDir, 'rerank', [TEST_DATES[0]!]);
  const model = dnnModel(dnnConfigFor(dataset.features, { mlp: [8] }));
  const stateDir = join(folder, name);
  await mkdir(stateDir, { recursive: true });
  const params = trainParams.parse(small.params);
  const validation = lossValidation(dataset, 64);
  return {
    dataset,
    trainInput: { model, dataset, validation, params, stateDir, dataIdentity: 'test' },
  };
}
