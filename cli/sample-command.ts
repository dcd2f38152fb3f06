/** What `edgeloom sample` does: find the folders, read, print. */
import { findSample, listSampleIds, randomSample } from '../data/samples/find.ts';
import { KINDS, type Kind, withSamples } from '../data/samples/open.ts';
import { showSample } from '../data/samples/show-sample.ts';
import { openFitted } from '../data/samples/tensors.ts';
import { tellRevisions } from '../data/stitch/groups/revisions.ts';
import { EdgeloomError } from '../lib/errors.ts';
import type { ListOptions, ShowOptions } from './sample.ts';
import { sampleFolders } from './sample-artifacts.ts';
import { listText, sampleText } from './sample-text.ts';

/** Columns of the terminal; 80 where the output is no terminal and COLUMNS does not tell. */
const terminalWidth = (): number =>
  Math.max(60, process.stdout.columns ?? (Number(process.env.COLUMNS) || 80));

/** Cohort samples lie with the tensors; the other kinds are read without. */
const cohortsOf = (kind: Kind | undefined, tensorsDir: string | null) =>
  kind === 'cohort' ? tensorsDir : undefined;

export async function show(id: string | undefined, options: ShowOptions): Promise<void> {
  if ((id === undefined) === !options.random) {
    throw new EdgeloomError({
      code: 'usage',
      what: id === undefined ? 'No sample is named' : 'A sample is named and --random is given',
      fix: 'give a sample_id (edgeloom sample list tells them) or --random, not both',
      exitCode: 2,
    });
  }
  const { samplesDir, tensorsDir, lakeDir, notes } = await sampleFolders(options);
  const fitted = tensorsDir === null ? null : await openFitted(tensorsDir);
  const kinds = options.kind ? [options.kind] : KINDS;
  const sample = await withSamples(
    samplesDir,
    async (reader) => {
      const found =
        id === undefined
          ? await randomSample(reader, options.seed, kinds)
          : await findSample(reader, id, kinds);
      return showSample(reader, found, { fitted, lakeDir });
    },
    cohortsOf(options.kind, tensorsDir),
  );
  for (const note of notes) process.stderr.write(`${note}\n`);
  const wrong = sample.features.filter(({ differs }) => differs && differs.length > 0);
  if (wrong.length > 0) {
    const names = wrong.map(({ group, name }) => `${group}/${name}`).join(', ');
    process.stderr.write(`Warning: the tensors have other values than the device: ${names}\n`);
  }
  process.stdout.write(
    options.json
      ? `${JSON.stringify({ ...sample, notes })}\n`
      : sampleText(sample, terminalWidth()),
  );
}

export async function list(options: ListOptions): Promise<void> {
  const { kind = 'rerank', date, clicked = false, limit } = options;
  const { samplesDir, tensorsDir, revisions } = await sampleFolders({ ...options, lake: false });
  const asked = { kind, clicked, limit, ...(date && { date }) };
  const { samples, rows, total } = await withSamples(
    samplesDir,
    async (reader) => ({
      samples: reader.samples,
      ...(await listSampleIds(reader, asked)),
    }),
    cohortsOf(kind, tensorsDir),
  );
  process.stdout.write(
    options.json
      ? `${JSON.stringify({ kind, total, samples: rows, revisions })}\n`
      : listText(kind, rows, total, samples.utcOffsetMinutes, terminalWidth()),
  );
  const shown = Object.entries(revisions ?? {}).filter(([day]) => !date || day === date);
  const revised = tellRevisions(Object.fromEntries(shown));
  if (revised && !options.json) process.stdout.write(`${revised}\n`);
}
