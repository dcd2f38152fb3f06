/** Requests that fail, bodies that break off, bits that flip; and failures that a person has to mend. */
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { sha256 } from '../../lib/hash.ts';
import { folderManifest, hashFolder } from '../../lib/hash-folder.ts';
import { rejection, scratchFolder } from '../shared/test-support.ts';
import { type S3Server, startVersitygw, versitygwOrReason } from '../versitygw/index.ts';
import { MIN_PART_BYTES, type S3Options } from './s3-location.ts';
import { seededBytes } from './test-bytes.ts';
import { putFiles, stage } from './test-contract.ts';
import { type Fault, type FaultyProxy, partNumber, startProxy } from './test-proxy.ts';
import { machineStore, newBucket, s3Environment, type TestBucket } from './test-s3.ts';

const found = await versitygwOrReason();
const reason = 'reason' in found ? ` (skipped: ${found.reason})` : '';
const root = scratchFolder(afterAll);
const BIG = seededBytes(2, MIN_PART_BYTES + 4_321);
let server: S3Server;
let proxy: FaultyProxy;
let bucket: TestBucket;

const machine = (options: S3Options = {}, workspace = join(root, randomBytes(6).toString('hex'))) =>
  machineStore({ url: bucket.url, env: s3Environment(server, proxy.endpoint) }, workspace, {
    partBytes: MIN_PART_BYTES,
    ...options,
  });

const isFile = (url: string): boolean => url.includes('/files/');

