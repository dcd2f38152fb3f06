import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { FolderStore } from '../../infra/store/folder-store.ts';
import type { ArtifactRef } from '../../lib/artifact.ts';
import { hashFolder } from '../../lib/hash-folder.ts';
import { runStage, type StageInput } from './run-stage.ts';
import { defineStage, type Machine, type Stage } from './stage.ts';

let root: string;
let store: FolderStore;
let runs: number;
const machine: Machine = {
  workspace: '',
  releaseDir: '',
  userKey: async () => new Uint8Array(),
  erasedUsers: async () => undefined,
};

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'edgeloom-stage-'));
  store = new FolderStore(root);
  runs = 0;
});
afterEach(async () => {
  await rm(root, { recursive: true, force: true });
});

const double = defineStage({
  name: 'double',
  describe: 'doubles the number of its input',
  inputs: ['number?'],
  params: z.strictObject({ plus: z.number().default(0) }),
  module: import.meta.url,
  async run({ inputs, outDir }, { plus }) {
    runs += 1;
    const given = inputs.number
      ? Number(await readFile(join(inputs.number, 'number'), 'utf8'))
      : 21;
    await mkdir(outDir);
    await writeFile(join(outDir, 'number'), String(given * 2 + plus));
    return { rows: 1, summary: { plus } };
  },
}) as Stage;

const call = (params: unknown = {}, inputs: Record<string, ArtifactRef> = {}): StageInput => ({
  node: 'double',
  params,
  inputs,
});

describe('runStage', () => {
  it('runs once, then reuses the result and says why', async () => {
    const first = await runStage(store, machine, double, call());
    const second = await runStage(store, machine, double, call({ plus: 0 }));
    expect(runs).toBe(1);
    expect(first).toMatchObject({ reused: false, reason: 'has not run here before' });
    expect(second).toMatchObject({
      reused: true,
      reason: 'same inputs, parameters and code',
      ref: first.ref,
    });
    expect(await readFile(join(await store.open(second.ref), 'number'), 'utf8')).toBe('42');
  });

  it('keeps nothing when a folder that is read in place changed meanwhile', async () => {
    const folder = join(root, 'outside');
    await mkdir(folder);
    await writeFile(join(folder, 'number'), '1');
    const { sha256, bytes } = await hashFolder(folder);
    const input = call({}, { number: { uri: `file:${folder}`, sha256, bytes, rows: 0 } });
    await writeFile(join(folder, 'number'), '2');
    await expect(runStage(store, machine, double, input)).rejects.toMatchObject({
      code: 'input-changed',
      where: folder,
    });
    await writeFile(join(folder, 'number'), '1');
    expect(await runStage(store, machine, double, input)).toMatchObject({ reused: false });
  });

  it('takes a damaged record or artifact for a miss', async () => {
    const first = await runStage(store, machine, double, call());
    await writeFile(join(root, 'records', `${first.key}.json`), '{}');
    await writeFile(join(root, 'latest', 'double.json'), '{}');
    expect(await runStage(store, machine, double, call())).toMatchObject({ reused: false });
    const object = await store.open(first.ref);
    await rm(object, { recursive: true });
    await writeFile(object, 'a file');
    expect(await runStage(store, machine, double, call())).toMatchObject({ reused: false });
  });

  it('runs again and names the parameter or the input that changed', async () => {
    const first = await runStage(store, machine, double, call());
    const other = await runStage(store, machine, double, call({ plus: 1 }));
    expect(other.reason).toBe('parameter plus changed from 0 to 1');
    const chained = await runStage(
      store,
      machine,
      double,
      call({ plus: 1 }, { number: first.ref }),
    );
    expect(chained.reason).toBe('input number changed');
    expect(await readFile(join(await store.open(chained.ref), 'number'), 'utf8')).toBe('85');
  });

  it('does not trust an artifact whose bytes were changed', async () => {
    const first = await runStage(store, machine, double, call());
    const path = join(await store.open(first.ref), 'number');
    await rm(path);
    await writeFile(path, '43');
    const again = await runStage(store, machine, double, call());
    expect(again).toMatchObject({ reused: false, reason: 'its artifact is missing or damaged' });
    expect(await readFile(path, 'utf8')).toBe('42');
  });

  it('leaves no artifact, no record and no staging folder when it fails, but keeps the scratch folder', async () => {
    const failing: Stage = {
      ...double,
      name: 'failing',
      async run({ outDir, scratchDir }) {
        await mkdir(outDir);
        await writeFile(join(outDir, 'half'), 'half');
        await writeFile(join(scratchDir, 'checkpoint'), 'step 7');
        throw new Error('disk full');
      },
    };
    await expect(runStage(store, machine, failing, call())).rejects.toThrow('disk full');
    expect(await readdir(join(root, 'staging'))).toEqual([]);
    expect((await readdir(root)).sort()).toEqual(['scratch', 'staging']);
    const [key] = await readdir(join(root, 'scratch'));
    expect(await readdir(join(root, 'scratch', key!))).toEqual(['checkpoint']);
  });

  it('lets only one of two equal calls work at a time; the other takes its result', async () => {
    const [a, b] = await Promise.all([
      runStage(store, machine, double, call()),
      runStage(store, machine, double, call()),
    ]);
    expect(runs).toBe(1);
    expect([a.reused, b.reused].sort()).toEqual([false, true]);
  });

  it('takes over the lock of a process that is gone', async () => {
    const { key } = await runStage(store, machine, double, call());
    await rm(join(root, 'records'), { recursive: true });
    // No process has this id: the largest on Linux is 4194304.
    const dead = { pid: 99_999_999, host: hostname(), token: 'dead' };
    await writeFile(`${await store.scratch(key)}.lock`, JSON.stringify(dead));
    expect((await runStage(store, machine, double, call())).reused).toBe(false);
  });

  it('refuses parameters that do not fit and says which', async () => {
    await expect(runStage(store, machine, double, call({ plus: 'x' }))).rejects.toMatchObject({
      code: 'bad-parameters',
      message: expect.stringContaining('plus'),
    });
    await expect(
      runStage(store, machine, { ...double, inputs: ['number'] }, call()),
    ).rejects.toMatchObject({ code: 'missing-input' });
  });
});
