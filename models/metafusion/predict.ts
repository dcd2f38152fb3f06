/** Logits of a cohort's day under weights fused per user, several sets of changes side by side. */
import * as tf from '@tensorflow/tfjs';
import { compileFunctions } from '../../compiler/tensorflow/index.ts';
import { nativeBackend } from '../../compiler/trace/raw-op.ts';
import type { RunOptions } from '../../lib/progress.ts';
import { yieldToEvents } from '../engine/predict.ts';
import type { Tensors } from '../engine/types.ts';
import { fuse } from './fused-weights.ts';
import { type GateConfig, gateInput, gates } from './gate.ts';
import type { RerankerParts } from './reranker-parts.ts';
import { batchOf, type DayRows, sliceRows, userRuns } from './rows.ts';

const BATCH_ROWS = 256;

/** Gate values of one user, in the order of the layers; undefined: no gates, so W_m. */
export type GatesOf = (user: number) => Float32Array | undefined;

/** A change of W_m and how much of it each user takes. */
export interface Variant {
  delta: Tensors;
  gatesOf: GatesOf;
}

/** W_m with its fused layers open. */
export interface FusedScorer {
  readonly layers: readonly string[];
  readonly inputs: RerankerParts['inputs'];
  /** The part that W_m decides alone. The caller disposes it. */
  encode(batch: Tensors): Tensors;
  /** Logits [B, N] of encoded slates under W_m + g ∘ ΔW. The caller disposes them. */
  logits(encoded: Tensors, delta: Tensors, gates: Float32Array): tf.Tensor;
  dispose(): void;
}

export interface FusedScorerInput {
  reranker: RerankerParts;
  /** W_m, whole; the caller keeps it as long as the scorer lives. */
  meta: Tensors;
  layers: readonly string[];
  /** Any ΔW, for its shapes. */
  delta: Tensors;
  /** Any rows, for the shapes of what is encoded. */
  day: DayRows;
}

/** Compiled where TensorFlow is there. */
export async function fusedScorer(input: FusedScorerInput): Promise<FusedScorer> {
  const { reranker, meta, layers } = input;
  const { inputs } = reranker;
  if (nativeBackend() && input.day.rows > 0) return compiledScorer(input);
  return {
    layers,
    inputs,
    encode: (batch) => tf.tidy(() => reranker.encode(meta, batch)),
    logits: (encoded, delta, own) =>
      tf.tidy(() => reranker.logits(fuse(meta, delta, layers, tf.tensor1d(own)), encoded)),
    dispose: () => undefined,
  };
}

const GATES = 'gates';
const encodedInput = (name: string): string => `encoded/${name}`;
const deltaInput = (name: string): string => `delta/${name}`;

const renamed = (tensors: Tensors, rename: (name: string) => string): Tensors =>
  Object.fromEntries(Object.entries(tensors).map(([name, tensor]) => [rename(name), tensor]));

async function compiledScorer(input: FusedScorerInput): Promise<FusedScorer> {
  const { reranker, meta, layers, delta, day } = input;
  const sample = batchOf(day, reranker.inputs, [0]);
  const encoded = tf.tidy(() => reranker.encode(meta, sample));
  const row = ([, tensor]: [string, tf.Tensor]) => tensor.shape.slice(1);
  const ofEncoded = Object.entries(encoded).map((entry) => [
    encodedInput(entry[0]),
    { shape: ['batch', ...row(entry)] },
  ]);
  const ofRows = Object.entries(reranker.inputs).map(([name, { dtype, shape }]) => [
    name,
    { dtype, shape: ['batch', ...shape] },
  ]);
  const ofDelta = Object.entries(delta).map(([name, { shape }]) => [deltaInput(name), { shape }]);
  const names = { encoded: Object.keys(encoded), delta: Object.keys(delta) };
  tf.dispose([sample, encoded]);
  const pick = (batch: Tensors, of: string[], rename: (name: string) => string): Tensors =>
    Object.fromEntries(of.map((name) => [name, batch[rename(name)]!]));
  const compiled = await compileFunctions({
    name: 'fused slates',
    weights: meta,
    inputs: {
      ...Object.fromEntries([...ofRows, ...ofEncoded, ...ofDelta]),
      [GATES]: { shape: [layers.length] },
    },
    functions: {
      encode: (batch, weights) => reranker.encode(weights, batch),
      logits: (batch, weights) => {
        const change = pick(batch, names.delta, deltaInput);
        const own = fuse(weights, change, layers, batch[GATES] as tf.Tensor1D);
        return { logits: reranker.logits(own, pick(batch, names.encoded, encodedInput)) };
      },
    },
  });
  return {
    layers,
    inputs: reranker.inputs,
    encode: (batch) => compiled.call('encode', batch),
    logits: (slates, change, own) => {
      const open = tf.tensor1d(own);
      const fed = { ...renamed(slates, encodedInput), ...renamed(change, deltaInput) };
      const { logits } = compiled.call('logits', { ...fed, [GATES]: open });
      open.dispose();
      return logits!;
    },
    dispose: () => compiled.dispose(),
  };
}

