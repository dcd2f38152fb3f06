/** Exit codes of the command line, as a shell sees them. */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { projectRoot } from './workspace.ts';

const edgeloom = (...args: string[]) =>
  spawnSync(process.execPath, [join(projectRoot, 'cli', 'edgeloom.mjs'), ...args], {
    encoding: 'utf8',
  });

it.each([
  [0, ['run', '--help']],
  [2, ['run']],
  [2, ['pull', '--bogus']],
  [2, ['no-such-command']],
  [1, ['stage', 'stitch', '--params', '@/no/such/file']],
])('ends with code %i: %j', (code, args) => {
  const { status, stderr } = edgeloom(...args);
  expect(status).toBe(code);
  expect(stderr).not.toMatch(/^\s+at /m);
});

it.each([
  ['erase', '--user', 'somebody'],
  ['keys', 'rotate'],
  ['retention', '--keep-days', '30'],
])('%s refuses a workspace that is not there, and makes none', (...command) => {
  const workspace = join(tmpdir(), 'edgeloom-no-such-workspace');
  const { status, stderr } = edgeloom(...command, '--workspace', workspace);
  expect(stderr).toContain('There is no workspace');
  expect(status).toBe(1);
  expect(existsSync(workspace)).toBe(false);
});
