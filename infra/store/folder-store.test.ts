import { randomBytes } from 'node:crypto';
import { chmod, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { scratchFolder } from '../shared/test-support.ts';
import { FolderStore } from './folder-store.ts';
import { putFiles, storeContract } from './test-contract.ts';

const root = scratchFolder(afterAll);
const newRoot = (): string => join(root, randomBytes(6).toString('hex'));

describe('a store in a folder', () => {
  storeContract(async () => {
    const folder = newRoot();
    const store = new FolderStore(folder);
    return {
      open: () => new FolderStore(folder),
      damage: async (ref, path) => {
        const file = join(store.path(ref), path);
        await chmod(file, 0o644);
        await writeFile(file, 'eno');
      },
      remove: (ref) => rm(store.path(ref), { recursive: true }),
      recordFile: (key) => join(folder, 'records', `${key}.json`),
    };
  });

  it('tells of an artifact that was put into a bucket', async () => {
    const ref = await putFiles(new FolderStore(newRoot()), { a: '1' });
    const elsewhere = { ...ref, uri: 's3://bucket/artifacts/0' };
    await expect(new FolderStore(newRoot()).open(elsewhere)).rejects.toMatchObject({
      code: 'artifact-missing',
      fix: expect.stringContaining('the same --store'),
    });
  });
});
