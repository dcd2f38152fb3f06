/** Parity: does a model file compute what the trained model computes? */
import { z } from 'zod';
import type { NamedArrays } from '../../compiler/runtimes/runtime.ts';
import { EdgeloomError } from '../../lib/errors.ts';
import type { RunOptions } from '../../lib/progress.ts';
import { compareOutputs, type ModelFunction, type OutputPair } from './compare.ts';

/** Parity is stated on at least this many rows of real data. */
export const MINIMUM_ROWS = 500;

/** What parity demands unless a model states otherwise. */
export const PARITY_TOLERANCES = {
  /** float32 files: largest absolute difference of any output value. */
  float32MaxAbs: 1e-4,
  /** int8 files: RMS of the difference over RMS of the output. */
  int8RelativeRms: 0.05,
} as const;

export type ParityTolerances = { [K in keyof typeof PARITY_TOLERANCES]: number };

export interface ParityFile {
  path: string;
  entry: string;
  runtime: string;
  profile: string;
  run: ModelFunction;
}

const finiteOrNull = z.number().nonnegative().nullable();

const parityResultSchema = z.strictObject({
  path: z.string(),
  entry: z.string(),
  runtime: z.string(),
  profile: z.string(),
  rows: z.int(),
  maxAbs: finiteOrNull.describe('null: an output was missing or not finite.'),
  relativeRms: finiteOrNull,
  bound: z.string().describe('The tolerance in words.'),
  passed: z.boolean(),
});

export const parityReportSchema = z.strictObject({
  tolerances: z.strictObject({ float32MaxAbs: z.number(), int8RelativeRms: z.number() }),
  files: z.array(parityResultSchema),
});

export type ParityResult = z.infer<typeof parityResultSchema>;

export interface CheckParityInput extends RunOptions {
  /** The trained model on all rows at once. */
  reference: (rows: NamedArrays[]) => Promise<NamedArrays[]>;
  files: ParityFile[];
  /** Real rows, {@link MINIMUM_ROWS} or more. */
  rows: NamedArrays[];
  tolerances?: ParityTolerances;
  /** Lowers the number of rows demanded, where the data has no more. */
  minimumRows?: number;
}

/**
 * Runs every file on every row against the trained model.
 * @throws EdgeloomError `too-few-rows`
 */
export async function checkParity(input: CheckParityInput): Promise<ParityResult[]> {
  const { reference, files, rows, signal, onProgress } = input;
  const tolerances = input.tolerances ?? PARITY_TOLERANCES;
  const minimum = input.minimumRows ?? MINIMUM_ROWS;
  if (rows.length < minimum) {
    throw new EdgeloomError({
      code: 'too-few-rows',
      what: `Parity needs ${minimum} rows and got ${rows.length}`,
      where: files.map(({ path }) => path).join(', '),
      fix: 'export on a day with more data',
    });
  }
  const expected = await reference(rows);
  const results: ParityResult[] = [];
  for (const file of files) {
    const pairs: OutputPair[] = [];
    for (const [i, inputs] of rows.entries()) {
      signal?.throwIfAborted();
      if (i % 50 === 0)
        onProgress?.({ message: `parity: ${file.path}`, fraction: i / rows.length });
      const actual = await runOrNothing(file.run, inputs);
      pairs.push({ expected: expected[i]!, actual });
    }
    results.push(judge(file, pairs, tolerances));
  }
  return results;
}

/** A runtime that computes NaN has no outputs to compare, which counts as infinitely far. */
async function runOrNothing(run: ModelFunction, inputs: NamedArrays): Promise<NamedArrays> {
  try {
    return await run(inputs);
  } catch (error) {
    if (error instanceof EdgeloomError && error.code === 'not-finite') return {};
    throw error;
  }
}

function judge(
  { path, entry, runtime, profile }: ParityFile,
  pairs: OutputPair[],
  { float32MaxAbs, int8RelativeRms }: ParityTolerances,
): ParityResult {
  const { maxAbs, relativeRms, values } = compareOutputs(pairs);
  const quantised = profile === 'int8';
  return {
    path,
    entry,
    runtime,
    profile,
    rows: pairs.length,
    maxAbs: finite(maxAbs),
    relativeRms: finite(relativeRms),
    bound: quantised
      ? `relative RMS ≤ ${int8RelativeRms}`
      : `largest difference ≤ ${float32MaxAbs}`,
    passed: values > 0 && (quantised ? relativeRms <= int8RelativeRms : maxAbs <= float32MaxAbs),
  };
}

const finite = (value: number): number | null => (Number.isFinite(value) ? value : null);
