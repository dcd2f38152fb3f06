/** Starts the processes that a figure compares. */
import { fileURLToPath } from 'node:url';
import type { AdamForm, CompileInfo } from '../../compiler/tensorflow/index.ts';
import { TrainingProcess } from './process.ts';
import type { ModelName } from './subject-models.ts';

/** What a subject trains and where its file is. */
export interface Subject {
  model: ModelName;
  /** Of the table of items. */
  rows: number;
  folder: string;
}

export interface Opened {
  process: TrainingProcess;
  /** Of the first step. */
  loss: number;
  /** Compiled ones only. */
  info?: CompileInfo;
  setupMs?: number;
  setupCpuMs?: number;
}

/** Threads within an operation; how many operations run at once is tried. */
const INTRA = '2';
const threads = (inter: number) => ({
  TF_NUM_INTRAOP_THREADS: INTRA,
  TF_NUM_INTEROP_THREADS: String(inter),
  TF_CPP_MIN_LOG_LEVEL: '2',
});

const pathOf = (name: string): string => fileURLToPath(new URL(name, import.meta.url));

async function opened(process: TrainingProcess, command: Record<string, unknown>): Promise<Opened> {
  const answer = await process.ask<Omit<Opened, 'process'>>({ do: 'open', ...command });
  return { process, ...answer };
}

export function openOurs(subject: Subject, form: AdamForm | 'eager' | 'tfjs', inter: number) {
  const process = new TrainingProcess({
    name: `${form}, ${inter} at once`,
    program: globalThis.process.execPath,
    args: ['--import', 'tsx', pathOf('subject.ts')],
    env: threads(inter),
  });
  return opened(process, { ...subject, form });
}

export interface KerasForm {
  /** As Keras's own `GRU` has by default, or with one bias. */
  reset_after: boolean;
  /** Steps one after another in the graph, in place of a loop. */
  unroll: boolean;
  optimizer: 'keras' | 'legacy';
}

/** @param python with TensorFlow and Keras */
export function openKeras(python: string, subject: Subject, form: KerasForm, inter: number) {
  const { reset_after, unroll, optimizer } = form;
  const process = new TrainingProcess({
    name: `Keras ${optimizer} Adam${reset_after ? ', reset after' : ''}${unroll ? ', unrolled' : ''}, ${inter} at once`,
    program: python,
    args: ['-B', pathOf('../python/train_peer.py')],
    env: { ...threads(inter), PYTHONPATH: pathOf('../../infra/python/shared') },
  });
  return opened(process, { ...subject, ...form });
}
