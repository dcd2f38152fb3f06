/**
 * One folder of each run of vitest, for what several test files need and is dear to make: whoever comes
 * first makes it, under a lock. Nothing is made here, and the folder is gone when the run ends.
 */
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';

declare module 'vitest' {
  interface ProvidedContext {
    sharedFolder: string;
  }
}

export default function setUp(project: TestProject): () => Promise<void> {
  const folder = join(tmpdir(), `edgeloom-shared-${process.pid}`);
  project.provide('sharedFolder', folder);
  return () => rm(folder, { recursive: true, force: true });
}
