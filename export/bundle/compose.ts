/** From the folders of a run to its bundle: reads what the stages wrote, builds card and report. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { EdgeloomError } from '../../lib/errors.ts';
import type { RunOptions } from '../../lib/progress.ts';
import { type CardDetails, renderCard } from '../card/card.ts';
import { reportInputSchema } from '../report/input.ts';
import { renderReport } from '../report/report.ts';
import { type BundleMeta, buildBundle } from './build.ts';
import type { Manifest } from './manifest.ts';

export interface ComposeInput extends RunOptions {
  /** Parts: export folders with a `part.json`, by model. */
  parts: Record<string, string>;
  /** Folder of the tensors: `features.json`. */
  tensorsDir: string;
  /** Folder of the lake: `dataset.json`, `account.json`. */
  lakeDir?: string;
  /** Folder of the samples: `summary.json`. */
  samplesDir?: string;
  /** Checkpoint folders with `history.json`, by the name that the report calls them. */
  checkpoints?: Record<string, string>;
  /** Folders with `metrics.json`, by model: `reranker`, `uplift`, `metafusion`. */
  metrics?: Partial<Record<'reranker' | 'uplift' | 'metafusion', string>>;
  /** Day of the run. */
  date: string;
  /** `daily/2022-04-30`, the commit, and content hashes of the inputs. */
  run: string;
  commit: string;
  inputs: Record<string, string>;
  trainDates: string[];
  validDate: string | null;
  gates: Manifest['gates'];
  skipped: Manifest['skipped'];
  /** Becomes the bundle; must not exist. */
  outDir: string;
}

const descriptionSchema = z.looseObject({
  name: z.string(),
  kind: z.enum(['device', 'simulated', 'imported']),
  notes: z.array(z.string()).default([]),
});

/** @throws EdgeloomError `incomplete-bundle`, `bad-part`, `mixed-versions`, `exists`, `bad-stage-file` */
export async function composeBundle(input: ComposeInput): Promise<Manifest> {
  const { lakeDir, samplesDir, date } = input;
  const description = lakeDir
    ? descriptionSchema.parse(await readJson(join(lakeDir, 'dataset.json')))
    : null;
  const metrics = await readAll(input.metrics ?? {}, 'metrics.json');
  const meta: BundleMeta = {
    label: date,
    dataset: {
      name: description?.name ?? 'unknown',
      simulated: description?.kind === 'simulated',
      description: description?.notes.join(' ') ?? '',
    },
    lineage: {
      run: input.run,
      dates: { training: input.trainDates, validation: input.validDate },
      commit: input.commit,
      inputs: input.inputs,
    },
    metrics: metrics as BundleMeta['metrics'],
    gates: input.gates,
    skipped: input.skipped,
  };
  const stages = {
    date,
    account: lakeDir && (await readJson(join(lakeDir, 'account.json'))),
    samples: samplesDir && (await readJson(join(samplesDir, 'summary.json'))),
    trainings: await readAll(input.checkpoints ?? {}, 'history.json'),
    parity: await readAll(input.parts, 'parity.json', true),
    ...metrics,
  };
  const configs = await Promise.all(
    Object.entries(input.parts).map(
      async ([model, folder]): Promise<[string, unknown]> => [
        model,
        await readJson(join(folder, model, 'config.json')),
      ],
    ),
  );
  return await buildBundle({
    parts: Object.values(input.parts),
    features: join(input.tensorsDir, 'features.json'),
    outDir: input.outDir,
    meta,
    documents: async (manifest) => {
      input.onProgress?.({ message: 'drawing the report' });
      const parsed = reportInputSchema.safeParse({ manifest, ...stages });
      if (!parsed.success) {
        const issue = parsed.error.issues[0]!;
        throw new EdgeloomError({
          code: 'bad-stage-file',
          what: `The files of the stages do not make a report: ${issue.message}`,
          where: issue.path.map(String).join('.'),
          fix: 'run the stage that wrote this part again',
        });
      }
      const card = renderCard(parsed.data, { entries: entriesOf(configs) });
      return { card, report: await renderReport(parsed.data) };
    },
    ...(input.signal && { signal: input.signal }),
    ...(input.onProgress && { onProgress: input.onProgress }),
  });
}

const shapes = z.record(z.string(), z.object({ dtype: z.string(), shape: z.array(z.int()) }));
const entriesSchema = z.looseObject({
  entries: z.record(z.string(), z.object({ inputs: shapes, outputs: shapes })).default({}),
});

const entriesOf = (configs: [string, unknown][]): CardDetails['entries'] =>
  Object.fromEntries(
    configs.map(([model, config]) => [model, entriesSchema.parse(config).entries]),
  );

async function readAll(
  folders: Record<string, string | undefined>,
  file: string,
  optional = false,
): Promise<Record<string, unknown>> {
  const found: Record<string, unknown> = {};
  for (const [name, folder] of Object.entries(folders)) {
    if (!folder) continue;
    const value = await readJson(join(folder, file), optional);
    if (value !== null) found[name] = value;
  }
  return found;
}

/** @returns null for a file that is not there when it is optional */
async function readJson(path: string, optional = false): Promise<unknown> {
  try {
    return JSON.parse(await readFile(path, 'utf8'));
  } catch (error) {
    if (optional && (error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw new EdgeloomError(
      {
        code: 'bad-stage-file',
        what: `A file of a stage cannot be read: ${(error as Error).message}`,
        where: path,
        fix: 'run the stage that writes it again',
      },
      { cause: error },
    );
  }
}
