import type { FileHandle } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { writeAll } from './write-all.ts';

/** A file that takes three bytes at a time, up to its room. */
function smallFile(room: number): { file: Pick<FileHandle, 'write'>; bytes: Uint8Array } {
  const bytes = new Uint8Array(room);
  const write = (from: Uint8Array, offset: number, length: number, position: number) => {
    const bytesWritten = Math.min(3, length, room - position);
    if (bytesWritten <= 0) return Promise.reject(Object.assign(new Error(), { code: 'ENOSPC' }));
    bytes.set(from.subarray(offset, offset + bytesWritten), position);
    return Promise.resolve({ bytesWritten, buffer: from });
  };
  return { file: { write } as unknown as Pick<FileHandle, 'write'>, bytes };
}

test('goes on until short writes have taken everything', async () => {
  const { file, bytes } = smallFile(10);
  await writeAll(file, Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8), 2, 'x');
  expect([...bytes]).toEqual([0, 0, 1, 2, 3, 4, 5, 6, 7, 8]);
});

test('says that the disk is full, and where', async () => {
  const { file } = smallFile(4);
  const work = writeAll(file, new Uint8Array(8), 0, '/data/x');
  await expect(work).rejects.toMatchObject({ code: 'disk-full', where: '/data/x' });
});