/**
 * Logits of all rows under every variant, row-major [rows, N]. What is encoded is encoded once; users
 * who follow each other with the same gates (the same array) are scored together.
 */
export async function scoreVariants<Name extends string>(
  scorer: FusedScorer,
  day: DayRows,
  variants: Record<Name, Variant>,
  { signal, onProgress }: RunOptions = {},
): Promise<Record<Name, Float32Array>> {
  const names = Object.keys(variants) as Name[];
  const out = new Map<Name, Float32Array>();
  const none = new Float32Array(scorer.layers.length);
  for (let from = 0; from < day.rows; from += BATCH_ROWS) {
    signal?.throwIfAborted();
    const rows = Math.min(BATCH_ROWS, day.rows - from);
    const batch = batchOf(day, scorer.inputs, range(from, rows));
    const encoded = scorer.encode(batch);
    const part = { ...day, user: day.user.subarray(from, from + rows), rows };
    for (const name of names) {
      const { delta, gatesOf } = variants[name];
      for (const run of sameGates(part, (user) => gatesOf(user) ?? none)) {
        const own = tf.tidy(() => sliceRows(encoded, run.from, run.to - run.from));
        const scored = scorer.logits(own, delta, run.gates);
        const logits = scored.dataSync() as Float32Array;
        const width = logits.length / (run.to - run.from);
        if (!out.has(name)) out.set(name, new Float32Array(day.rows * width));
        out.get(name)!.set(logits, (from + run.from) * width);
        tf.dispose([own, scored]);
      }
    }
    tf.dispose([batch, encoded]);
    onProgress?.({ message: `scored ${from + rows} of ${day.rows} rows` });
    await yieldToEvents();
  }
  const scores = names.map((name) => [name, out.get(name) ?? new Float32Array(0)]);
  return Object.fromEntries(scores) as Record<Name, Float32Array>;
}

interface GateRun {
  from: number;
  to: number;
  gates: Float32Array;
}

function sameGates(day: DayRows, gatesOf: (user: number) => Float32Array): GateRun[] {
  const runs: GateRun[] = [];
  for (const { user, from, to } of userRuns(day)) {
    const own = gatesOf(user);
    const last = runs.at(-1);
    if (last?.gates === own) last.to = to;
    else runs.push({ from, to, gates: own });
  }
  return runs;
}

/** Everybody takes this share of the change: 0 is W_m, 1 the changed weights. */
export function allGates(layers: readonly string[], share: 0 | 1): GatesOf {
  const same = new Float32Array(layers.length).fill(share);
  return () => same;
}

/** The gates that a phone would compute from its user's statistics. */
export function gatesOfUsers(
  gate: Tensors,
  config: GateConfig,
  cohort: number,
  statistics: (user: number) => ArrayLike<number> | undefined,
): GatesOf {
  const known = new Map<number, Float32Array | undefined>();
  return (user) => {
    if (known.has(user)) return known.get(user);
    const own = statistics(user);
    const values =
      own &&
      (tf.tidy(() =>
        gates(gate, tf.tensor2d([gateInput(config, own, cohort)])).dataSync(),
      ) as Float32Array);
    known.set(user, values);
    return values;
  };
}

const range = (from: number, rows: number): number[] =>
  Array.from({ length: rows }, (_, i) => from + i);
