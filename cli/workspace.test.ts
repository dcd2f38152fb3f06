import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { DatasetDescription } from '../data/contracts/dataset.ts';
import { findUserKeyId, userKeyId } from './key-ring.ts';
import { openWorkspace } from './workspace.ts';

const device = { kind: 'device' } as DatasetDescription;
let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'edgeloom-workspace-'));
});
afterEach(() => rm(root, { recursive: true, force: true }));

it('makes the key of user ids once, says so, and finds it again', async () => {
  const said: string[] = [];
  const id = await userKeyId(root, device, (line) => said.push(line));
  expect(await userKeyId(root, device, (line) => said.push(line))).toBe(id);
  expect(said).toEqual([expect.stringContaining(`${id}.key`)]);
  const { machine } = await openWorkspace(root);
  expect(await machine.userKey(id)).toHaveLength(32);
});

it('only looks when asked to find it', async () => {
  expect(await findUserKeyId(root, device)).toBeUndefined();
  expect(await readdir(root)).toEqual([]);
});
