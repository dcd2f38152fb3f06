/** Checks a bundle on disk against its manifest. */
import { lstat, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { EdgeloomError } from '../../lib/errors.ts';
import { listFiles } from '../../lib/files.ts';
import { sha256File } from '../../lib/hash.ts';
import type { RunOptions } from '../../lib/progress.ts';
import { INDEX_FILE, readShardIndex } from '../shards/index-file.ts';
import { MANIFEST_FILE, type Manifest, parseManifest } from './manifest.ts';

const INDEX_PATH = `embeddings/${INDEX_FILE}`;

/**
 * Checks every file's size and hash, that nothing extra is there, and that embeddings and models
 * carry one version.
 * @returns the manifest
 * @throws EdgeloomError `bad-manifest`, `bad-bundle` (naming the file) or `not-a-plain-file`
 */
export async function verifyBundle(dir: string, options: RunOptions = {}): Promise<Manifest> {
  const manifestPath = join(dir, MANIFEST_FILE);
  const text = await readFile(manifestPath, 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw badBundle(manifestPath, `there is no manifest that can be read (${error.code})`, error);
  });
  const manifest = parseManifest(text, manifestPath);
  const present = new Set(await listFiles(dir));
  present.delete(MANIFEST_FILE);
  for (const [i, file] of manifest.files.entries()) {
    options.signal?.throwIfAborted();
    options.onProgress?.({
      message: `checking ${file.path}`,
      fraction: i / manifest.files.length,
    });
    const path = join(dir, file.path);
    if (!present.delete(file.path)) throw badBundle(path, 'the file is missing');
    const { size } = await lstat(path);
    if (size !== file.bytes) throw badBundle(path, `it has ${size} bytes instead of ${file.bytes}`);
    if ((await sha256File(path)) !== file.sha256) {
      throw badBundle(path, 'its SHA-256 is not the one in the manifest');
    }
  }
  const [extra] = present;
  if (extra !== undefined) throw badBundle(join(dir, extra), 'the manifest does not list it');
  await checkVersions(dir, manifest);
  return manifest;
}

async function checkVersions(dir: string, manifest: Manifest): Promise<void> {
  if (!manifest.files.some(({ path }) => path === INDEX_PATH)) return;
  const { tables } = await readShardIndex(join(dir, 'embeddings'));
  for (const { model, modelVersion } of tables) {
    const version = manifest.models[model]?.version;
    if (version !== modelVersion) {
      throw badBundle(
        join(dir, INDEX_PATH),
        `its rows serve ${model} ${modelVersion}, the bundle holds ${version ?? 'no such model'}`,
      );
    }
  }
}

function badBundle(where: string, what: string, cause?: unknown): EdgeloomError {
  return new EdgeloomError(
    {
      code: 'bad-bundle',
      what: `The bundle does not match its manifest: ${what}`,
      where,
      fix: 'pull it again',
    },
    { cause },
  );
}
