/** A real Temporal server, from start to stop. Needs the program; `edgeloom doctor --fix` gets it. */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Client, Connection } from '@temporalio/client';
import {
  defineSearchAttributeKey,
  SearchAttributeType,
  TypedSearchAttributes,
} from '@temporalio/common';
import { afterAll, describe, expect, test } from 'vitest';
import { isAlive } from '../../lib/alive.ts';
import { freePort } from '../shared/ports.ts';
import { scratchFolder } from '../shared/test-support.ts';
import { findInstalledTemporal } from './binary.ts';
import { findOrStartTemporal, type TemporalServer } from './find-or-start.ts';
import { SEARCH_ATTRIBUTES } from './search-attributes.ts';

const scratch = scratchFolder(afterAll);
const env = { ...process.env };
delete env.TEMPORAL_ADDRESS;
const installed = await findInstalledTemporal(env);
const runDate = defineSearchAttributeKey('RunDate', SearchAttributeType.KEYWORD);

const start = (workspace: string): Promise<TemporalServer> =>
  Promise.all([freePort(undefined), freePort(undefined)]).then(([port, uiPort]) =>
    findOrStartTemporal({ workspace, env, port, uiPort }),
  );

async function withClient<T>(
  server: TemporalServer,
  work: (client: Client) => Promise<T>,
): Promise<T> {
  const connection = await Connection.connect({ address: server.address });
  try {
    return await work(new Client({ connection, namespace: server.namespace }));
  } finally {
    await connection.close();
  }
}

/** Starts a server in another process, which says when it is up and then does as told. */
async function startElsewhere(workspace: string, then: string) {
  const module = fileURLToPath(new URL('./find-or-start.ts', import.meta.url));
  const code = `import { findOrStartTemporal } from ${JSON.stringify(module)};
    const server = await findOrStartTemporal({ workspace: ${JSON.stringify(workspace)}, port: ${await freePort(undefined)}, uiPort: ${await freePort(undefined)} });
    console.log(JSON.stringify(server));
    ${then}`;
  const child = spawn(
    process.execPath,
    ['--import', 'tsx', '--input-type=module', '--eval', code],
    { env, stdio: ['ignore', 'pipe', 'inherit'] },
  );
  const [line] = (await once(child.stdout, 'data')) as [Buffer];
  return { child, server: JSON.parse(String(line)) as TemporalServer };
}

describe.skipIf(!installed)('a server of our own', () => {
  test('has the search attributes, keeps its state over a restart, and is gone when stopped', async () => {
    const workspace = join(scratch, 'restart');
    const first = await start(workspace);
    expect(first).toMatchObject({ startedByUs: true, namespace: 'default' });
    expect(first.version).toBe(installed?.serverVersion);
    await withClient(first, async (client) => {
      const { customAttributes } = await client.connection.operatorService.listSearchAttributes({
        namespace: 'default',
      });
      expect(Object.keys(customAttributes)).toEqual(expect.arrayContaining([...SEARCH_ATTRIBUTES]));
      await client.workflow.start('unknownWorkflow', {
        workflowId: 'daily/2022-04-30',
        taskQueue: 'nobody',
        typedSearchAttributes: new TypedSearchAttributes([{ key: runDate, value: '2022-04-30' }]),
      });
    });
    expect((await fetch(first.uiUrl)).status).toBe(200);
    await first.stop();
    expect(isAlive(first.pid!)).toBe(false);
    await first.stop();

    const second = await start(workspace);
    try {
      expect(second.pid).not.toBe(first.pid);
      await withClient(second, async (client) => {
        const found = await client.workflow.getHandle('daily/2022-04-30').describe();
        expect(found.status.name).toBe('RUNNING');
        expect(found.typedSearchAttributes.get(runDate)).toBe('2022-04-30');
      });
    } finally {
      await second.stop();
    }
  });

  test('is shared: a second user joins it, and the last to leave stops it', async () => {
    const workspace = join(scratch, 'shared');
    const [one, two] = await Promise.all([start(workspace), start(workspace)]);
    expect(one.pid).toBe(two.pid);
    expect([one.startedByUs, two.startedByUs].sort()).toEqual([false, true]);
    await one.stop();
    expect(isAlive(two.pid!)).toBe(true);
    await two.stop();
    expect(isAlive(two.pid!)).toBe(false);
  });

  test('outlives a killed starter, and the next process takes it over and stops it', async () => {
    const workspace = join(scratch, 'orphan');
    const { child, server } = await startElsewhere(workspace, 'setInterval(() => {}, 1000);');
    child.kill('SIGKILL');
    await once(child, 'exit');
    expect(isAlive(server.pid!)).toBe(true);
    const next = await start(workspace);
    expect(next).toMatchObject({ startedByUs: false, pid: server.pid, address: server.address });
    await next.stop();
    expect(isAlive(server.pid!)).toBe(false);
  });

  test('is told to end when its starter leaves without stopping it, and the next start waits for that', async () => {
    const workspace = join(scratch, 'careless');
    const { child, server } = await startElsewhere(workspace, 'process.exit(1);');
    await once(child, 'exit');
    const next = await start(workspace);
    expect(next.pid).not.toBe(server.pid);
    expect(next.startedByUs).toBe(true);
    await next.stop();
  });

  test('does not get the terminal’s Ctrl-C', async () => {
    const server = await start(join(scratch, 'group'));
    const group = execFileSync('ps', ['-o', 'pgid=', '-p', String(server.pid)], {
      encoding: 'utf8',
    });
    expect(Number(group)).toBe(server.pid);
    await server.stop();
  });

  test('a server of TEMPORAL_ADDRESS gets the attributes it lacks and is left alone', async () => {
    const own = await start(join(scratch, 'named'));
    try {
      await withClient(own, (client) =>
        client.connection.operatorService.removeSearchAttributes({
          namespace: 'default',
          searchAttributes: ['Stage'],
        }),
      );
      const named = await findOrStartTemporal({
        workspace: join(scratch, 'unused'),
        env: { ...env, TEMPORAL_ADDRESS: own.address, TEMPORAL_UI_URL: own.uiUrl },
      });
      expect(named).toMatchObject({ source: 'env', startedByUs: false, uiUrl: own.uiUrl });
      await named.stop();
      expect(isAlive(own.pid!)).toBe(true);
      await withClient(own, async (client) => {
        const { customAttributes } = await client.connection.operatorService.listSearchAttributes({
          namespace: 'default',
        });
        expect(Object.keys(customAttributes)).toContain('Stage');
      });
    } finally {
      await own.stop();
    }
  });
});
