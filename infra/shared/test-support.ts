/** For tests: throw-away folders and programs that stand for the real ones. */
import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { EdgeloomError } from '../../lib/errors.ts';

/** A folder of a test's own; `afterAll` is the test runner's, and removes it. */
export function scratchFolder(afterAll: (cleanUp: () => void) => void): string {
  const path = mkdtempSync(join(tmpdir(), `edgeloom-infra-${randomBytes(3).toString('hex')}-`));
  afterAll(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

/** Writes an executable shell script. Its PATH is the system's, whatever the caller's is. */
export function writeProgram(path: string, body: string): string {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, `#!/bin/sh\nPATH=/usr/local/bin:/usr/bin:/bin\n${body}\n`, { mode: 0o755 });
  return path;
}

/** The EdgeloomError that a promise rejects with; anything else fails the test. */
export async function rejection(promise: Promise<unknown>): Promise<EdgeloomError> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof EdgeloomError) return error;
    throw error;
  }
  throw new Error('expected a rejection');
}
