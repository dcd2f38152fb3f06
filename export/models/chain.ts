/** The whole reranker as a phone runs it: encoders step by step, then the scorer. */
import type { NamedArrays } from '../../compiler/index.ts';
import type { RunOptions } from '../../lib/progress.ts';
import { Random } from '../../lib/random.ts';
import type { RerankerConfig } from '../../models/reranker/model.ts';
import type { ModelFunction } from '../parity/compare.ts';
import type { ModelFile } from './compile-entry.ts';
import type { EntryPoint } from './entry-point.ts';
import type { RerankerEntry } from './reranker-entries.ts';
import { clickAuc, ENCODERS, type EncoderName, encodeSlate, type Slate } from './slates.ts';

export type Encoders = Record<EncoderName, ModelFunction>;
export type Runners = Encoders & { rerank: ModelFunction };

export function runnersOf(files: ModelFile[]): Runners {
  return Object.fromEntries(
    files.map(({ entry, model }) => [entry, (inputs: NamedArrays) => model.run(inputs)]),
  ) as Runners;
}

/** The whole chain, as a phone runs it: encoders step by step, then the scorer. */
export async function score(
  config: RerankerConfig,
  runners: Runners,
  slates: Slate[],
  { signal, onProgress }: RunOptions,
): Promise<{ auc: number | null; rows: number }> {
  const scores: ArrayLike<number>[] = [];
  for (const [i, slate] of slates.entries()) {
    signal?.throwIfAborted();
    if (i % 20 === 0)
      onProgress?.({ message: 'scoring the validation day', fraction: i / slates.length });
    const inputs = await encodeSlate(config, runners, slate);
    scores.push((await runners.rerank(inputs)).scores!);
  }
  return clickAuc(slates, scores);
}

/**
 * Up to `perEntry` rows of every entry point, met while the slates are encoded; of steps, an even
 * random share.
 */
export async function stepRows(
  config: RerankerConfig,
  encoders: Encoders,
  slates: Slate[],
  {
    perEntry,
    seed,
    entries,
  }: { perEntry: number; seed: number; entries: Record<RerankerEntry, EntryPoint> },
  { signal, onProgress }: RunOptions,
): Promise<Record<RerankerEntry, NamedArrays[]>> {
  const rows: Record<RerankerEntry, NamedArrays[]> = {
    encodeExposureStep: [],
    encodePageViewStep: [],
    rerank: [],
  };
  for (const [i, slate] of slates.entries()) {
    signal?.throwIfAborted();
    if (i % 20 === 0) onProgress?.({ message: 'encoding slates', fraction: i / slates.length });
    rows.rerank.push(
      await encodeSlate(config, encoders, slate, (entry, step) => rows[entry].push(step)),
    );
  }
  rows.rerank = rows.rerank.slice(0, perEntry);
  for (const { entry } of ENCODERS) {
    // A log without a page view still gets its encoder, tried on nothing but zeros.
    if (rows[entry].length === 0) rows[entry].push(zeroCall(entries[entry]));
    rows[entry] = Random.of(seed, 'steps', entry).shuffle(rows[entry]).slice(0, perEntry);
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
