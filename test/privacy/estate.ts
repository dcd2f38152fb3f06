/** A small workspace with real keys: simulated logs that say they are of devices, and the stages on them. */
import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inject } from 'vitest';
import { loadStage } from '../../activities/index.ts';
import type { Estate } from '../../activities/privacy/types.ts';
import { runStage, type StageResult } from '../../activities/runtime/run-stage.ts';
import { findUserKeyId, userKeyId } from '../../cli/key-ring.ts';
import { openWorkspace, type Workspace } from '../../cli/workspace.ts';
import { DuckDb } from '../../data/duckdb.ts';
import { fileLiteral } from '../../data/file-literal.ts';
import { FolderStore } from '../../infra/store/folder-store.ts';
import { createFolderAtomic, listFiles, statIfThere } from '../../lib/files.ts';
import { withLock } from '../../lib/lock.ts';
import { worldParams } from '../../simulator/params.ts';
import { simulate } from '../../simulator/simulate.ts';

export const DAYS = 4;
export const USERS = 60;

/** The user whom tests erase, and one who stays: both have refused rows too. */
export interface Cast {
  gone: string;
  stays: string;
}

/** Logs of few users, with refused rows of two of them: readable, torn, and not even text. */
export async function deviceLogs(out: string): Promise<Cast> {
  await simulate({
    params: worldParams.parse({ seed: 5, days: DAYS, users: { count: USERS } }),
    out,
    truth: null,
    lanes: 1,
  });
  const path = join(out, 'dataset.json');
  const dataset = JSON.parse(await readFile(path, 'utf8')) as { kind: string };
  await writeFile(path, JSON.stringify({ ...dataset, kind: 'device' }));
  const [gone, stays] = (await usersOf(out)) as [string, string];
  const refused = [gone, stays].flatMap((id) => [
    Buffer.from(`{"type":"exposure","user_id":"${id}","no_such_field":1}\n`),
    Buffer.from(`{"type":"exposure","user_id":"${id}","ts":17724\n`),
    Buffer.from(`torn ${id} off\n`),
    Buffer.concat([Buffer.from([0xff, 0xfe]), Buffer.from(`"user_id":"${id}"}\n`)]),
  ]);
  await writeFile(join(out, 'events', 'refused.ndjson'), Buffer.concat(refused));
  return { gone, stays };
}

export interface Made {
  lake: StageResult;
  samples: StageResult;
  tensors: StageResult;
}

/** Logs, and a workspace in which the pipeline ran on them: made once for all test files, not to be changed. */
export interface Shared {
  logs: string;
  cast: Cast;
  workspace: string;
  made: Made;
}

export async function shared(): Promise<Shared> {
  const folder = join(inject('sharedFolder'), 'privacy');
  await mkdir(inject('sharedFolder'), { recursive: true });
  await withLock(`${folder}.lock`, async () => {
    if (await statIfThere(folder)) return;
    await createFolderAtomic(folder, async (staging) => {
      const cast = await deviceLogs(join(staging, 'logs'));
      const estate = await TestEstate.create(join(staging, 'logs'), join(staging, 'workspace'));
      const made = await estate.run();
      await writeFile(join(staging, 'told.json'), JSON.stringify({ cast, made }));
    });
  });
  const told = JSON.parse(await readFile(join(folder, 'told.json'), 'utf8')) as Pick<
    Shared,
    'cast' | 'made'
  >;
  return { ...told, logs: join(folder, 'logs'), workspace: join(folder, 'workspace') };
}

export class TestEstate implements Estate {
  readonly root: string;
  readonly logs: string;
  readonly opened: Workspace;

  private constructor(root: string, logs: string, opened: Workspace) {
    this.root = root;
    this.logs = logs;
    this.opened = opened;
  }

  /** @param workspace a folder of the test's own unless told */
  static async create(logs: string, workspace?: string): Promise<TestEstate> {
    const root = workspace ?? (await mkdtemp(join(tmpdir(), 'edgeloom-privacy-')));
    return new TestEstate(root, logs, await openWorkspace(root));
  }

  /** A workspace of the test's own in which the pipeline ran. */
  static async copy({ logs, workspace }: Shared): Promise<TestEstate> {
    const root = await mkdtemp(join(tmpdir(), 'edgeloom-privacy-'));
    await cp(workspace, root, { recursive: true });
    return TestEstate.create(logs, root);
  }

  /** The same, with everything in the store that EDGELOOM_STORE names. */
  static async copyTo(shared: Shared, root: string): Promise<TestEstate> {
    const estate = await TestEstate.copyKeys({ logs: shared.logs, root: shared.workspace }, root);
    const made = new FolderStore(join(shared.workspace, 'store'));
    for (const { node, record } of await made.latestRecords()) {
      const staging = await estate.store.staging();
      await cp(await made.open(record.ref), staging, { recursive: true });
      const ref = await estate.store.put(staging, record.ref.rows);
      await estate.store.writeRecord(node, { ...record, ref });
    }
    return estate;
  }

