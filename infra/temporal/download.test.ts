import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { createServer, type RequestListener, type Server } from 'node:http';
import { dirname, join } from 'node:path';
import { afterAll, afterEach, expect, test } from 'vitest';
import { rejection, scratchFolder, writeProgram } from '../shared/test-support.ts';
import { inspectTemporal } from './binary.ts';
import { downloadTemporal } from './download.ts';

const scratch = scratchFolder(afterAll);
let count = 0;
let server: Server | undefined;

afterEach(() => {
  server?.closeAllConnections();
  server?.close();
});

/** A download site on a free port: answers to the JSON question and to the archive's address. */
async function site(archive: RequestListener, extract = 'temporal'): Promise<string> {
  const listening = createServer((request, response) => {
    if (request.url?.startsWith('/archive')) return archive(request, response);
    const archiveUrl = `http://${request.headers.host}/archive.tar.gz`;
    response.end(JSON.stringify({ archiveUrl, fileToExtract: extract }));
  });
  server = listening;
  await new Promise<void>((resolve) => listening.listen(0, '127.0.0.1', resolve));
  const address = listening.address();
  if (typeof address !== 'object' || !address) throw new Error('not listening');
  return `http://127.0.0.1:${address.port}`;
}

function target(): string {
  count += 1;
  const path = join(scratch, `${count}`, 'temporal');
  mkdirSync(dirname(path));
  return path;
}

function archiveOf(body: string): Buffer {
  count += 1;
  const folder = join(scratch, `archive-${count}`);
  writeProgram(join(folder, 'temporal'), body);
  execFileSync('tar', ['-czf', 'archive.tar.gz', 'temporal'], { cwd: folder });
  return readFileSync(join(folder, 'archive.tar.gz'));
}

test('puts the program in place, executable, and tells how far it is', async () => {
  const archive = archiveOf('echo "temporal version 1.8.2 (Server 1.31.2, UI 2.50.1)"');
  const path = target();
  const messages: string[] = [];
  await downloadTemporal(path, {
    site: await site((_, response) => response.end(archive)),
    onProgress: ({ message }) => messages.push(message),
  });
  expect(await inspectTemporal(path)).toEqual({ cliVersion: '1.8.2', serverVersion: '1.31.2' });
  expect(readdirSync(dirname(path))).toEqual(['temporal']);
  expect(messages.at(-1)).toMatch(/downloading Temporal 1\.8\.2: 0/);
});

test.each<[string, RequestListener]>([
  ['HTTP status 404', (_, response) => response.writeHead(404).end()],
  ['the archive is damaged', (_, response) => response.end('not an archive')],
  [
    'cut off after 9 of 1000 bytes',
    (_, response) => {
      response.writeHead(200, { 'content-length': '1000' });
      response.write('only this', () => response.destroy());
    },
  ],
])('refuses and leaves nothing: %s', async (reason, archive) => {
  const path = target();
  const error = await rejection(downloadTemporal(path, { site: await site(archive) }));
  expect(error).toMatchObject({ code: 'temporal-download-failed', exitCode: 3 });
  expect(error.message).toContain(reason);
  expect(readdirSync(dirname(path))).toEqual([]);
});

test('gives a silent site up after the time allowed', async () => {
  const path = target();
  const silent = await site(() => undefined);
  const error = await rejection(downloadTemporal(path, { site: silent, stallMs: 100 }));
  expect(error.message).toContain('no answer for 0.1 s');
});

test('an unreachable site is named with the reason', async () => {
  const path = target();
  const base = await site(() => undefined);
  server?.close();
  const error = await rejection(downloadTemporal(path, { site: base }));
  expect(error.code).toBe('temporal-download-failed');
  expect(error.message).toContain('ECONNREFUSED');
  expect(error.where).toContain(base);
});

test('refuses an answer that names a file outside the archive’s root', async () => {
  const path = target();
  const base = await site((_, response) => response.end('x'), '../../evil');
  const error = await rejection(downloadTemporal(path, { site: base }));
  expect(error.message).toContain('another form');
  expect(existsSync(join(path, '..', '..', 'evil'))).toBe(false);
});

test('cancelling is no failure of the site', async () => {
  const controller = new AbortController();
  const base = await site(() => controller.abort());
  const running = downloadTemporal(target(), { site: base, signal: controller.signal });
  expect(await rejection(running)).toMatchObject({ code: 'cancelled', exitCode: 130 });
});
