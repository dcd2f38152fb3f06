import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { metafusionPart } from './metafusion-part.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'metafusion-part-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** What the fuse stage leaves, without its weights. */
async function fused(users: number): Promise<string> {
  const dir = join(folder, 'fuse');
  await mkdir(join(dir, 'metafusion'), { recursive: true });
  const cohort = { name: 'cohort-0', low: 0, high: 1, users, file: 'delta-cohort-0.safetensors' };
  const config = {
    ...{ version: 1, formula: 'W_m + g·ΔW', profile: 'int8', layers: [], statistics: [] },
    cohorts: [{ ...cohort, maxAbsoluteError: 0, relativeRmsError: 0 }],
    ...{ minUsers: 50, minExposures: 30, clip: 5, hidden: 4, reranker: {} },
  };
  await writeFile(join(dir, 'metafusion', 'config.json'), JSON.stringify(config));
  return dir;
}

it('makes a part of cohorts that are large enough', async () => {
  const part = await metafusionPart(await fused(50), join(folder, 'out'));
  expect((await readdir(part)).sort()).toEqual(['metafusion', 'part.json']);
});

it('makes none of a cohort of one user fewer, and leaves nothing', async () => {
  const made = metafusionPart(await fused(49), join(folder, 'out'));
  await expect(made).rejects.toMatchObject({ code: 'cohort-too-small' });
  expect(await readdir(folder)).toEqual(['fuse']);
});
