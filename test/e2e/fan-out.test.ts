/** Stitching on two workers over one store, one of them killed in the middle of a bucket: a real Temporal server. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { Client, Connection, type WorkflowHandle } from '@temporalio/client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { dailyInput } from '../../cli/run-daily.ts';
import { startOrJoin } from '../../cli/start-daily.ts';
import { stitch } from '../../data/stitch/stitch.ts';
import { freePort } from '../../infra/shared/ports.ts';
import { findOrStartTemporal, type TemporalServer } from '../../infra/temporal/index.ts';
import { isAlive } from '../../lib/alive.ts';
import { listFiles } from '../../lib/files.ts';
import { hashFolder } from '../../lib/hash-folder.ts';
import {
  type FleetWorker,
  heartbeats,
  nodeDone,
  startFleetWorker,
  stopInBucket,
  until,
} from './fleet.ts';
import { smallLogs } from './pipeline.ts';
import { parentOf } from './processes.ts';

const TIMEOUT_MS = 10 * 60_000;
const GROUPS = 2;

let root: string;
let logs: string;
let server: TemporalServer;
let client: Client;
const workers: FleetWorker[] = [];

async function startWorker(machine: string, store: string): Promise<FleetWorker> {
  const workspace = join(root, machine);
  const worker = await startFleetWorker(server, { workspace, store });
  workers.push(worker);
  return worker;
}

async function startDaily(): Promise<WorkflowHandle> {
  const config = join(root, 'settings.json');
  // Two buckets, so that one takes long enough to be met in its middle.
  await writeFile(
    config,
    JSON.stringify({ ingest: { buckets: GROUPS }, stitch: { groups: GROUPS } }),
  );
  const options = { workspace: join(root, 'client'), logs, days: 7, config, channel: 'stable' };
  const { handle } = await startOrJoin(client, await dailyInput(options, 'cpu', () => undefined));
  return handle;
}

/** Folders of the lake and of the samples once the groups are joined; the run goes no further. */
async function stitched(handle: WorkflowHandle, store: string): Promise<[string, string]> {
  const folderOf = async (node: string): Promise<string> =>
    join(store, 'objects', basename((await nodeDone(handle, node)).uri!));
  const folders: [string, string] = [await folderOf('ingest'), await folderOf('stitch')];
  await handle.terminate('the samples are all that is wanted');
  return folders;
}

interface Attempt {
  attempt: number;
  identity: string;
  /** Why the attempt before it ended. */
  failure: string;
}

/** The last attempt of each activity of a stage, from the history. */
async function attemptsOf(handle: WorkflowHandle, activity: string): Promise<Attempt[]> {
  const { events } = await handle.fetchHistory();
  const scheduled = new Set(
    events
      ?.filter((e) => e.activityTaskScheduledEventAttributes?.activityType?.name === activity)
      .map(({ eventId }) => String(eventId)),
  );
  return (events ?? []).flatMap(({ activityTaskStartedEventAttributes: started }) =>
    started && scheduled.has(String(started.scheduledEventId))
      ? [
          {
            attempt: started.attempt ?? 0,
            identity: started.identity ?? '',
            failure: started.lastFailure?.message ?? '',
          },
        ]
      : [],
  );
}

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'edgeloom-fan-out-'));
  logs = await smallLogs(join(root, 'logs'), 300);
  const [port, uiPort] = [await freePort(undefined), await freePort(undefined)];
  server = await findOrStartTemporal({ workspace: join(root, 'server'), port, uiPort });
  const connection = await Connection.connect({ address: server.address });
  client = new Client({ connection, namespace: server.namespace });
}, TIMEOUT_MS);

afterAll(async () => {
  await Promise.all(workers.map((worker) => worker.kill()));
  await client?.connection.close();
  await server?.stop();
  await rm(root, { recursive: true, force: true });
}, TIMEOUT_MS);

describe.runIf(process.platform === 'linux')('stitching on two workers', () => {
  it(
    'gives the samples of one undisturbed worker when one of them is killed in the middle of a bucket',
    async () => {
      const aloneStore = join(root, 'alone-store');
      const alone = await startWorker('alone', aloneStore);
      const [, undisturbed] = await stitched(await startDaily(), aloneStore);
      await alone.stop();

      const store = join(root, 'shared-store');
      const pair = [await startWorker('a', store), await startWorker('b', store)];
      const handle = await startDaily();
      const half = await stopInBucket(store);
      const ownerPid = await parentOf(half.pid);
      const killed = pair.find(({ pid }) => pid === ownerPid)!;
      const survivor = pair.find(({ pid }) => pid !== ownerPid)!;
      // The process stands still, its worker does not: the server hears what it was at.
      const beat = await until(
        async () =>
          (await heartbeats(handle)).find(
            ({ identity, message }) =>
              identity.startsWith(`${killed.pid}@`) && message.startsWith('stitching bucket'),
          ),
        'a heartbeat of the bucket from the worker that will be killed',
        { everyMs: 250, forMs: 60_000 },
      );
      expect(beat).toMatchObject({ attempt: 1, node: expect.stringMatching(/^stitch-group\//) });
      const written = await listFiles(half.folder);
      await killed.kill();
      process.kill(half.pid, 'SIGKILL');

      const [lakeDir, samples] = await stitched(handle, store);
      expect((await hashFolder(samples)).sha256).toBe((await hashFolder(undisturbed)).sha256);
      expect(isAlive(killed.pid)).toBe(false);

      // Samples of the bucket were there, and others of it were not: it was in the middle.
      const bucket = / (\d+)$/.exec(beat.message)![1]!;
      const ofBucket = (path: string): boolean => path.includes(`/bucket=${bucket}/`);
      const whole = (await listFiles(samples)).filter(ofBucket);
      const there = written.filter(ofBucket);
      expect(there.length).toBeGreaterThan(0);
      expect(there.length).toBeLessThan(whole.length);

      const attempts = await attemptsOf(handle, 'stitchGroup');
      expect(attempts).toHaveLength(GROUPS);
      const again = attempts.filter(({ attempt }) => attempt > 1);
      expect(again).toHaveLength(1);
      expect(again[0]!.identity.startsWith(`${survivor.pid}@`)).toBe(true);
      expect(again[0]!.failure).toMatch(/heartbeat/i);

      // And as one process in one piece makes them of the same lake.
      const piece = join(root, 'one-piece');
      await stitch({ lakeDir, outDir: piece });
      expect((await hashFolder(piece)).sha256).toBe((await hashFolder(samples)).sha256);
    },
    TIMEOUT_MS,
  );
});
