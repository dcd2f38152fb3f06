import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DuckDb, sqlText } from '../data/duckdb.ts';
import { exposureLine, LogFixture, TEST_USER_KEY } from '../data/ingest/ingest-fixture.ts';
import { FolderStore } from '../infra/store/folder-store.ts';
import { hashFolder } from '../lib/hash-folder.ts';
import { ingest } from './ingest.ts';
import { runStage } from './runtime/run-stage.ts';
import type { Machine, Stage } from './runtime/stage.ts';

const machine: Machine = {
  workspace: '',
  releaseDir: '',
  userKey: async () => TEST_USER_KEY,
  erasedUsers: async () => undefined,
};
let root: string;
let store: FolderStore;
let logs: LogFixture;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'edgeloom-ingest-stage-'));
  store = new FolderStore(root);
});
afterEach(async () => {
  await logs.remove();
  await rm(root, { recursive: true, force: true });
});

async function run(params: Record<string, unknown> = {}) {
  const { sha256, bytes } = await hashFolder(logs.logsDir);
  const inputs = { logs: { uri: `file:${logs.logsDir}`, sha256, bytes, rows: 0 } };
  const call = { node: 'ingest', params: { userKeyId: 'k', ...params }, inputs };
  return runStage(store, machine, ingest as Stage, call);
}

describe('a log without an event that can be stored', () => {
  it('is refused, and nothing is kept', async () => {
    logs = await LogFixture.create();
    await logs.write('events/a.ndjson', '');
    await logs.write('events/b.ndjson.gz', gzipSync('\n \n'));
    await expect(run()).rejects.toMatchObject({
      ...{ code: 'empty-log', where: logs.logsDir, exitCode: 1 },
      message: expect.stringContaining('hold no event'),
    });
    expect(await store.latestRecord('ingest')).toBeUndefined();
    expect(await store.artifacts()).toEqual([]);
  });

  it('is told apart from one whose rows were all rejected', async () => {
    logs = await LogFixture.create();
    await logs.write('events/a.ndjson', '{"broken":1}\nnot json\n');
    await expect(run({ maxRejectShare: 1 })).rejects.toThrow(
      'Of 2 rows none can be stored: 2 were',
    );
  });
});

describe('a log that says it is simulated', () => {
  it.each(['a.ndjson', 'a.ndjson.gz'])('and has real ids is refused: %s', async (name) => {
    logs = await LogFixture.create({ kind: 'simulated' });
    const line = `${exposureLine('e1', { user_id: 'anna@example.org' })}\n`;
    await logs.write(`events/${name}`, name.endsWith('.gz') ? gzipSync(line) : line);
    const refused = run({ userKeyId: 'simulated' });
    await expect(refused).rejects.toMatchObject({ code: 'not-simulated' });
    await expect(refused).rejects.not.toThrow('anna');
    // With a key of its own it is a log like any other.
    expect((await run({ userKeyId: 'k' })).summary).toMatchObject({ stored: 1 });
  });

  it('and has real ids in a Parquet file behind others is refused', async () => {
    logs = await LogFixture.create({ kind: 'simulated' });
    await logs.write('events/a.ndjson', `${exposureLine('e1', { user_id: 'u000007' })}\n`);
    const db = await DuckDb.open({ tempDir: join(root, 'spill') });
    const path = sqlText(join(logs.logsDir, 'events', 'b.parquet'));
    await db.run(`copy (select 'anna' as user_id) to ${path} (format parquet)`);
    db.close();
    const refused = run({ userKeyId: 'simulated' });
    await expect(refused).rejects.toMatchObject({
      ...{ code: 'not-simulated', where: expect.stringMatching(/b\.parquet$/) },
    });
  });

  it('and has the ids of the simulator is taken', async () => {
    logs = await LogFixture.create({ kind: 'simulated' });
    await logs.write('events/a.ndjson', `${exposureLine('e1', { user_id: 'u000007' })}\n`);
    expect((await run({ userKeyId: 'simulated' })).summary).toMatchObject({ stored: 1 });
  });
});
