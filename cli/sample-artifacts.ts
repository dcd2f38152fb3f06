/** The folders that `edgeloom sample` reads: as told, or the latest of the workspace. */
import { resolve } from 'node:path';
import type { Revisions } from '../data/stitch/groups/revisions.ts';
import type { StageRecord, Store } from '../lib/artifact.ts';
import { EdgeloomError } from '../lib/errors.ts';
import { statIfThere } from '../lib/files.ts';
import { openWorkspace } from './workspace.ts';

/** What was told on the command line: a folder or sha256:…; of the lake, false for none. */
interface Told {
  workspace: string;
  samples?: string;
  tensors?: string;
  lake?: string | false;
}

export interface SampleFolders {
  samplesDir: string;
  /** Null when the workspace has none. */
  tensorsDir: string | null;
  lakeDir: string | null;
  /** How often the samples of each date changed; null when the workspace does not know. */
  revisions: Revisions | null;
  /** What a reader should know about the choice. */
  notes: string[];
}

const openHash = (store: Store, sha256: string): Promise<string> =>
  store.open({ uri: sha256, sha256, rows: 0, bytes: 0 });

async function toldFolder(store: Store, option: string, value: string): Promise<string> {
  if (value.startsWith('sha256:')) return openHash(store, value);
  const path = resolve(value);
  if ((await statIfThere(path))?.isDirectory()) return path;
  throw new EdgeloomError({
    code: 'input-not-found',
    what: `${option} is not a folder`,
    where: path,
    fix: 'give a folder, or sha256:… of an artifact in the store',
    exitCode: 2,
  });
}

/** @throws EdgeloomError `no-samples` in a workspace where nothing was stitched, `input-not-found` */
export async function sampleFolders(told: Told): Promise<SampleFolders> {
  const { store } = await openWorkspace(told.workspace);
  const notes: string[] = [];
  const stitched = await store.latestRecord('stitch');
  if (!told.samples && !stitched) {
    throw new EdgeloomError({
      code: 'no-samples',
      what: 'Nothing was stitched in this workspace yet',
      where: told.workspace,
      fix: 'run the pipeline (edgeloom run --logs DIR) or edgeloom stage stitch --input lake=DIR, or name a folder with --samples',
      exitCode: 2,
    });
  }
  const samplesDir = told.samples
    ? await toldFolder(store, '--samples', told.samples)
    : await store.open(stitched!.ref);
  // What the workspace knows of these very samples.
  const sha256 = told.samples?.startsWith('sha256:') ? told.samples : stitched?.ref.sha256;
  const own = told.samples === undefined || told.samples.startsWith('sha256:');
  const record = own && stitched?.ref.sha256 === sha256 ? stitched : undefined;
  return {
    samplesDir,
    tensorsDir: await tensorsFolder(store, told, own ? sha256 : undefined, notes),
    lakeDir: await lakeFolder(store, told.lake, record, notes),
    revisions: (record?.summary.revisions as unknown as Revisions | undefined) ?? null,
    notes,
  };
}

async function tensorsFolder(
  store: Store,
  { tensors }: Told,
  samples: string | undefined,
  notes: string[],
): Promise<string | null> {
  if (tensors) return toldFolder(store, '--tensors', tensors);
  const latest = await store.latestRecord('features');
  if (!latest) {
    notes.push('no features: the features stage has not run in this workspace (or name --tensors)');
    return null;
  }
  if (samples && latest.parts.inputs.samples !== samples) {
    notes.push('the latest tensors were made of other samples: their features are shown');
  }
  return store.open(latest.ref);
}

async function lakeFolder(
  store: Store,
  lake: string | false | undefined,
  record: StageRecord | undefined,
  notes: string[],
): Promise<string | null> {
  if (lake === false) return null;
  if (lake) return toldFolder(store, '--lake', lake);
  const made = record?.parts.inputs.lake;
  if (!made) return null;
  try {
    return await openHash(store, made);
  } catch (error) {
    if (!(error instanceof EdgeloomError)) throw error;
    notes.push(
      `the lake of these samples is not in the store (${error.code}): name one with --lake`,
    );
    return null;
  }
}
