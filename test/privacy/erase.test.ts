/** Erasing a user from a whole workspace: lake, rejects, samples, tensors, logs; proof, resumption, no return. */
import { cp, mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readAudit } from '../../activities/privacy/audit.ts';
import { eraseUsers } from '../../activities/privacy/erase.ts';
import { searchEstate, tracesOf } from '../../activities/privacy/search.ts';
import type { LakeAccount } from '../../data/privacy/lake-account.ts';
import { withLock } from '../../lib/lock.ts';
import { edgeloom } from '../e2e/pipeline.ts';
import {
  bytesOf,
  type Cast,
  type Made,
  namesIn,
  plant,
  rowsOf,
  type Shared,
  shared,
  TestEstate,
} from './estate.ts';

let from: Shared;
let cast: Cast;

beforeAll(async () => {
  from = await shared();
  cast = from.cast;
});

const places = async (estate: TestEstate, user: string): Promise<string[]> => {
  const found = await searchEstate(estate, await tracesOf(estate, [user]), {});
  expect(found.unread).toEqual([]);
  expect(found.files).toBeGreaterThan(20);
  return found.places.map(({ path, where }) => `${path} ${where}`);
};

const account = async (estate: TestEstate, lake: Made['lake']): Promise<LakeAccount> =>
  JSON.parse(await readFile(join(await estate.open(lake), 'account.json'), 'utf8'));

