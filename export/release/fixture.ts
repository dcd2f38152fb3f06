/** What the tests of publish and pull share. */
import { appendFile, copyFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { BuildBundleInput } from '../bundle/build.ts';
import { buildToyBundle } from '../bundle/fixture.ts';
import type { Manifest } from '../bundle/manifest.ts';
import { verifyBundle } from '../bundle/verify.ts';
import { type FileSystem, nodeFileSystem } from './file-system.ts';
import { type PublishResult, publish } from './publish.ts';
import { type PullResult, pull } from './pull.ts';

/** Without the flushes to disk, which make a thousand small pulls slow. */
export const quickFileSystem: FileSystem = {
  ...nodeFileSystem,
  writeNew: (path, text) => writeFile(path, text, { flag: 'wx' }),
  append: (path, text) => appendFile(path, text),
  copy: (from, to) => copyFile(from, to),
  syncFolder: async () => undefined,
};

/** A repository and a pull folder under one root. */
export class Playground {
  readonly root: string;
  readonly repo: string;
  readonly out: string;
  #bundles = 0;

  constructor(root: string) {
    this.root = root;
    this.repo = join(root, 'repo');
    this.out = join(root, 'out');
  }

  async build(
    weights: string,
    change: Partial<BuildBundleInput> = {},
  ): Promise<{ dir: string; manifest: Manifest }> {
    return await buildToyBundle(this.root, String(this.#bundles++), weights, change);
  }

  /** Publishes a new bundle to `stable`; the same weights make the same contents. */
  async release(
    runId: string,
    weights = runId,
  ): Promise<{ manifest: Manifest; published: PublishResult }> {
    const { dir, manifest } = await this.build(weights);
    return { manifest, published: await this.publish(dir, runId) };
  }

  publish(bundleDir: string, runId: string, fs = quickFileSystem): Promise<PublishResult> {
    return publish({ bundleDir, repoDir: this.repo, channel: 'stable', runId, fs });
  }

  pull(fs = quickFileSystem): Promise<PullResult> {
    return pull({ source: this.repo, channel: 'stable', outDir: this.out, fs });
  }

  /** Content hash of the release in use, after a check of every file. */
  async currentHash(): Promise<string> {
    return (await verifyBundle(join(this.out, 'current'))).contentHash;
  }
}

/**
 * A file system that fails for good from the n-th change on, as for a process that dies there.
 * Reads never fail: dying at a read leaves what dying at the next change leaves.
 */
export function dyingAt(n: number): { fs: FileSystem; operations: () => number } {
  let count = 0;
  const wrap =
    <A extends unknown[], R>(operation: (...args: A) => Promise<R>) =>
    async (...args: A): Promise<R> => {
      if (++count > n) throw new Error('killed');
      return await operation(...args);
    };
  const fs: FileSystem = {
    ...quickFileSystem,
    makeFolder: wrap(quickFileSystem.makeFolder),
    writeNew: wrap(quickFileSystem.writeNew),
    append: wrap(quickFileSystem.append),
    copy: wrap(quickFileSystem.copy),
    rename: wrap(quickFileSystem.rename),
    remove: wrap(quickFileSystem.remove),
    link: wrap(quickFileSystem.link),
  };
  return { fs, operations: () => count };
}
