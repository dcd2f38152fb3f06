/** Writing to an open file until every byte is there. */
import type { FileHandle } from 'node:fs/promises';
import { EdgeloomError } from '../lib/errors.ts';

const isDiskFull = (error: unknown): boolean =>
  ['ENOSPC', 'EDQUOT'].includes((error as NodeJS.ErrnoException).code ?? '');

/**
 * One write may take less than it was given, on a nearly full disk for one.
 * @param position bytes from the start of the file
 * @param path of the file, for the error
 * @throws EdgeloomError `disk-full`
 */
export async function writeAll(
  file: Pick<FileHandle, 'write'>,
  bytes: Uint8Array,
  position: number,
  path: string,
): Promise<void> {
  let done = 0;
  try {
    while (done < bytes.length) {
      const rest = bytes.length - done;
      const { bytesWritten } = await file.write(bytes, done, rest, position + done);
      done += bytesWritten;
    }
  } catch (error) {
    throw diskFull(error, path);
  }
}

/** EdgeloomError `disk-full` for a failed write that says so; any other error as it is. */
export function diskFull(error: unknown, path: string): unknown {
  if (!isDiskFull(error)) return error;
  return new EdgeloomError(
    {
      code: 'disk-full',
      what: 'The disk is full',
      where: path,
      fix: 'free some space and run the same command again',
    },
    { cause: error },
  );
}
