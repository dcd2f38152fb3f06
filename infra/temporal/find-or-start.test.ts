import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { freePort } from '../shared/ports.ts';
import { rejection, scratchFolder, writeProgram } from '../shared/test-support.ts';
import { isNewEnough } from './connect.ts';
import { findOrStartTemporal } from './find-or-start.ts';

const scratch = scratchFolder(afterAll);
let count = 0;

/** A machine whose `temporal` answers to --version and runs `body` otherwise. */
function machine(body: string) {
  count += 1;
  const root = join(scratch, `${count}`);
  const bin = join(root, 'bin');
  writeProgram(
    join(bin, 'temporal'),
    `[ "$1" = --version ] && echo "temporal version 1.8.2 (Server 1.31.2, UI 2)" && exit
echo "$@" >> ${join(root, 'starts')}
${body}`,
  );
  const starts = (): string[] => readFileSync(join(root, 'starts'), 'utf8').trim().split('\n');
  const env = { PATH: bin, EDGELOOM_CACHE: join(root, 'cache') };
  return { workspace: join(root, 'workspace'), env, starts };
}

test('a TEMPORAL_ADDRESS where nobody answers is told, not replaced by a server of our own', async () => {
  const { env, workspace } = machine('exit 1');
  const address = `127.0.0.1:${await freePort(undefined)}`;
  const error = await rejection(
    findOrStartTemporal({
      workspace,
      env: { ...env, TEMPORAL_ADDRESS: address, TEMPORAL_NAMESPACE: 'models' },
      connectTimeoutMs: 500,
    }),
  );
  expect(error).toMatchObject({ code: 'temporal-unreachable', exitCode: 3 });
  expect(error.where).toBe(`${address}, namespace models`);
  expect(error.fix).toContain('unset');
  expect(existsSync(workspace)).toBe(false);
});

test('a server that ends while starting is told with the end of its log', async () => {
  const { starts, ...options } = machine('echo "cannot open the file"; exit 1');
  const error = await rejection(findOrStartTemporal(options));
  expect(error.code).toBe('temporal-start-failed');
  expect(error.message).toContain('cannot open the file');
  expect(error.where).toBe(join(options.workspace, 'temporal', 'server.log'));
  expect(starts()).toHaveLength(1);
  expect(starts()[0]).toContain('--search-attribute RunDate=Keyword');
  expect(existsSync(join(options.workspace, 'temporal', 'server.json'))).toBe(false);
});

test('a database file that another server holds is told as that', async () => {
  const { starts: _starts, ...options } = machine(
    'echo "database is locked (5) (SQLITE_BUSY)"; exit 1',
  );
  const error = await rejection(findOrStartTemporal(options));
  expect(error.code).toBe('temporal-database-busy');
  expect(error.fix).toContain('another workspace');
});

test('when another program took the port, it starts again on another one', async () => {
  const { starts, ...options } = machine('echo "listen tcp: address already in use"; exit 1');
  const error = await rejection(findOrStartTemporal(options));
  expect(error.code).toBe('temporal-port-taken');
  const ports = starts().map((line) => /--port (\d+)/.exec(line)?.[1]);
  expect(new Set(ports).size).toBe(3);
});

test('cancelling while it starts ends the server', async () => {
  const { starts: _starts, ...options } = machine('exec sleep 600');
  const controller = new AbortController();
  const running = findOrStartTemporal({
    ...options,
    signal: controller.signal,
    onProgress: ({ message }) => {
      if (message.startsWith('starting')) setImmediate(() => controller.abort());
    },
  });
  expect(await rejection(running)).toMatchObject({ code: 'cancelled', exitCode: 130 });
  expect(existsSync(join(options.workspace, 'temporal', 'server.json'))).toBe(false);
});

test('a note about a server that is gone is no obstacle', async () => {
  const { starts, ...options } = machine('echo started; exit 1');
  const folder = join(options.workspace, 'temporal');
  mkdirSync(folder, { recursive: true });
  // Our own process id: alive, and not that server.
  const note = { pid: process.pid, address: '127.0.0.1:1', users: [] };
  for (const text of [JSON.stringify(note), '{"pid": 10737', '']) {
    writeFileSync(join(folder, 'server.json'), text);
    expect((await rejection(findOrStartTemporal(options))).code).toBe('temporal-start-failed');
  }
  expect(starts()).toHaveLength(3);
});

test('takes the preferred port when it is free and another when it is not', async () => {
  const free = await freePort(undefined);
  expect(await freePort(free)).toBe(free);
  const { createServer } = await import('node:net');
  const holder = createServer();
  await new Promise<void>((resolve) => holder.listen(free, '127.0.0.1', resolve));
  expect(await freePort(free)).not.toBe(free);
  holder.close();
});

test('knows which servers are new enough', () => {
  expect(['1.29.1', '1.31.2', 'v2.0.0', 'unknown'].every(isNewEnough)).toBe(true);
  expect(['1.28.4', '0.99.0'].some(isNewEnough)).toBe(false);
});
