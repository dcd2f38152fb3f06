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
import { isAlive } from '../../lib/alive.ts';
import type { ArtifactRef, NodeRecord, StageRecord, StoreUpkeep } from '../../lib/artifact.ts';
import { EdgeloomError } from '../../lib/errors.ts';
import { statIfThere, writeFileAtomic } from '../../lib/files.ts';
import { type HashedFile, hashFiles, hashFolder, hashOfFiles } from '../../lib/hash-folder.ts';
import { lockHolder } from '../../lib/lock.ts';
import type { RunOptions } from '../../lib/progress.ts';
import { fileName, parseRecord, recordText } from './record.ts';

/** Long enough for a process of another machine that shares the folder. */
const ABANDONED_MS = 3_600_000;

async function readRecordFile(path: string): Promise<StageRecord | undefined> {
  try {
    return parseRecord(await readFile(path, 'utf8'));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** The hex digits of a reference's hash. @throws EdgeloomError `bad-reference` */
export function hexOf(ref: Pick<ArtifactRef, 'sha256'>): string {
  const hex = /^sha256:([0-9a-f]{64})$/.exec(ref.sha256)?.[1];
  if (hex) return hex;
  throw new EdgeloomError({
    code: 'bad-reference',
    what: 'An artifact reference has no valid hash',
    where: ref.sha256,
  });
}

/** Names in a folder that may not be there, sorted. */
async function namesIn(folder: string): Promise<string[]> {
  try {
    return (await readdir(folder)).sort();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

const MISSING_FIX = 'run the pipeline again: the stage that makes it will run';

export class FolderStore implements StoreUpkeep {
  readonly root: string;

  constructor(root: string) {
    this.root = root;
  }

  /** Where an artifact is, or would be. */
  path(ref: Pick<ArtifactRef, 'sha256'>): string {
    return join(this.root, 'objects', hexOf(ref));
  }

  /** Whether something lies there, whole or not. */
  async has(ref: Pick<ArtifactRef, 'sha256'>): Promise<boolean> {
    return (await statIfThere(this.path(ref))) !== undefined;
  }

  async open(ref: ArtifactRef): Promise<string> {
    const path = this.path(ref);
    if (!(await this.has(ref))) {
      throw new EdgeloomError({
        code: 'artifact-missing',
        what: 'An artifact that a stage needs is not in the store',
        where: path,
        fix: ref.uri.startsWith('s3:')
          ? `it was put into ${ref.uri}: start every worker and command with the same --store`
          : MISSING_FIX,
      });
    }
    // The time of last use, for a later clean-up.
    await utimes(path, new Date(), new Date());
    return path;
  }

  async verify(ref: Pick<ArtifactRef, 'sha256'>, options: RunOptions = {}): Promise<boolean> {
    const path = this.path(ref);
    try {
      return (await hashFolder(path, options.signal)).sha256 === ref.sha256;
    } catch {
      options.signal?.throwIfAborted();
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

  /** Takes a staging folder over; tells its files. */
  async take(staging: string, options: RunOptions = {}): Promise<HashedFile[]> {
    const files = await hashFiles(staging, options.signal);
    const hash = hashOfFiles(files);
    const path = this.path(hash);
    await mkdir(join(this.root, 'objects'), { recursive: true });
    for (;;) {
      if (await this.has(hash)) {
        if (await this.verify(hash, options)) {
          await rm(staging, { recursive: true, force: true });
          return files;
        }
        await rm(path, { recursive: true, force: true });
      }
      try {
        await rename(staging, path);
        break;
      } catch (error) {
        // Another writer of the same artifact was faster: its bytes are looked at like any.
        const { code } = error as NodeJS.ErrnoException;
        if (code !== 'ENOTEMPTY' && code !== 'EEXIST') throw error;
      }
    }
    for (const file of files) {
      const { mode } = await stat(join(path, file.path));
      await chmod(join(path, file.path), mode & 0o555);
    }
    return files;
  }

  async put(staging: string, rows: number, options: RunOptions = {}): Promise<ArtifactRef> {
    const { sha256, bytes } = hashOfFiles(await this.take(staging, options));
    return { uri: this.path({ sha256 }), sha256, rows, bytes };
  }

  async readRecord(key: string): Promise<StageRecord | undefined> {
    return readRecordFile(join(this.root, 'records', `${fileName(key)}.json`));
  }

  async writeRecord(node: string, record: StageRecord): Promise<void> {
    await this.keepRecord(record);
    const latest = join(this.root, 'latest', `${fileName(node)}.json`);
    await writeFileAtomic(latest, recordText(record));
  }

  async latestRecord(node: string): Promise<StageRecord | undefined> {
    return readRecordFile(join(this.root, 'latest', `${fileName(node)}.json`));
  }

  async scratch(key: string): Promise<string> {
    const path = join(this.root, 'scratch', fileName(key));
    await mkdir(path, { recursive: true });
    return path;
  }

  async saveScratch(): Promise<void> {
    // Whoever shares the folder sees the checkpoints as they are written.
  }

  async restoreScratch(): Promise<void> {
    // They are there.
  }

  async dropScratch(key: string): Promise<void> {
    await rm(join(this.root, 'scratch', fileName(key)), { recursive: true, force: true });
  }

  async #recordsIn(folder: string): Promise<NodeRecord[]> {
    const found: NodeRecord[] = [];
    for (const name of await namesIn(join(this.root, folder))) {
      if (!name.endsWith('.json')) continue;
      const record = await readRecordFile(join(this.root, folder, name));
      if (record) found.push({ node: name.slice(0, -'.json'.length), record });
    }
    return found;
  }

  async records(): Promise<StageRecord[]> {
    return (await this.#recordsIn('records')).map(({ record }) => record);
  }

  async latestRecords(): Promise<NodeRecord[]> {
    return this.#recordsIn('latest');
  }

  async keepRecord(record: StageRecord): Promise<void> {
    const path = join(this.root, 'records', `${fileName(record.key)}.json`);
    await writeFileAtomic(path, recordText(record));
  }

  async removeRecord(key: string): Promise<void> {
    await rm(join(this.root, 'records', `${fileName(key)}.json`), { force: true });
  }

  async removeLatest(node: string): Promise<void> {
    await rm(join(this.root, 'latest', `${fileName(node)}.json`), { force: true });
  }

  async artifacts(): Promise<string[]> {
    const names = await namesIn(join(this.root, 'objects'));
    return names.filter((name) => /^[0-9a-f]{64}$/.test(name)).map((hex) => `sha256:${hex}`);
  }

  async removeArtifacts(hashes: readonly string[]): Promise<void> {
    for (const sha256 of hashes) await rm(this.path({ sha256 }), { recursive: true, force: true });
  }

  async removeLeftovers(): Promise<void> {
    for (const name of ['scratch', 'staging', 'partial']) {
      await rm(join(this.root, name), { recursive: true, force: true });
    }
  }

  async lookElsewhere(): Promise<void> {
    // All of it lies below the root.
  }

  async workers(): Promise<number[]> {
    const locks = (await namesIn(join(this.root, 'scratch'))).filter((name) =>
      name.endsWith('.lock'),
    );
    const held = await Promise.all(
      locks.map((name) => lockHolder(join(this.root, 'scratch', name))),
    );
    return held.filter((pid) => pid !== undefined);
  }
}