describe('edgeloom erase', () => {
  let estate: TestEstate;
  let before: Made;
  let beforeRows: Map<string, string[]>;
  let beforeRejects: string[];
  let beforeAccount: LakeAccount;
  let after: Made;
  let goneKeys: readonly string[];
  let rawLogs: string;

  const rejects = async (lake: Made['lake']): Promise<string[]> =>
    (await readFile(join(await estate.open(lake), 'rejects.ndjson'), 'utf8'))
      .split('\n')
      .filter(Boolean);

  beforeAll(async () => {
    estate = await TestEstate.copy(from);
    before = from.made;
    goneKeys = (await tracesOf(estate, [cast.gone])).keys;
    const others = `r::varchar not like '%${goneKeys[0]}%'`;
    const lakeDir = await estate.open(before.lake);
    // The users table and events alike; `goneKeys` holds the key under the workspace's own key first.
    beforeRows = await rowsOf(lakeDir, others);
    beforeRejects = await rejects(before.lake);
    beforeAccount = await account(estate, before.lake);
    await plant(
      estate.root,
      'stage-logs/daily/ingest.log',
      `fine\nfailed for ${cast.gone}: x\nend\n`,
    );
    expect((await places(estate, cast.gone)).length).toBeGreaterThan(10);
    rawLogs = join(estate.root, 'logs', 'copy');
    await cp(from.logs, rawLogs, { recursive: true });
    await eraseUsers(estate, { users: [cast.gone], reason: 'T-17', logs: [rawLogs] });
    after = await estate.run();
  });
  afterAll(() => estate.remove());

  it('leaves no trace, not even after the pipeline ran again on the same logs', async () => {
    expect(await places(estate, cast.gone)).toEqual([]);
  });

  it('reuses the lake that it wrote and makes what was derived from it again', async () => {
    expect(after.lake.reused).toBe(true);
    expect(after.samples.reused).toBe(false);
    expect(after.tensors.summary.users).toBe((before.tensors.summary.users as number) - 1);
  });

  it('leaves every row of the other users as it was, in its place', async () => {
    expect(beforeRows.size).toBeGreaterThan(20);
    expect(await rowsOf(await estate.open(after.lake))).toEqual(beforeRows);
  });

  it('takes the refused rows of that user only, readable, torn or base64', async () => {
    const left = await rejects(after.lake);
    expect(beforeRejects).toHaveLength(8);
    expect(left).toHaveLength(4);
    expect(beforeRejects).toEqual(expect.arrayContaining(left));
    expect((await places(estate, cast.stays)).some((path) => path.includes('rejects.ndjson'))).toBe(
      true,
    );
  });

  it('says in the account how many rows were erased, and the account balances', async () => {
    const now = await account(estate, after.lake);
    expect(now.rowsIn).toBe(beforeAccount.rowsIn);
    expect(now.rejected).toBe(4);
    expect(now.erased).toBe(beforeAccount.stored - now.stored + 4);
    expect(now.stored + now.rejected + now.duplicates + now.erased!).toBe(now.rowsIn);
    expect(now.tables.users).toMatchObject({ erased: 1 });
  });

  it('gives the bytes that ingesting the logs afresh gives, with the user on the list', async () => {
    const fresh = await estate.ingest(from.logs, true);
    expect(fresh.ref.sha256).toBe(after.lake.ref.sha256);
  });

  it('rewrites the raw logs that were named, and nothing of them but that user’s rows', async () => {
    const traces = await tracesOf(estate, [cast.gone]);
    const found = await searchEstate(estate, traces, {}, [rawLogs]);
    expect([found.places, found.unread]).toEqual([[], []]);
    const again = await estate.ingest(rawLogs);
    expect(again.reused).toBe(false);
    expect(await rowsOf(await estate.open(again))).toEqual(beforeRows);
    // Lines have moved up.
    const raw = async (lake: Made['lake']): Promise<string[]> =>
      (await rejects(lake)).map((line) => (JSON.parse(line) as { raw: string }).raw);
    expect(await raw(again)).toEqual(await raw(after.lake));
    const [record] = await readAudit(estate.root);
    const rowsIn = ({ rowsIn: events, tables }: LakeAccount): number =>
      Object.values(tables).reduce((sum, table) => sum + table.rowsIn, events);
    const rows = rowsIn(beforeAccount) - rowsIn(await account(estate, again));
    expect(rows).toBeGreaterThan(1000);
    expect(record!.rawLogs).toEqual({
      ...{ folders: 1, files: expect.any(Number), unread: 0 },
      ...{ rewritten: expect.any(Number), rows },
    });
  });

  it('keeps an audit record without the id, the key or anything sealed', async () => {
    const path = join(estate.root, 'audit', 'log.ndjson');
    const text = await readFile(path, 'utf8');
    expect(text).not.toContain(cast.gone);
    for (const key of goneKeys) expect(text).not.toContain(key);
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect(await namesIn(join(estate.root, 'audit', 'pending'))).toEqual([]);
    const [record] = await readAudit(estate.root);
    expect(record).toMatchObject({
      operation: 'erase',
      reason: 'T-17',
      users: 1,
      logLines: 1,
      rows: { rejects: 4, 'table users': 1 },
      search: { places: 0, unread: 0 },
    });
    expect(record!.changes).toEqual([
      expect.objectContaining({
        stage: 'ingest',
        before: before.lake.ref.sha256,
        after: after.lake.ref.sha256,
      }),
      { stage: 'stitch', before: before.samples.ref.sha256, after: null },
      { stage: 'features', before: before.tensors.ref.sha256, after: null },
    ]);
  });

  it('blanks the lines of stage logs that name the user', async () => {
    const log = await readFile(join(estate.root, 'stage-logs/daily/ingest.log'), 'utf8');
    expect(log).toBe('fine\n[erased]\nend\n');
  });

  it('refuses to ingest with another list of erased users than the one asked for', async () => {
    const stale = await TestEstate.create(from.logs);
    try {
      const keyId = (await estate.keys.current())!;
      const machine = estate.opened.machine;
      expect((await machine.erasedUsers(keyId))?.keys).toHaveLength(1);
      const { loadStage } = await import('../../activities/index.ts');
      const run = (await loadStage('ingest')).run(
        { inputs: { logs: from.logs }, outDir: join(stale.root, 'out'), scratchDir: '', machine },
        { userKeyId: keyId, buckets: 8, maxRejectShare: 1, maxLateMs: 1e9, maxAheadMs: 1e6 },
      );
      await expect(run).rejects.toMatchObject({ code: 'erased-users-changed' });
    } finally {
      await stale.remove();
    }
  });

  it('refuses while a stage works on the store', async () => {
    await withLock(join(estate.store.root, 'scratch', 'some.lock'), async () => {
      await expect(eraseUsers(estate, { users: ['u'] })).rejects.toMatchObject({
        code: 'store-busy',
      });
    });
  });

  it('refuses a reason that holds the id', async () => {
    await expect(
      eraseUsers(estate, { users: ['someone'], reason: 'someone asked' }),
    ).rejects.toMatchObject({ code: 'bad-reason' });
  });

  it('erases two in turn into the same lake as both at once', async () => {
    const [one, two] = [await TestEstate.copy(from), await TestEstate.copy(from)];
    try {
      await eraseUsers(one, { users: [cast.gone] });
      await eraseUsers(one, { users: [cast.stays] });
      await eraseUsers(two, { users: [cast.stays, cast.gone] });
      const [a, b] = [await one.ingest(), await two.ingest()];
      expect(await bytesOf(await one.open(a))).toEqual(await bytesOf(await two.open(b)));
    } finally {
      await one.remove();
      await two.remove();
    }
  });
});

