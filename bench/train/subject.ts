/**
 * Our side of the bench: a process that trains one model, compiled or eager.
 *   {"do": "open", "model", "rows", "folder", "form"}  → {"loss"} of the first step, {"info", "setupMs", "setupCpuMs"} when compiled
 *   {"do": "steps", "count"}                           → {"wallMs", "cpuMs", "loss"} of all of them
 *   {"do": "memory"}                                   → {"rssMb", "tensors", "tensorMb"}
 */
import { createInterface } from 'node:readline';
import * as tf from '@tensorflow/tfjs';
import { type AdamForm, compileTraining } from '../../compiler/tensorflow/index.ts';
import { composeLayers } from '../../compiler/trace/raw-op.ts';
import { useBackend } from '../../models/engine/backend.ts';
import { batchInputs } from '../../models/engine/compiled-trainer.ts';
import { EagerTrainer } from '../../models/engine/eager-trainer.ts';
import type { Tensors } from '../../models/engine/types.ts';
import { readTraining } from './data.ts';
import { benchModel, type ModelName } from './subject-models.ts';

interface OpenCommand {
  do: 'open';
  model: ModelName;
  rows: number;
  folder: string;
  /** `eager`: our eager training. `tfjs`: `tf.train.adam`, layers composed of tfjs's own operations. */
  form: AdamForm | 'eager' | 'tfjs';
}
type Command = OpenCommand | { do: 'steps'; count: number } | { do: 'memory' };

const LEARNING_RATE = 0.001;
/** Our eager training always clips; no gradient is as long as this. */
const NO_CLIPPING = 1e30;

let update: (batch: Tensors) => number = () => Number.NaN;
let batches: Tensors[] = [];
let done = 0;
const step = (): number => update(batches[done++ % batches.length]!);

async function open({ model: name, rows, folder, form }: OpenCommand): Promise<object> {
  await useBackend('tensorflow');
  const { model } = benchModel(name, rows);
  const training = await readTraining(folder, model);
  batches = training.batches;
  const { weights } = training;
  if (form === 'tfjs') {
    composeLayers();
    const variables = Object.entries(weights).map(([key, weight]) => [key, tf.variable(weight)]);
    const all: Tensors = Object.fromEntries(variables);
    const optimizer = tf.train.adam(LEARNING_RATE);
    update = (batch) => {
      const loss = optimizer.minimize(() => model.loss(all, batch) as tf.Scalar, true)!;
      const [value] = loss.dataSync();
      loss.dispose();
      return value!;
    };
    return { loss: step() };
  }
  if (form === 'eager') {
    const options = { learningRate: LEARNING_RATE, clipNorm: NO_CLIPPING };
    const trainer = new EagerTrainer(model, weights, options);
    update = (batch) => trainer.update(batch);
    return { loss: step() };
  }
  const started = performance.now();
  const before = process.cpuUsage();
  const compiled = await compileTraining({
    ...batchInputs(model),
    name,
    weights,
    loss: (batch, all) => model.loss(all, batch),
    learningRate: LEARNING_RATE,
    adam: form,
  });
  update = (batch) => compiled.step(batch);
  const loss = step();
  const setupMs = performance.now() - started;
  return { loss, info: compiled.info, setupMs, setupCpuMs: cpuSince(before) };
}

function cpuSince(before: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1e3;
}

function steps(count: number): object {
  const before = process.cpuUsage();
  const started = performance.now();
  let loss = Number.NaN;
  for (let i = 0; i < count; i++) loss = step();
  const wallMs = performance.now() - started;
  return { wallMs, cpuMs: cpuSince(before), loss };
}

function memory(): object {
  const { numTensors, numBytes } = tf.memory();
  return {
    rssMb: process.memoryUsage.rss() / 2 ** 20,
    tensors: numTensors,
    tensorMb: numBytes / 2 ** 20,
  };
}

for await (const line of createInterface(process.stdin)) {
  const command = JSON.parse(line) as Command;
  let answer: object;
  if (command.do === 'open') answer = await open(command);
  else if (command.do === 'steps') answer = steps(command.count);
  else answer = memory();
  console.log(JSON.stringify(answer));
}
process.exit(0);
