/** Files of one folder in another, without a copy where that is safe. */
import { copyFile, link, mkdir, stat } from 'node:fs/promises';
import { dirname } from 'node:path';

/** Other disks, file systems without links, too many links. */
const NO_LINK = new Set(['EXDEV', 'EPERM', 'EMLINK', 'ENOSYS', 'ENOTSUP', 'EOPNOTSUPP']);

/**
 * A second name for a file that nobody may write, as an artifact's are; a copy of any other, which might
 * change under its second name.
 */
export async function linkOrCopy(from: string, to: string): Promise<void> {
  await mkdir(dirname(to), { recursive: true });
  const { mode } = await stat(from);
  if ((mode & 0o222) === 0) {
    try {
      return await link(from, to);
    } catch (error) {
      if (!NO_LINK.has((error as NodeJS.ErrnoException).code ?? '')) throw error;
    }
  }
  await copyFile(from, to);
}
