/** Many calls of a model file. A runtime takes longer to begin a call of a small model than to compute it. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type LoadedModel, loadOnnx, type NamedArrays } from '../../compiler/index.ts';
import { withFirstDimension } from '../../compiler/onnx/first-dimension.ts';
import type { ModelFile } from './compile-entry.ts';

/** Rows to outputs, row by row the numbers of the file. */
export type ManyCalls = (rows: NamedArrays[]) => Promise<NamedArrays[]>;

const ROWS_AT_ONCE = 64;

/** One call after another. */
export const oneByOne =
  ({ run }: Pick<LoadedModel, 'run'>): ManyCalls =>
  async (rows) => {
    const outputs: NamedArrays[] = [];
    for (const row of rows) outputs.push(await run(row));
    return outputs;
  };

/**
 * An ONNX file on many rows at once. Of every group the first row is also run by itself: unless both
 * give the same bits, all rows are run one by one from there on.
 */
export async function openForMany(
  outDir: string,
  { path, model }: Pick<ModelFile, 'path' | 'model'>,
): Promise<{ run: ManyCalls; dispose(): Promise<void> }> {
  const single = oneByOne(model);
  const bytes = withFirstDimension(await readFile(join(outDir, path)), ROWS_AT_ONCE);
  // A graph whose nodes hold the first size does not open so. The file itself was opened before.
  const wide = await loadOnnx(bytes).catch(() => null);
  let agrees = wide !== null;
  const group = async (rows: NamedArrays[]): Promise<NamedArrays[]> => {
    if (!wide || !agrees) return single(rows);
    const outputs = apart(await wide.run(together(rows)), rows.length);
    const alone = await model.run(rows[0]!);
    agrees = Object.entries(alone).every(([name, data]) =>
      data.every((value, i) => Object.is(value, outputs[0]![name]![i])),
    );
    return agrees ? outputs : single(rows);
  };
  return {
    async run(rows) {
      const outputs: NamedArrays[] = [];
      for (let from = 0; from < rows.length; from += ROWS_AT_ONCE) {
        outputs.push(...(await group(rows.slice(from, from + ROWS_AT_ONCE))));
      }
      return outputs;
    },
    dispose: async () => wide?.dispose(),
  };
}

/** Rows side by side, filled up with copies of the first one. */
function together(rows: NamedArrays[]): NamedArrays {
  return Object.fromEntries(
    Object.entries(rows[0]!).map(([name, { length }]) => {
      const all = new Float32Array(ROWS_AT_ONCE * length);
      for (let i = 0; i < ROWS_AT_ONCE; i++) all.set((rows[i] ?? rows[0]!)[name]!, i * length);
      return [name, all];
    }),
  );
}

function apart(outputs: NamedArrays, count: number): NamedArrays[] {
  return Array.from({ length: count }, (_, i) =>
    Object.fromEntries(
      Object.entries(outputs).map(([name, data]) => {
        const width = data.length / ROWS_AT_ONCE;
        return [name, data.slice(i * width, (i + 1) * width)];
      }),
    ),
  );
}
