/**
 * The default store: a folder on the local disk.
 *
 *   objects/<hex>/…        artifacts by content hash, never changed
 *   records/<key>.json     what the stage with this content key made
 *   latest/<node>.json     the last record of a node
 *   scratch/<key>/         checkpoints of unfinished stages
 *   staging/               artifacts being written
 */
import { randomBytes } from 'node:crypto';
import { chmod, mkdir, readFile, rename, rm, stat, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import type { ArtifactRef, StageRecord, Store } from '../../lib/artifact.ts';
import { EdgeloomError } from '../../lib/errors.ts';
import { listFiles, writeFileAtomic } from '../../lib/files.ts';
import { canonicalJson, sha256, sha256File } from '../../lib/hash.ts';

/** Content hash and size of a folder: the hash of the sorted list of its files' paths, hashes and sizes. */
export async function hashFolder(folder: string): Promise<{ sha256: string; bytes: number }> {
  const files: { path: string; sha256: string; bytes: number }[] = [];
  let bytes = 0;
  for (const path of await listFiles(folder)) {
    const { size } = await stat(join(folder, path));
    files.push({ path, sha256: await sha256File(join(folder, path)), bytes: size });
    bytes += size;
  }
  return { sha256: `sha256:${sha256(canonicalJson(files))}`, bytes };
}

async function readJson<T>(path: string): Promise<T | undefined> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as T;
  } catch (error) {
    // A record that was never written, or was cut off by a crash, is a miss and not an error.
    if ((error as NodeJS.ErrnoException).code === 'ENOENT' || error instanceof SyntaxError) return;
    throw error;
  }
}

const fileName = (node: string): string => node.replaceAll(/[^a-zA-Z0-9._-]/g, '_');

export class FolderStore implements Store {
  readonly root: string;

  constructor(root: string) {
    this.root = root;
  }

  #object(ref: Pick<ArtifactRef, 'sha256'>): string {
    const hex = /^sha256:([0-9a-f]{64})$/.exec(ref.sha256)?.[1];
    if (!hex) {
      throw new EdgeloomError({
        code: 'bad-reference',
        what: 'An artifact reference has no valid hash',
        where: ref.sha256,
      });
    }
    return join(this.root, 'objects', hex);
  }

  async open(ref: ArtifactRef): Promise<string> {
    const path = this.#object(ref);
    const found = await stat(path).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return undefined;
      throw error;
    });
    if (!found) {
      throw new EdgeloomError({
        code: 'artifact-missing',
        what: 'An artifact that a stage needs is not in the store',
        where: path,
        fix: 'run the pipeline again: the stage that makes it will run',
      });
    }
    // The time of last use, for a later clean-up.
    await utimes(path, new Date(), new Date());
    return path;
  }

  async verify(ref: ArtifactRef): Promise<boolean> {
    const path = this.#object(ref);
    try {
      return (await hashFolder(path)).sha256 === ref.sha256;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
      throw error;
    }
  }

  async staging(): Promise<string> {
    await mkdir(join(this.root, 'staging'), { recursive: true });
    return join(this.root, 'staging', `${process.pid}-${randomBytes(6).toString('hex')}`);
  }

  async put(staging: string, rows: number): Promise<ArtifactRef> {
    const { sha256: hash, bytes } = await hashFolder(staging);
    const path = this.#object({ sha256: hash });
    await mkdir(join(this.root, 'objects'), { recursive: true });
    const ref: ArtifactRef = { uri: path, sha256: hash, rows, bytes };
    if (!(await this.verify(ref))) {
      await rm(path, { recursive: true, force: true });
      await rename(staging, path);
      for (const file of await listFiles(path)) {
        const { mode } = await stat(join(path, file));
        await chmod(join(path, file), mode & 0o555);
      }
    } else {
      await rm(staging, { recursive: true, force: true });
    }
    return ref;
  }

  async readRecord(key: string): Promise<StageRecord | undefined> {
    return readJson<StageRecord>(join(this.root, 'records', `${fileName(key)}.json`));
  }

  async writeRecord(node: string, record: StageRecord): Promise<void> {
    const text = `${JSON.stringify(record, null, 2)}\n`;
    await writeFileAtomic(join(this.root, 'records', `${fileName(record.key)}.json`), text);
    await writeFileAtomic(join(this.root, 'latest', `${fileName(node)}.json`), text);
  }

  async latestRecord(node: string): Promise<StageRecord | undefined> {
    return readJson<StageRecord>(join(this.root, 'latest', `${fileName(node)}.json`));
  }

  async scratch(key: string): Promise<string> {
    const path = join(this.root, 'scratch', fileName(key));
    await mkdir(path, { recursive: true });
    return path;
  }

  async dropScratch(key: string): Promise<void> {
    await rm(join(this.root, 'scratch', fileName(key)), { recursive: true, force: true });
  }
}
