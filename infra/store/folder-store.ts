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
import { chmod, mkdir, readdir, readFile, rename, rm, stat, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { isAlive } from '../../lib/alive.ts';
import type { ArtifactRef, StageRecord, Store } from '../../lib/artifact.ts';
import { EdgeloomError } from '../../lib/errors.ts';
import { listFiles, statIfThere, writeFileAtomic } from '../../lib/files.ts';
import { hashFolder } from '../../lib/hash-folder.ts';

/** Long enough for a process of another machine that shares the folder. */
const ABANDONED_MS = 3_600_000;

const recordSchema = z.object({
  key: z.string(),
  parts: z.object({
    stage: z.string(),
    code: z.string(),
    params: z.unknown(),
    inputs: z.record(z.string(), z.string()),
  }),
  ref: z.object({ uri: z.string(), sha256: z.string(), rows: z.number(), bytes: z.number() }),
  summary: z.record(z.string(), z.unknown()),
});

/** A record that was never written, was cut off by a crash or altered is a miss and not an error. */
async function readRecordFile(path: string): Promise<StageRecord | undefined> {
  try {
    const parsed = recordSchema.safeParse(JSON.parse(await readFile(path, 'utf8')));
    return parsed.success ? (parsed.data as StageRecord) : undefined;
  } catch (error) {
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
    } catch {
      // Missing, a file in place of a folder, a link inside, unreadable: not what was put here.
      return false;
    }
  }

  async staging(): Promise<string> {
    const folder = join(this.root, 'staging');
    await mkdir(folder, { recursive: true });
    // What killed processes left may hold raw rows of the quarantine.
    for (const name of await readdir(folder)) {
      const pid = Number(/^(\d+)-/.exec(name)?.[1] ?? 0);
      if (pid === 0) continue;
      const path = join(folder, name);
      const found = await statIfThere(path);
      const old = found !== undefined && Date.now() - found.mtimeMs > ABANDONED_MS;
      if (old && !isAlive(pid)) await rm(path, { recursive: true, force: true });
    }
    return join(folder, `${process.pid}-${randomBytes(6).toString('hex')}`);
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
    return readRecordFile(join(this.root, 'records', `${fileName(key)}.json`));
  }

  async writeRecord(node: string, record: StageRecord): Promise<void> {
    const text = `${JSON.stringify(record, null, 2)}\n`;
    await writeFileAtomic(join(this.root, 'records', `${fileName(record.key)}.json`), text);
    await writeFileAtomic(join(this.root, 'latest', `${fileName(node)}.json`), text);
  }

  async latestRecord(node: string): Promise<StageRecord | undefined> {
    return readRecordFile(join(this.root, 'latest', `${fileName(node)}.json`));
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