  /** Another machine: the same keys, and nothing else. */
  static async copyKeys(
    { logs, root: first }: Pick<TestEstate, 'logs' | 'root'>,
    root: string,
  ): Promise<TestEstate> {
    await cp(join(first, 'keys'), join(root, 'keys'), { recursive: true });
    return TestEstate.create(logs, root);
  }

  get workspace(): string {
    return this.root;
  }
  get store(): Workspace['store'] {
    return this.opened.store;
  }
  get keys(): Workspace['keys'] {
    return this.opened.keys;
  }

  async #stage(name: string, params: object, inputs: object, force = false): Promise<StageResult> {
    const stage = await loadStage(name);
    const { store, machine } = this.opened;
    const call = { node: name, params, inputs: inputs as Record<string, StageResult['ref']> };
    return runStage(store, machine, stage, call, { force });
  }

  /** What the pipeline does first, with the parameters that a run fills in. */
  async ingest(logsDir = this.logs, force = false): Promise<StageResult> {
    const dataset = JSON.parse(await readFile(join(logsDir, 'dataset.json'), 'utf8'));
    const keyId =
      (await findUserKeyId(this.root, dataset)) ??
      (await userKeyId(this.root, dataset, () => undefined));
    const erased = await this.keys.erased(keyId);
    const logs = await this.#stage('logs', { logsDir }, {});
    const params = { userKeyId: keyId, ...(erased ? { erasedUsers: erased.id } : {}) };
    return this.#stage('ingest', params, { logs: logs.ref }, force);
  }

  async run(logsDir = this.logs): Promise<Made> {
    const lake = await this.ingest(logsDir);
    const samples = await this.#stage('stitch', {}, { lake: lake.ref });
    const { dates } = samples.summary as { dates: string[] };
    const params = { dates, trainDates: dates.slice(0, -1) };
    const tensors = await this.#stage('features', params, { samples: samples.ref });
    return { lake, samples, tensors };
  }

  open({ ref }: StageResult): Promise<string> {
    return this.store.open(ref);
  }

  async remove(): Promise<void> {
    await rm(this.root, { recursive: true, force: true });
  }
}

/** Every row of the Parquet files of a folder as text, by file. */
export async function rowsOf(folder: string, where = 'true'): Promise<Map<string, string[]>> {
  const tempDir = await mkdtemp(join(tmpdir(), 'edgeloom-rows-'));
  const db = await DuckDb.open({ tempDir });
  try {
    const rows = new Map<string, string[]>();
    for (const path of await listFiles(folder)) {
      if (!path.endsWith('.parquet')) continue;
      const file = fileLiteral(join(folder, path));
      const found = await db.rows<{ row: string }>(
        `select r::varchar as row from read_parquet(${file}, hive_partitioning = false) r where ${where}`,
      );
      if (found.length > 0)
        rows.set(
          path,
          found.map(({ row }) => row),
        );
    }
    return rows;
  } finally {
    db.close();
    await rm(tempDir, { recursive: true, force: true });
  }
}

/** Files below a folder with their bytes in hexadecimal, for comparing. */
export async function bytesOf(folder: string): Promise<Record<string, string>> {
  const bytes: Record<string, string> = {};
  for (const path of await listFiles(folder)) {
    bytes[path] = (await readFile(join(folder, path))).toString('hex');
  }
  return bytes;
}

/** Ids of the users of a log folder with the number of their events, the busiest first. */
export async function usersOf(logs: string): Promise<string[]> {
  const tempDir = await mkdtemp(join(tmpdir(), 'edgeloom-users-'));
  const db = await DuckDb.open({ tempDir });
  try {
    const files = (await listFiles(join(logs, 'events'))).map((path) =>
      fileLiteral(join(logs, 'events', path)),
    );
    const rows = await db.rows<{ user_id: string }>(
      `select user_id, count(*) as n from read_json([${files.join(', ')}],
         columns = {user_id: 'VARCHAR'}, format = 'newline_delimited')
       where user_id is not null group by user_id order by n desc, user_id`,
    );
    return rows.map((row) => row.user_id);
  } finally {
    db.close();
    await rm(tempDir, { recursive: true, force: true });
  }
}

export const plant = async (folder: string, path: string, data: string | Buffer): Promise<void> => {
  await mkdir(join(folder, path, '..'), { recursive: true });
  await writeFile(join(folder, path), data);
};

export const namesIn = (folder: string): Promise<string[]> => readdir(folder);
