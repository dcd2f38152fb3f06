/** Checks on a folder that is about to be written. */
import { readdir } from 'node:fs/promises';
import { EdgeloomError } from '../lib/errors.ts';

/** @throws EdgeloomError `output-not-empty` unless the folder is absent or empty */
export async function refuseUsedFolder(folder: string): Promise<void> {
  const entries = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw error;
  });
  if (entries.length === 0) return;
  throw new EdgeloomError({
    code: 'output-not-empty',
    what: 'The output folder is not empty',
    where: folder,
    fix: 'remove it or name another',
  });
}
