/** The workflows eraseUser and retention on a real Temporal server, with a real worker. */
import { Client, Connection } from '@temporalio/client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { PrivacyActivities } from '../../activities/privacy/as-activities.ts';
import { readAudit } from '../../activities/privacy/audit.ts';
import { queueErasure } from '../../activities/privacy/erase.ts';
import { searchEstate, tracesOf } from '../../activities/privacy/search.ts';
import { startWorker, type WorkerHandle } from '../../cli/worker-process.ts';
import { findInstalledTemporal } from '../../infra/temporal/binary.ts';
import { findOrStartTemporal, type TemporalServer } from '../../infra/temporal/index.ts';
import { IO_QUEUE } from '../../workflows/profiles.ts';
import { type Shared, shared, TestEstate } from './estate.ts';

type Erased = Awaited<ReturnType<PrivacyActivities['finishErasures']>>;
type Retained = Awaited<ReturnType<PrivacyActivities['applyRetention']>>;

const env = { ...process.env };
delete env.TEMPORAL_ADDRESS;
const installed = await findInstalledTemporal(env);

describe.skipIf(!installed)('on a Temporal server', () => {
  let from: Shared;
  let estate: TestEstate;
  let server: TemporalServer;
  let worker: WorkerHandle;
  let connection: Connection;
  let client: Client;

  beforeAll(async () => {
    from = await shared();
    estate = await TestEstate.copy(from);
    server = await findOrStartTemporal({ workspace: estate.root, env });
    const { address, namespace } = server;
    worker = await startWorker({ address, namespace, workspace: estate.root });
    connection = await Connection.connect({ address });
    client = new Client({ connection, namespace });
  });
  afterAll(async () => {
    await connection?.close();
    await worker?.stop();
    await server?.stop();
    await estate?.remove();
  });

  /** What a workflow returns, and its whole history as text: payloads decoded. */
  async function execute<T>(name: string, args: unknown[]): Promise<{ result: T; told: string }> {
    const workflowId = `${name}-1`;
    const handle = await client.workflow.start(name, { taskQueue: IO_QUEUE, workflowId, args });
    const result = (await handle.result()) as T;
    const history = JSON.stringify(await handle.fetchHistory());
    const payloads = [...history.matchAll(/"data":"([^"]*)"/g)].map(([, data = '']) =>
      Buffer.from(data, 'base64').toString('utf8'),
    );
    const told = [history, ...payloads].join('\n');
    return { result, told };
  }

  it('eraseUser finishes what was queued, and neither history nor database hears of the user', async () => {
    const { gone } = from.cast;
    const traces = await tracesOf(estate, [gone]);
    const before = await searchEstate(estate, traces, {});
    expect(before.places.length).toBeGreaterThan(10);
    // The server's own files are among those that are searched.
    expect(before.places.filter(({ path }) => path.startsWith('temporal/'))).toEqual([]);

    const auditId = await queueErasure(estate, { users: [gone], reason: 'T-19' });
    const { result, told } = await execute<Erased>('eraseUser', []);
    expect(result).toEqual([{ auditId, left: 0 }]);
    expect(told).toContain(auditId);
    for (const trace of [gone, ...traces.keys]) expect(told).not.toContain(trace);
    expect(await readAudit(estate.root)).toEqual([
      expect.objectContaining({ id: auditId, operation: 'erase', reason: 'T-19', users: 1 }),
    ]);
    const after = await searchEstate(estate, traces, {});
    expect(after.places).toEqual([]);
    expect(after.files).toBeGreaterThan(20);
    expect((await estate.ingest()).reused).toBe(true);
  });

  it('retention cuts by the date it was given, and reports how many artifacts changed', async () => {
    const { dates } = from.made.samples.summary as { dates: string[] };
    const input = { keepDays: 1, asOf: dates.at(-1)! };
    const { result } = await execute<Retained>('retention', [input]);
    const audit = await readAudit(estate.root);
    expect(audit.at(-1)).toMatchObject({
      id: result.auditId,
      operation: 'retention',
      firstKeptDay: dates.at(-1),
    });
    expect(result.changed).toBe((audit.at(-1)!.changes as unknown[]).length);
    const lake = await estate.ingest();
    expect(lake.reused).toBe(true);
    expect(Object.keys(lake.summary.byDate as object)).toEqual([dates.at(-1)]);
  });

  it('retention fails once, without retries, on days that are none', async () => {
    const running = execute('retention', [{ keepDays: 0, asOf: '2026-03-01' }]);
    await expect(running).rejects.toMatchObject({
      cause: { cause: { type: 'bad-retention', nonRetryable: true } },
    });
  });
});
