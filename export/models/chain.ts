/** The whole reranker as a phone runs it: encoders step by step, then the scorer. */
import type { NamedArrays } from '../../compiler/index.ts';
import type { RunOptions } from '../../lib/progress.ts';
import { Random } from '../../lib/random.ts';
import type { RerankerConfig } from '../../models/reranker/model.ts';
import type { ModelFunction } from '../parity/compare.ts';
import type { EntryPoint } from './entry-point.ts';
import type { ManyCalls } from './many-calls.ts';
import type { RerankerEntry } from './reranker-entries.ts';
import { clickAuc, ENCODERS, type EncoderName, type Slate } from './slates.ts';

export type Encoders = Record<EncoderName, ManyCalls>;

/** What a phone computes before it scores a slate. */
export interface EncodedSlate {
  /** Inputs of `rerank`. */
  inputs: NamedArrays;
  /** Inputs of every step of the encoders, from the oldest behaviour on. */
  steps: Record<EncoderName, NamedArrays[]>;
}

/** Every behaviour through its encoder; the behaviours at one place of all slates go together. */
export async function encodeSlates(
  config: RerankerConfig,
  encoders: Encoders,
  slates: Pick<Slate, 'inputs' | 'behaviours'>[],
  { signal, onProgress }: RunOptions = {},
): Promise<EncodedSlate[]> {
  const H = config.hidden;
  const kinds = config.useActions ? (['item', 'action'] as const) : (['item'] as const);
  const encoded = slates.map(({ inputs }) => ({
    inputs: { ...inputs },
    steps: { encodeExposureStep: [], encodePageViewStep: [] } as EncodedSlate['steps'],
  }));
  for (const { prefix, entry, length } of ENCODERS) {
    for (const { inputs } of encoded) {
      for (const kind of kinds) {
        inputs[`${prefix}_${kind}_state`] = new Float32Array(config[length] * H);
      }
    }
    const zeros = new Float32Array(config.layers * H);
    let states = slates.map(
      (): NamedArrays => Object.fromEntries(kinds.map((kind) => [`state_${kind}`, zeros])),
    );
    for (let place = 0; place < config[length]; place++) {
      signal?.throwIfAborted();
      onProgress?.({ message: `encoding slates: ${entry}`, fraction: place / config[length] });
      const going = [...slates.keys()].filter((i) => place < slates[i]!.behaviours[entry].length);
      if (going.length === 0) break;
      const steps = going.map((i) => ({ ...slates[i]!.behaviours[entry][place]!, ...states[i]! }));
      const outputs = await encoders[entry](steps);
      states = [...states];
      going.forEach((i, n) => {
        const { inputs, steps: taken } = encoded[i]!;
        taken[entry].push(steps[n]!);
        const next = kinds.map((kind) => [kind, outputs[n]![`next_${kind}`]!] as const);
        states[i] = Object.fromEntries(next.map(([kind, state]) => [`state_${kind}`, state]));
        for (const [kind, state] of next) {
          const last = state.subarray((config.layers - 1) * H);
          (inputs[`${prefix}_${kind}_state`] as Float32Array).set(last, place * H);
        }
      });
    }
  }
  return encoded;
}

/** How well the scorer orders the candidates that were exposed. */
export async function score(
  rerank: ModelFunction,
  slates: Slate[],
  encoded: EncodedSlate[],
  { signal, onProgress }: RunOptions,
): Promise<{ auc: number | null; rows: number }> {
  const scores: ArrayLike<number>[] = [];
  for (const [i, { inputs }] of encoded.entries()) {
    signal?.throwIfAborted();
    if (i % 20 === 0)
      onProgress?.({ message: 'scoring the validation day', fraction: i / slates.length });
    scores.push((await rerank(inputs)).scores!);
  }
  return clickAuc(slates, scores);
}

/** Up to `perEntry` rows of every entry point, met while slates were encoded; of steps, an even random share. */
export function stepRows(
  encoded: EncodedSlate[],
  {
    perEntry,
    seed,
    entries,
  }: { perEntry: number; seed: number; entries: Record<RerankerEntry, EntryPoint> },
): Record<RerankerEntry, NamedArrays[]> {
  const rows = { rerank: encoded.slice(0, perEntry).map(({ inputs }) => inputs) } as Record<
    RerankerEntry,
    NamedArrays[]
  >;
  for (const { entry } of ENCODERS) {
    const met = encoded.flatMap(({ steps }) => steps[entry]);
    // A log without a page view still gets its encoder, tried on nothing but zeros.
    if (met.length === 0) met.push(zeroCall(entries[entry]));
    rows[entry] = Random.of(seed, 'steps', entry).shuffle(met).slice(0, perEntry);
  }
  return rows;
}

function zeroCall({ inputs }: EntryPoint): NamedArrays {
  return Object.fromEntries(
    Object.entries(inputs).map(([name, { shape }]) => [
      name,
      new Float32Array(shape.reduce((product, size) => product * size, 1)),
    ]),
  );
}