describe.skipIf(reason)(`a bucket behind a bad line${reason}`, () => {
  beforeAll(async () => {
    if ('binary' in found) server = await startVersitygw(found.binary, join(root, 'server'));
  });
  afterAll(() => server?.stop());
  beforeEach(async () => {
    bucket = await newBucket(server);
    proxy = await startProxy(server.endpoint);
    return async () => {
      vi.unstubAllEnvs();
      await proxy.stop();
    };
  });

  it.each<[string, Fault, number]>([
    ['are dropped', 'drop', 2],
    ['are done but their answers are lost', 'deaf', 2],
    ['fail with 500', 500, 2],
    // The SDK waits longer after it.
    ['are slowed down with 503', 503, 1],
  ])('works when all requests %s at first', async (_, fault, times) => {
    proxy.decide = ({ before }) => (before < times ? fault : undefined);
    const files = { big: BIG, small: 'one', empty: '' };
    const store = machine();
    const ref = await putFiles(store, files);
    const record = {
      key: 'k',
      parts: { stage: 's', code: 'c', params: {}, inputs: {} },
      ref,
      summary: {},
    };
    await store.writeRecord('n', record);
    const other = machine();
    expect(await other.readRecord('k')).toEqual(record);
    expect(await other.verify(ref)).toBe(true);
    expect((await hashFolder(await other.open(ref))).sha256).toBe(ref.sha256);
    expect(proxy.seen.some(({ before }) => before >= times)).toBe(true);
  });

  it('fetches on after each break of a body, from the byte where it broke', async () => {
    const ref = await putFiles(machine(), { big: BIG });
    const step = 2_000_000;
    proxy.seen.length = 0;
    proxy.decide = ({ method, url }) =>
      method === 'GET' && isFile(url) ? { cut: step } : undefined;
    expect((await hashFolder(await machine().open(ref))).sha256).toBe(ref.sha256);
    const ranges = proxy.seen.filter(({ url }) => isFile(url)).map(({ range }) => range);
    const starts = ranges.map((range) => Number(/^bytes=(\d+)-$/.exec(range ?? 'bytes=0-')?.[1]));
    expect(starts.length).toBeGreaterThanOrEqual(3);
    expect(starts[0]).toBe(0);
    // A client may lose the last bytes before a break, and no others.
    for (const [i, start] of starts.slice(1).entries()) {
      expect(start - starts[i]!).toBeGreaterThan(step / 2);
      expect(start - starts[i]!).toBeLessThanOrEqual(step);
    }
  });

  it('gives a connection up on which nothing comes any more', async () => {
    const ref = await putFiles(machine(), { big: BIG });
    proxy.decide = ({ method, url, before }) => {
      if (method !== 'GET' || before > 0) return undefined;
      return isFile(url) ? { stall: 1_000 } : 'hang';
    };
    const path = await machine({ stallMs: 300 }).open(ref);
    expect((await hashFolder(path)).sha256).toBe(ref.sha256);
  });

  it('fetches anew what arrives with other bits, and leaves the store as it is', async () => {
    const ref = await putFiles(machine(), { small: 'one' });
    proxy.decide = ({ method, before }) => (method === 'GET' && before === 0 ? 'flip' : undefined);
    expect((await hashFolder(await machine().open(ref))).sha256).toBe(ref.sha256);
    expect(await machine().verify(ref)).toBe(true);
  });

  it.each([
    ['a small file', 'one'],
    ['a part', BIG],
  ])('keeps nothing of %s that leaves with other bits', async (_, content) => {
    proxy.decide = ({ url, method }) => (method === 'PUT' && isFile(url) ? 'flipUp' : undefined);
    const store = machine();
    const error = await rejection(putFiles(store, { f: content }));
    expect(error.code).toBe('store-unreachable');
    expect(existsSync(join(bucket.folder, 'artifacts'))).toBe(false);
    proxy.decide = () => undefined;
    const ref = await putFiles(store, { f: content });
    expect((await hashFolder(await machine().open(ref))).sha256).toBe(ref.sha256);
  });

  it('stops when the caller gives up, during an upload and during a download', async () => {
    const given = new Error('given up');
    proxy.decide = (seen) => (partNumber(seen) === 2 ? 'hang' : undefined);
    const store = machine();
    const folder = await stage(store, { big: BIG });
    const upload = new AbortController();
    const putting = store.put(folder, 1, { signal: upload.signal });
    const outcome = expect(putting).rejects.toBe(given);
    await expect.poll(() => proxy.seen.map(partNumber)).toContain(2);
    upload.abort(given);
    await outcome;
    expect(existsSync(join(bucket.folder, 'artifacts'))).toBe(false);

    proxy.decide = () => undefined;
    const ref = await putFiles(store, { big: BIG });
    proxy.decide = ({ method, url }) =>
      method === 'GET' && isFile(url) ? { stall: 1_000 } : undefined;
    const download = new AbortController();
    const opening = machine().open(ref, { signal: download.signal });
    const stopped = expect(opening).rejects.toBe(given);
    proxy.seen.length = 0;
    await expect.poll(() => proxy.seen.some(({ url }) => isFile(url))).toBe(true);
    download.abort(given);
    await stopped;
  });

  it('gives up after the attempts it has, and says that it may be tried again', async () => {
    proxy.decide = () => 503;
    const error = await rejection(machine({ attempts: 3 }).readRecord('k'));
    expect(error).toMatchObject({ code: 'store-unreachable' });
    expect(error.where).toContain('/records/k.json');
    expect(proxy.seen).toHaveLength(3);
  });

  it('without a server says so', async () => {
    await proxy.stop();
    const error = await rejection(machine({ attempts: 2 }).readRecord('k'));
    expect(error).toMatchObject({ code: 'store-unreachable' });
    expect(error.message).toContain('ECONNREFUSED');
    expect(error.fix).toContain('EDGELOOM_S3_ENDPOINT');
    proxy = await startProxy(server.endpoint);
  });

  it.each([
    ['another secret', { AWS_SECRET_ACCESS_KEY: 'wrong' }, 'store-access-denied'],
    ['an unknown key', { AWS_ACCESS_KEY_ID: 'nobody' }, 'store-access-denied'],
    [
      'no credentials at all',
      {
        AWS_ACCESS_KEY_ID: undefined,
        AWS_SECRET_ACCESS_KEY: undefined,
        AWS_EC2_METADATA_DISABLED: 'true',
        AWS_SHARED_CREDENTIALS_FILE: '/nowhere',
        AWS_CONFIG_FILE: '/nowhere',
      },
      'store-no-credentials',
    ],
  ])('with %s says so, for every kind of request', async (_, env, code) => {
    for (const [name, value] of Object.entries(env)) vi.stubEnv(name, value);
    const ref = { uri: '', rows: 0, bytes: 1, sha256: `sha256:${'0'.repeat(64)}` };
    const store = machine({ attempts: 2 });
    for (const attempt of [
      () => store.readRecord('k'),
      () => store.open(ref),
      () => putFiles(store, { a: '1' }),
      () => store.dropScratch('k'),
    ]) {
      expect((await rejection(attempt())).code).toBe(code);
    }
  });

  it('without a bucket says so', async () => {
    const env = s3Environment(server);
    const store = machineStore({ url: 's3://no-such-bucket/x', env }, join(root, 'none'));
    for (const attempt of [() => store.readRecord('k'), () => putFiles(store, { a: '1' })]) {
      expect((await rejection(attempt())).code).toBe('store-no-bucket');
    }
  });

  it.each([
    ['leads out of the cache', [{ path: '../../evil', bytes: 3 }]],
    ['is absolute', [{ path: '/tmp/evil', bytes: 3 }]],
    ['has a backslash', [{ path: '..\\evil', bytes: 3 }]],
    [
      'is that of a folder',
      [
        { path: 'a', bytes: 3 },
        { path: 'a/b', bytes: 3 },
      ],
    ],
    [
      'is there twice',
      [
        { path: 'a', bytes: 3 },
        { path: 'a', bytes: 3 },
      ],
    ],
  ])('refuses a list of files in which a path %s, and writes none', async (_, files) => {
    await putFiles(machine(), { f: 'one' });
    const text = folderManifest(files.map((file) => ({ ...file, sha256: sha256('one') })));
    await writeFile(join(bucket.folder, 'artifacts', sha256(text)), text);
    const ref = { uri: '', rows: 0, bytes: 3, sha256: `sha256:${sha256(text)}` };
    const workspace = join(root, 'escape');
    const store = machine({}, workspace);
    expect(await rejection(store.open(ref))).toMatchObject({ code: 'artifact-damaged' });
    expect(await store.verify(ref)).toBe(false);
    const written = (await readdir(workspace, { recursive: true })).filter((p) => /evil/.test(p));
    expect(written).toEqual([]);
    await rm(workspace, { recursive: true });
  });
});
