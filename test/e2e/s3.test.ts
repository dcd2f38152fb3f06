/** Stages over a store in a bucket, on two machines: the second has nothing but the bucket's URL. */
import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { runStage } from '../../activities/runtime/run-stage.ts';
import { defineStage, type Machine, type Stage } from '../../activities/runtime/stage.ts';
import { openStore } from '../../infra/store/index.ts';
import { s3Environment } from '../../infra/store/test-s3.ts';
import { type S3Server, startVersitygw, versitygwOrReason } from '../../infra/versitygw/index.ts';
import { hashFolder } from '../../lib/hash-folder.ts';
import { edgeloom, SMALL_RUN, smallLogs } from './pipeline.ts';

const found = await versitygwOrReason();
const reason = 'reason' in found ? ` (skipped: ${found.reason})` : '';
const USERS = 60;

interface StageReport {
  ref: { sha256: string; uri: string };
  reused: boolean;
  path: string;
}

describe.skipIf(reason)(`edgeloom over a bucket${reason}`, () => {
  let root: string;
  let logs: string;
  let server: S3Server;
  let store: string;

  beforeAll(async () => {
    root = await mkdtemp(join(tmpdir(), 'edgeloom-s3-'));
    logs = await smallLogs(join(root, 'logs'), USERS);
    if ('binary' in found) server = await startVersitygw(found.binary, join(root, 'server'));
    const bucket = `b-${randomBytes(4).toString('hex')}`;
    // A folder of the server's is a bucket.
    await mkdir(join(server.folder, bucket));
    store = `s3://${bucket}/models`;
  });
  afterAll(async () => {
    await server?.stop();
    await rm(root, { recursive: true, force: true });
  });

  async function said(args: string[], env: Record<string, string> = {}): Promise<string> {
    const { code, stdout, stderr } = await edgeloom(args, { ...s3Environment(server), ...env })
      .ended;
    expect(code, stderr).toBe(0);
    return stdout;
  }

  async function stage(
    name: string,
    input: string[],
    workspace: string,
    where: string[],
    env: Record<string, string> = {},
  ): Promise<StageReport> {
    const inputs = input.flatMap((one) => ['--input', one]);
    const folder = ['--workspace', join(root, workspace)];
    const text = await said(['stage', name, ...inputs, ...folder, ...where, '--json'], env);
    return JSON.parse(text) as StageReport;
  }

  it('makes the same as with a folder, and the second machine reuses it', async () => {
    const bucket = ['--store', store];
    const first = await stage('ingest', [`logs=${logs}`], 'a', bucket);
    expect(first).toMatchObject({ reused: false, ref: { uri: expect.stringContaining(store) } });
    expect((await hashFolder(first.path)).sha256).toBe(first.ref.sha256);
    // On disk there is the cache and no store.
    expect(await readdir(join(root, 'a'))).not.toContain('store');

    // By the variable; the input is fetched from the bucket, the machine has not made it.
    const lake = [`lake=${first.ref.sha256}`];
    const stitched = await stage('stitch', lake, 'b', [], { EDGELOOM_STORE: store });
    expect(stitched.reused).toBe(false);

    const again = await stage('ingest', [`logs=${logs}`], 'c', bucket);
    const reused = await stage('stitch', lake, 'c', bucket);
    for (const [here, there] of [
      [again, first],
      [reused, stitched],
    ] as const) {
      expect(here).toMatchObject({ reused: true, ref: { sha256: there.ref.sha256 } });
      expect((await hashFolder(here.path)).sha256).toBe(there.ref.sha256);
    }

    const folder = await stage('ingest', [`logs=${logs}`], 'd', []);
    expect(folder.ref.sha256).toBe(first.ref.sha256);
    const local = await stage('stitch', lake, 'd', []);
    expect(local.ref.sha256).toBe(stitched.ref.sha256);
  });

  it('is planned from a bucket that the settings file or an option names', async () => {
    const config = join(root, 'settings.json');
    const settings = JSON.parse(await readFile(SMALL_RUN, 'utf8')) as object;
    await writeFile(config, JSON.stringify({ ...settings, store }));
    const args = ['plan', '--logs', logs, '--workspace', join(root, 'e'), '--backend', 'cpu'];
    type Plan = { nodes: { node: string; action: string; reason: string }[] };
    const action = async (extra: string[]): Promise<Record<string, string>> => {
      const { nodes } = JSON.parse(await said([...args, ...extra, '--json'])) as Plan;
      return Object.fromEntries(nodes.map((one) => [one.node, one.action]));
    };
    const planned = await action(['--config', config]);
    expect(planned).toMatchObject({ ingest: 'reuse', 'train-reranker': 'run' });
    expect(await action([])).toMatchObject({ ingest: 'run' });
    expect(await action(['--store', store])).toMatchObject({ ingest: 'reuse' });
  });

  it('tells in three lines what is wrong with a bucket or its URL', async () => {
    const env = { ...s3Environment(server), EDGELOOM_STORE: 's3://no-such-bucket/x' };
    const args = ['stage', 'ingest', '--input', `logs=${logs}`, '--workspace', join(root, 'f')];
    const { code, stderr } = await edgeloom(args, env).ended;
    expect(code).toBe(1);
    expect(stderr).toContain('[store-no-bucket]');
    expect(stderr).toContain('s3://no-such-bucket/x');
    const bad = await edgeloom([...args, '--store', 'gs://x'], env).ended;
    expect(bad.code, bad.stderr).toBe(2);
    expect(bad.stderr).toContain('[bad-store-url]');
  });

  it('goes on from the checkpoint of a machine that failed', async () => {
    Object.assign(process.env, s3Environment(server));
    const machine: Machine = {
      workspace: '',
      releaseDir: '',
      userKey: async () => new Uint8Array(),
      erasedUsers: async () => undefined,
    };
    const found: string[] = [];
    const training = (fails: boolean): Stage =>
      defineStage({
        name: 'train-a-while',
        describe: 'fails after seven steps, or ends',
        inputs: [],
        params: z.strictObject({}),
        module: import.meta.url,
        async run({ outDir, scratchDir }) {
          const state = join(scratchDir, 'state');
          found.push(await readFile(state, 'utf8').catch(() => 'nothing'));
          await writeFile(state, 'step 7');
          if (fails) throw new Error('the power failed');
          await mkdir(outDir);
          await writeFile(join(outDir, 'model'), 'm');
          return { rows: 1, summary: {} };
        },
      }) as Stage;
    const on = (workspace: string, fails: boolean) =>
      openStore({ workspace: join(root, workspace), url: store }).then((opened) =>
        runStage(opened, machine, training(fails), { node: 'train', params: {}, inputs: {} }),
      );
    await expect(on('g', true)).rejects.toThrow('the power failed');
    expect(await on('h', false)).toMatchObject({ reused: false });
    expect(await on('i', false)).toMatchObject({ reused: true });
    expect(found).toEqual(['nothing', 'step 7']);
    const [bucket = '', prefix = ''] = store.slice('s3://'.length).split('/');
    // The checkpoint is of no more use: the server drops folders that are empty.
    expect(await readdir(join(server.folder, bucket, prefix))).not.toContain('scratch');
  });
});