describe('an erasure that is killed', () => {
  it.each(['json', 'ndjson'])('goes on where it was (once there is a pending %s)', async (kind) => {
    const estate = await TestEstate.copy(from);
    try {
      const pending = join(estate.root, 'audit', 'pending');
      const args = ['erase', '--user', cast.gone, '--workspace', estate.root];
      const run = edgeloom(args);
      for (let killed = false; !killed; await sleep(2)) {
        const names = await namesIn(pending).catch(() => []);
        killed = names.some((name) => name.endsWith(`.${kind}`)) || run.child.exitCode !== null;
      }
      run.child.kill('SIGKILL');
      await run.ended;
      expect(await readAudit(estate.root)).toEqual([]);
      // What waits on the disk is sealed.
      for (const name of await namesIn(pending))
        expect(await readFile(join(pending, name), 'utf8')).not.toContain(cast.gone);
      const resumed = await edgeloom(['erase', '--resume', '--workspace', estate.root]).ended;
      expect(resumed.code, resumed.stderr).toBe(0);
      expect(await places(estate, cast.gone)).toEqual([]);
      const audit = await readAudit(estate.root);
      expect(audit).toHaveLength(1);
      const changes = audit[0]!.changes as { stage: string }[];
      expect(changes.map(({ stage }) => stage)).toEqual(['ingest', 'stitch', 'features']);
      expect((await estate.ingest()).reused).toBe(true);
    } finally {
      await estate.remove();
    }
  });
});

describe('an id that nobody has', () => {
  it('ends with code 4 and a place in the list; beside a known one, or erased before, with 0', async () => {
    const estate = await TestEstate.copy(from);
    try {
      const erase = (...ids: string[]) => {
        const users = ids.flatMap((id) => ['--user', id]);
        return edgeloom(['erase', ...users, '--json', '--workspace', estate.root]).ended;
      };
      const audits = ({ stdout }: { stdout: string }) =>
        (JSON.parse(stdout) as { audits: { unknownUsers: number[] }[] }).audits;
      const nobody = await erase('user-nobody');
      expect([nobody.code, audits(nobody)[0]!.unknownUsers]).toEqual([4, [1]]);
      const both = await erase(cast.gone, 'user-noone');
      expect([both.code, audits(both)[0]!.unknownUsers]).toEqual([0, [2]]);
      const again = await erase(cast.gone);
      expect([again.code, audits(again)[0]!.unknownUsers]).toEqual([0, []]);
    } finally {
      await estate.remove();
    }
  });
});

describe('the command', () => {
  it('serialises two at once, reads ids from stdin or a file, and checks by exit code', async () => {
    const estate = await TestEstate.copy(from);
    const folder = await mkdtemp(join(tmpdir(), 'edgeloom-ids-'));
    try {
      const file = join(folder, 'ids.txt');
      await plant(folder, 'ids.txt', `${cast.stays}\n`);
      const where = ['--workspace', estate.root];
      const check = ['erase', '--check', '--user', cast.gone, ...where];
      const found = await edgeloom(check).ended;
      expect(found.code).toBe(1);
      expect(found.stdout).toMatch(/found {3}store\/objects\/.*column user_key, \d+ rows/);
      expect(found.stdout).not.toContain(cast.gone);
      const both = await Promise.all([
        edgeloom(['erase', '--user', cast.gone, ...where]).ended,
        edgeloom(['erase', '--user-file', file, ...where]).ended,
      ]);
      expect(both.map(({ code }) => code)).toEqual([0, 0]);
      expect(both[0]!.stdout).toContain('raw logs');
      for (const { stdout, stderr } of [found, ...both]) {
        expect(stdout + stderr).not.toContain(cast.gone);
        expect(stdout + stderr).not.toContain(cast.stays);
      }
      expect(await readAudit(estate.root)).toHaveLength(2);
      expect((await edgeloom(check).ended).code).toBe(0);
    } finally {
      await rm(folder, { recursive: true, force: true });
      await estate.remove();
    }
  });
});
