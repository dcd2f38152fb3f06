/** Composes a bundle from the folders of the export stages. */
import { access, cp, mkdir, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { EdgeloomError } from '../../lib/errors.ts';
import { createFolderAtomic, writeFileAtomic } from '../../lib/files.ts';
import { sha256File } from '../../lib/hash.ts';
import type { RunOptions } from '../../lib/progress.ts';
import {
  type EmbeddingTable,
  INDEX_FILE,
  readShardIndex,
  shardIndexJson,
} from '../shards/index-file.ts';
import {
  BUNDLE_FORMAT_VERSION,
  type BundleFile,
  contentHashOf,
  MANIFEST_FILE,
  type Manifest,
  manifestText,
  parseManifest,
} from './manifest.ts';
import { type Part, type PartFile, readPart } from './part.ts';
import { verifyBundle } from './verify.ts';

/** What the bundle says about itself beyond its files. */
export type BundleMeta = Pick<Manifest, 'dataset' | 'lineage' | 'metrics' | 'gates' | 'skipped'> & {
  /** First half of the release id, usually the date of the run: `2022-04-30`. */
  label: string;
};

export interface BuildBundleInput extends RunOptions {
  /** Folders with a `part.json`; see {@link Part}. */
  parts: string[];
  /** The fitted feature spec, which becomes `features.json`. */
  features: string;
  /** Becomes the bundle; must not exist. */
  outDir: string;
  meta: BundleMeta;
  /** Texts of the model card and the report, from the manifest without those two files. */
  documents: (draft: Manifest) => Promise<{ card: string; report: string }>;
}

const EMBEDDINGS = 'embeddings';
const INDEX_PATH = `${EMBEDDINGS}/${INDEX_FILE}`;

/**
 * Writes the bundle in one piece and verifies it.
 * @returns its manifest
 * @throws EdgeloomError `incomplete-bundle` when a part lacks a file or an entry of a model lacks a
 *   TFLite file, an ONNX file or golden vectors; `exists` when outDir is taken
 */
export async function buildBundle(input: BuildBundleInput): Promise<Manifest> {
  const parts = await Promise.all(
    input.parts.map(async (folder) => ({ folder, part: await readPart(folder) })),
  );
  parts.sort((a, b) => (a.part.model < b.part.model ? -1 : 1));
  checkParts(parts.map(({ part }) => part));
  if (await exists(input.outDir)) {
    throw new EdgeloomError({
      code: 'exists',
      what: 'The folder of the bundle exists already',
      where: input.outDir,
      fix: 'choose another folder',
    });
  }
  return await createFolderAtomic(input.outDir, async (staging) => {
    const files: PartFile[] = [];
    const tables: EmbeddingTable[] = [];
    for (const { folder, part } of parts) {
      input.signal?.throwIfAborted();
      input.onProgress?.({ message: `bundling ${part.model}` });
      for (const file of part.files) {
        if (file.path === INDEX_PATH) continue;
        await copyFile(folder, staging, file.path);
        files.push(file);
      }
      tables.push(...(await tablesOf(folder, part)));
    }
    if (tables.length > 0) {
      await writeFileAtomic(join(staging, INDEX_PATH), shardIndexJson(tables));
      files.push({ path: INDEX_PATH, role: 'embeddings' });
    }
    await cp(input.features, join(staging, 'features.json'));
    files.push({ path: 'features.json', role: 'features' });

    const draft = await describe(input.meta, parts, await measure(staging, files));
    const { card, report } = await input.documents(draft);
    await writeFileAtomic(join(staging, 'MODEL_CARD.md'), card);
    await writeFileAtomic(join(staging, 'report.html'), report);
    const documents: PartFile[] = [
      { path: 'MODEL_CARD.md', role: 'card' },
      { path: 'report.html', role: 'report' },
    ];
    const all = [...draft.files, ...(await measure(staging, documents))];
    const text = manifestText({ ...draft, files: all });
    parseManifest(text, MANIFEST_FILE);
    await writeFileAtomic(join(staging, MANIFEST_FILE), text);
    return await verifyBundle(staging);
  });
}

function checkParts(parts: Part[]): void {
  const missing = (what: string, where: string): EdgeloomError =>
    new EdgeloomError({
      code: 'incomplete-bundle',
      what,
      where,
      fix: 'run the export stage of that model again',
    });
  if (parts.length === 0) throw missing('There is no model to bundle', 'parts');
  const names = new Set<string>();
  for (const { model, entries, files, chosenProfile } of parts) {
    if (names.has(model)) throw missing(`Two parts are named ${model}`, model);
    names.add(model);
    for (const entry of entries) {
      const of = files.filter((file) => file.entry === entry);
      if (!of.some((file) => file.format === 'tflite' && file.profile === chosenProfile)) {
        throw missing(`No TFLite file of profile ${chosenProfile}`, `${model}.${entry}`);
      }
      if (!of.some((file) => file.format === 'onnx'))
        throw missing('No ONNX file', `${model}.${entry}`);
      if (!of.some((file) => file.role === 'golden')) {
        throw missing('No golden vectors', `${model}.${entry}`);
      }
    }
  }
}

async function copyFile(folder: string, staging: string, path: string): Promise<void> {
  const target = join(staging, path);
  await mkdir(dirname(target), { recursive: true });
  try {
    await cp(join(folder, path), target, { errorOnExist: true, force: false });
  } catch (error) {
    const taken = (error as NodeJS.ErrnoException).code === 'ERR_FS_CP_EEXIST';
    throw new EdgeloomError(
      {
        code: 'incomplete-bundle',
        what: taken
          ? `Two parts bring the same file ${path}`
          : `A file that ${folder} promises cannot be copied: ${(error as Error).message}`,
        where: path,
        fix: 'run the export stage again',
      },
      { cause: error },
    );
  }
}

async function tablesOf(folder: string, part: Part): Promise<EmbeddingTable[]> {
  if (!part.files.some(({ path }) => path === INDEX_PATH)) return [];
  const { tables } = await readShardIndex(join(folder, EMBEDDINGS));
  for (const table of tables) {
    if (table.model !== part.model || table.modelVersion !== part.version) {
      throw new EdgeloomError({
        code: 'mixed-versions',
        what: `Embeddings of ${table.model} ${table.modelVersion} beside the model ${part.model} ${part.version}`,
        where: join(folder, INDEX_PATH),
        fix: 'export the model and its embeddings in one run',
      });
    }
  }
  return tables;
}

async function measure(folder: string, files: PartFile[]): Promise<BundleFile[]> {
  return await Promise.all(
    files.map(async ({ path, role, ...marks }) => {
      const file = join(folder, path);
      return {
        path,
        sha256: await sha256File(file),
        bytes: (await stat(file)).size,
        role,
        ...marks,
      };
    }),
  );
}

async function describe(
  { label, ...meta }: BundleMeta,
  parts: { part: Part }[],
  files: BundleFile[],
): Promise<Manifest> {
  const contentHash = contentHashOf(files);
  const models = Object.fromEntries(
    parts.map(({ part: { model, version, entries, chosenProfile, reasons } }) => [
      model,
      { version, entries, chosenProfile, reasons },
    ]),
  );
  const runtimes = parts.map(({ part }) => part.minimumRuntimes);
  return {
    format: 'edgeloom-bundle',
    formatVersion: BUNDLE_FORMAT_VERSION,
    releaseId: `${label}-${contentHash.slice(0, 12)}`,
    contentHash,
    featureVersion: files.find(({ role }) => role === 'features')!.sha256,
    minimumRuntimes: {
      tflite: runtimes.map(({ tflite }) => tflite).reduce(laterVersion),
      onnxOpset: Math.max(...runtimes.map(({ onnxOpset }) => onnxOpset)),
    },
    models,
    ...meta,
    files,
  };
}

/** The higher of two dotted versions: 2.3.0 < 2.17.0. */
export function laterVersion(a: string, b: string): string {
  const [x, y] = [a.split('.').map(Number), b.split('.').map(Number)];
  for (let i = 0; i < Math.max(x.length, y.length); i++) {
    const difference = (x[i] ?? 0) - (y[i] ?? 0);
    if (difference !== 0) return difference > 0 ? a : b;
  }
  return a;
}

async function exists(path: string): Promise<boolean> {
  try {
    await access(path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    return false;
  }
}
