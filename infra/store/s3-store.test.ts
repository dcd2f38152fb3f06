import { randomBytes } from 'node:crypto';
import { chmod, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sha256, sha256File } from '../../lib/hash.ts';
import { scratchFolder } from '../shared/test-support.ts';
import { type S3Server, startVersitygw, versitygwOrReason } from '../versitygw/index.ts';
import { hexOf } from './folder-store.ts';
import { putFiles, storeContract } from './test-contract.ts';
import { machineStore, newBucket } from './test-s3.ts';

const found = await versitygwOrReason();
const reason = 'reason' in found ? ` (skipped: ${found.reason})` : '';
const root = scratchFolder(afterAll);
let server: S3Server;

describe.skipIf(reason)(`a store in a bucket${reason}`, () => {
  beforeAll(async () => {
    if ('binary' in found) server = await startVersitygw(found.binary, join(root, 'server'));
  });
  afterAll(() => server?.stop());

  storeContract(async () => {
    const bucket = await newBucket(server);
    const machine = (): string => join(root, randomBytes(6).toString('hex'));
    return {
      open: () => machineStore(bucket, machine()),
      damage: async (ref, path) => {
        const store = machineStore(bucket, machine());
        const hex = await sha256File(join(await store.open(ref), path));
        await writeFile(join(bucket.folder, 'files', hex), 'eno');
      },
      remove: (ref) => rm(join(bucket.folder, 'artifacts', hexOf(ref))),
      recordFile: (key) => join(bucket.folder, 'records', `${key}.json`),
    };
  });

  it('keeps the bytes of equal files once', async () => {
    const bucket = await newBucket(server);
    const store = machineStore(bucket, join(root, 'once'));
    await putFiles(store, { a: 'x', 'b/c': 'x', d: 'y' });
    await putFiles(store, { e: 'x' });
    const stored = await readdir(join(bucket.folder, 'files'));
    expect(stored.sort()).toEqual([sha256('x'), sha256('y')].sort());
    expect(await readdir(join(bucket.folder, 'artifacts'))).toHaveLength(2);
  });

  it('mends a cached copy that was altered', async () => {
    const bucket = await newBucket(server);
    const store = machineStore(bucket, join(root, 'altered'));
    const ref = await putFiles(store, { a: 'one' });
    const file = join(await store.open(ref), 'a');
    await chmod(file, 0o644);
    await writeFile(file, 'eno');
    expect(await store.verify(ref)).toBe(true);
    expect(await readFile(join(await store.open(ref), 'a'), 'utf8')).toBe('one');
  });

  it('keeps its cache to its owner', async () => {
    const bucket = await newBucket(server);
    const workspace = join(root, 'owner');
    await putFiles(machineStore(bucket, workspace), { a: 'one' });
    const [name = ''] = await readdir(join(workspace, 'store-cache'));
    expect((await stat(join(workspace, 'store-cache', name))).mode & 0o777).toBe(0o700);
  });

  it('tells of an artifact that was put into another store', async () => {
    const store = machineStore(await newBucket(server), join(root, 'here'));
    const ref = {
      uri: 's3://there/artifacts/0',
      rows: 0,
      bytes: 1,
      sha256: `sha256:${sha256('')}`,
    };
    await expect(store.open(ref)).rejects.toMatchObject({
      code: 'artifact-missing',
      fix: expect.stringContaining('s3://there'),
    });
  });

  it('leaves of the checkpoints that were saved only the last', async () => {
    const bucket = await newBucket(server);
    const store = machineStore(bucket, join(root, 'last'));
    const state = join(await store.scratch('k'), 'state');
    for (const step of ['7', '8', '9']) {
      await writeFile(`${state}.new`, step);
      await rename(`${state}.new`, state);
      await store.saveScratch('k');
    }
    const kept = await readdir(join(bucket.folder, 'scratch', 'k'));
    expect(kept.sort()).toEqual([sha256('9'), 'list.json'].sort());
  });

  it('does not overwrite the checkpoints of an attempt on this machine', async () => {
    const bucket = await newBucket(server);
    const store = machineStore(bucket, join(root, 'own'));
    await writeFile(join(await store.scratch('k'), 'state'), 'here');
    await store.saveScratch('k');
    const other = machineStore(bucket, join(root, 'other'));
    const state = join(await other.scratch('k'), 'state');
    await writeFile(state, 'its own');
    await other.restoreScratch('k');
    expect(await readFile(state, 'utf8')).toBe('its own');
  });
});
