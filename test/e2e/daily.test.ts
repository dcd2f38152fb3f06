/** The daily pipeline end to end on a small simulated week: real Temporal server, real TensorFlow, real runtimes. */
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RunReport } from '../../cli/run-daily.ts';
import { DuckDb } from '../../data/duckdb.ts';
import { verifyBundle } from '../../export/bundle/verify.ts';
import { edgeloom, type Run, SMALL_RUN, smallLogs } from './pipeline.ts';
import { parentOf, running, treeOf } from './processes.ts';
import { filesWithIds, idsIn, rawUserIds } from './user-ids.ts';

const TIMEOUT_MS = 15 * 60_000;

let root: string;
let logs: string;
let undisturbed: RunReport;
/** What that run wrote on stderr. */
let said: string;

const runArgs = (workspace: string): string[] => [
  'run',
  '--logs',
  logs,
  '--workspace',
  join(root, workspace),
  '--config',
  SMALL_RUN,
  '--json',
];

async function finish(run: Run): Promise<RunReport> {
  const { code, stdout, stderr } = await run.ended;
  expect(code, stderr).toBe(0);
  return JSON.parse(stdout) as RunReport;
}

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'edgeloom-daily-'));
  logs = await smallLogs(join(root, 'logs'));
  const run = edgeloom(runArgs('a'));
  undisturbed = await finish(run);
  said = run.stderr();
}, TIMEOUT_MS);
afterAll(async () => {
  await rm(root, { recursive: true, force: true });
});

describe('edgeloom run', () => {
  it('ends with a whole bundle of all three models and names the page of its run', async () => {
    const manifest = await verifyBundle(undisturbed.bundleDir);
    expect(Object.keys(manifest.models).sort()).toEqual(['metafusion', 'reranker', 'uplift']);
    expect(undisturbed.skipped).toEqual([]);
    expect(undisturbed.webUi).toMatch(
      /^http:\/\/127\.0\.0\.1:\d+\/namespaces\/default\/workflows\/daily%2F/,
    );
    const account = manifest.lineage;
    expect(account.dates.training).toHaveLength(5);
  });

  it(
    'keeps every user id out of what it wrote but the quarantine',
    async () => {
      const db = await DuckDb.open({ tempDir: join(root, 'spill') });
      try {
        const ids = await rawUserIds(logs, db);
        expect(ids.size).toBeGreaterThan(100);
        expect(idsIn(`{"user_id":"${[...ids][0]}"}`, ids)).toHaveLength(1);
        const bundle = await filesWithIds(undisturbed.bundleDir, ids, db);
        expect(bundle.looked).toContain('manifest.json');
        expect(bundle.found).toEqual([]);
        const objects = await filesWithIds(join(root, 'a', 'store', 'objects'), ids, db);
        for (const kind of ['.parquet', '.safetensors', '.tflite', '.json']) {
          expect(objects.looked.some((file) => file.endsWith(kind))).toBe(true);
        }
        expect(objects.found).toEqual([]);
        expect(idsIn(said, ids)).toEqual([]);
      } finally {
        db.close();
      }
    },
    TIMEOUT_MS,
  );

  it('reuses every stage the second time, and plan says so beforehand', async () => {
    const plan = edgeloom(['plan', ...runArgs('a').slice(1)]);
    const { code, stdout, stderr } = await plan.ended;
    expect(code, stderr).toBe(0);
    const planned = (JSON.parse(stdout) as { nodes: { node: string; action: string }[] }).nodes;
    expect(planned.filter(({ action }) => action === 'run').map(({ node }) => node)).toEqual([
      'release',
    ]);

    const again = await finish(edgeloom(runArgs('a')));
    const ran = again.nodes.filter(({ state }) => state !== 'reused');
    expect(ran.map(({ node }) => node)).toEqual(['release']);
    expect(again.contentHash).toBe(undisturbed.contentHash);
  });

  it('pulls into a folder whose files match the manifest', async () => {
    const out = join(root, 'pulled');
    const pull = edgeloom([
      'pull',
      '--channel',
      'stable',
      '--out',
      out,
      '--from',
      undisturbed.releaseDir,
      '--json',
    ]);
    const { code, stdout, stderr } = await pull.ended;
    expect(code, stderr).toBe(0);
    const { path } = JSON.parse(stdout) as { path: string };
    expect((await verifyBundle(path)).contentHash).toBe(undisturbed.contentHash);
  });
});

interface Holder {
  pid: number;
  state: Buffer;
}

/** The process that trains the reranker, once it has written a checkpoint other than `before`. */
async function trainer(workspace: string, before: Holder | undefined, run: Run): Promise<Holder> {
  const scratch = join(root, workspace, 'store', 'scratch');
  const deadline = Date.now() + TIMEOUT_MS / 3;
  while (Date.now() < deadline && run.child.exitCode === null) {
    for (const name of await readdir(scratch).catch(() => [] as string[])) {
      if (name.includes('.')) continue;
      const state = await readFile(join(scratch, name, 'state.safetensors')).catch(() => undefined);
      const lock = await readFile(join(scratch, `${name}.lock`), 'utf8').catch(() => undefined);
      if (!state || !lock) continue;
      const { pid } = JSON.parse(lock) as { pid: number };
      if (pid !== before?.pid && !(before && state.equals(before.state))) return { pid, state };
    }
    await sleep(50);
  }
  throw new Error(`no training was seen:\n${run.stderr()}`);
}

describe.runIf(process.platform === 'linux')('killed in the middle of training', () => {
  it(
    'ends with the same content hash after SIGKILL of the training process and of the worker',
    async () => {
      const run = edgeloom(runArgs('b'));
      const first = await trainer('b', undefined, run);
      process.kill(first.pid, 'SIGKILL');
      const second = await trainer('b', first, run);
      process.kill(await parentOf(second.pid), 'SIGKILL');
      const report = await finish(run);
      expect(run.stderr()).toContain('the worker died on SIGKILL');
      expect(report.contentHash).toBe(undisturbed.contentHash);
    },
    TIMEOUT_MS,
  );

  it(
    'ends with code 130 on Ctrl-C, leaves no process, and ends with the same content hash next time',
    async () => {
      const run = edgeloom(runArgs('c'));
      await trainer('c', undefined, run);
      const processes = await treeOf(run.child.pid!);
      // At least the command, its worker and a stage.
      expect(processes.length).toBeGreaterThanOrEqual(3);
      run.child.kill('SIGINT');
      const { code, stderr } = await run.ended;
      expect(code, stderr).toBe(130);
      expect(await running(processes)).toEqual([]);
      const report = await finish(edgeloom(runArgs('c')));
      expect(report.contentHash).toBe(undisturbed.contentHash);
    },
    TIMEOUT_MS,
  );
});
