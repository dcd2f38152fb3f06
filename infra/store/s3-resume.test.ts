/** Killed in the middle, gone on with: nothing is sent or fetched twice. */
import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, statSync } from 'node:fs';
import { cp, mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  CreateMultipartUploadCommand,
  ListMultipartUploadsCommand,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { sha256 } from '../../lib/hash.ts';
import { hashFolder } from '../../lib/hash-folder.ts';
import { scratchFolder } from '../shared/test-support.ts';
import { type S3Server, startVersitygw, versitygwOrReason } from '../versitygw/index.ts';
import { hexOf } from './folder-store.ts';
import { base64OfHex } from './s3-bucket.ts';
import { MIN_PART_BYTES } from './s3-location.ts';
import { seededBytes } from './test-bytes.ts';
import { putFiles } from './test-contract.ts';
import { type FaultyProxy, partNumber, type Seen, startProxy } from './test-proxy.ts';
import { machineStore, newBucket, s3Environment, type TestBucket } from './test-s3.ts';

const found = await versitygwOrReason();
const reason = 'reason' in found ? ` (skipped: ${found.reason})` : '';
const root = scratchFolder(afterAll);
const PARTS = 4;
const SMALL = { partBytes: MIN_PART_BYTES, concurrency: 1 };
/** Three whole parts and a rest. */
const BIG = seededBytes(1, (PARTS - 1) * MIN_PART_BYTES + 12_345);
let server: S3Server;
let proxy: FaultyProxy;
let bucket: TestBucket;

const newFolder = (): string => join(root, randomBytes(6).toString('hex'));

function child(action: string, workspace: string, what: string): ChildProcess {
  const script = fileURLToPath(new URL('./test-child.ts', import.meta.url));
  return spawn(process.execPath, ['--import', 'tsx', script, action, workspace, bucket.url, what], {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: { ...process.env, ...s3Environment(server, proxy.endpoint) },
  });
}

async function kill(process: ChildProcess): Promise<void> {
  const ended = new Promise((resolve) => process.once('close', resolve));
  process.kill('SIGKILL');
  await ended;
}

/** This process as another machine, through the proxy. */
const machine = (workspace = newFolder()) =>
  machineStore({ url: bucket.url, env: s3Environment(server, proxy.endpoint) }, workspace, SMALL);

const partsSent = (seen: readonly Seen[]): number[] => seen.map(partNumber).filter((n) => n > 0);

async function openUploads(): Promise<number> {
  const { location, client } = bucket.bucket;
  const page = await client.send(new ListMultipartUploadsCommand({ Bucket: location.bucket }));
  return page.Uploads?.length ?? 0;
}

describe.skipIf(reason)(`big files in a bucket${reason}`, () => {
  beforeAll(async () => {
    if ('binary' in found) server = await startVersitygw(found.binary, join(root, 'server'));
  });
  afterAll(() => server?.stop());
  beforeEach(async () => {
    bucket = await newBucket(server);
    proxy = await startProxy(server.endpoint);
    return () => proxy.stop();
  });

  it('go in parts, a bounded number at once, and come back', async () => {
    const env = s3Environment(server, proxy.endpoint);
    const options = { partBytes: MIN_PART_BYTES, concurrency: 2 };
    const store = machineStore({ url: bucket.url, env }, newFolder(), options);
    const ref = await putFiles(store, { big: BIG, small: '1' });
    expect(partsSent(proxy.seen).sort()).toEqual([1, 2, 3, 4]);
    expect(Math.max(...proxy.seen.map(({ bytes }) => bytes))).toBe(MIN_PART_BYTES);
    expect(proxy.mostBodies()).toBe(2);
    expect(await machine().verify(ref)).toBe(true);
    expect((await hashFolder(await machine().open(ref))).sha256).toBe(ref.sha256);
    expect(await openUploads()).toBe(0);
  });

  it('go on where a killed process stopped, from another machine', async () => {
    const source = newFolder();
    await mkdir(source);
    await writeFile(join(source, 'big'), BIG);
    proxy.decide = (seen) => (partNumber(seen) >= 3 ? 'hang' : undefined);
    const process = child('put', newFolder(), source);
    await expect.poll(() => partsSent(proxy.seen), { timeout: 60_000 }).toEqual([1, 2, 3]);
    await kill(process);
    expect(await openUploads()).toBe(1);
    // Not there before all of it is.
    expect(existsSync(join(bucket.folder, 'artifacts'))).toBe(false);

    proxy.decide = () => undefined;
    proxy.seen.length = 0;
    const store = machine();
    const staging = await store.staging();
    await cp(source, staging, { recursive: true });
    const ref = await store.put(staging, 1);
    expect(partsSent(proxy.seen)).toEqual([3, 4]);
    expect(await openUploads()).toBe(0);
    expect((await hashFolder(await machine().open(ref))).sha256).toBe(ref.sha256);
  });

  it('do not take over an upload that has other bytes', async () => {
    const { client } = bucket.bucket;
    const at = bucket.bucket.at(`files/${sha256(BIG)}`);
    const { UploadId } = await client.send(
      new CreateMultipartUploadCommand({ ...at, ChecksumAlgorithm: 'SHA256' }),
    );
    const Body = Buffer.from(BIG.subarray(0, MIN_PART_BYTES));
    Body[17] = (Body[17] ?? 0) ^ 1;
    const ChecksumSHA256 = base64OfHex(sha256(Body));
    await client.send(
      new UploadPartCommand({ ...at, UploadId, PartNumber: 1, Body, ChecksumSHA256 }),
    );
    const ref = await putFiles(machine(), { big: BIG });
    expect(partsSent(proxy.seen)).toEqual([1, 2, 3, 4]);
    expect(await openUploads()).toBe(0);
    expect((await hashFolder(await machine().open(ref))).sha256).toBe(ref.sha256);
  });

  it('sent by two writers at once are one object, and no upload is left', async () => {
    const refs = await Promise.all(
      [machine(), machine(), machine()].map((store) => putFiles(store, { big: BIG })),
    );
    expect(new Set(refs.map(({ sha256 }) => sha256)).size).toBe(1);
    expect(await openUploads()).toBe(0);
    expect((await hashFolder(await machine().open(refs[0]!))).sha256).toBe(refs[0]!.sha256);
  });

  it('are fetched on from where a killed process stopped', async () => {
    const ref = await putFiles(machine(), { 'd/big': BIG });
    const workspace = newFolder();
    const half = 7_000_000;
    proxy.decide = ({ url, method }) =>
      method === 'GET' && url.includes('/files/') ? { stall: half } : undefined;
    const process = child('open', workspace, JSON.stringify(ref));
    const partial = async (): Promise<number> => {
      const cache = join(workspace, 'store-cache');
      const [name = 'none'] = await readdir(cache).catch(() => []);
      const file = join(cache, name, 'partial', hexOf(ref), 'd', 'big');
      return existsSync(file) ? statSync(file).size : 0;
    };
    await expect.poll(partial, { timeout: 60_000 }).toBe(half);
    await kill(process);
    proxy.decide = () => undefined;
    proxy.seen.length = 0;
    expect((await hashFolder(await machine(workspace).open(ref))).sha256).toBe(ref.sha256);
    const ranges = proxy.seen.filter(({ url }) => url.includes('/files/')).map((r) => r.range);
    expect(ranges).toEqual([`bytes=${half}-`]);
    await rm(workspace, { recursive: true });
  });
});
