/** Linking the cached library into an npm package, where tfjs-node looks for it. */
import { lstatSync, readlinkSync } from 'node:fs';
import { mkdir, rename, rm, symlink } from 'node:fs/promises';
import { dirname } from 'node:path';
import { EdgeloomError } from '../../lib/errors.ts';

export interface Link {
  /** Absolute path of the symbolic link. */
  at: string;
  /** Absolute path it points to. */
  to: string;
}

/** True when the link is there and points to the right place. */
export function isLinked(link: Link): boolean {
  try {
    return readlinkSync(link.at) === link.to;
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    // EINVAL: something other than a link is there.
    if (code === 'ENOENT' || code === 'EINVAL' || code === 'ENOTDIR') return false;
    throw error;
  }
}

const occupied = (path: string): boolean =>
  lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() === false;

/**
 * Makes the link point to its target; another link is replaced in one step, so that a second process
 * never finds it absent. Throws `link-failed` when the folder cannot be written or when a real file
 * or folder is in the way.
 */
export async function ensureLink(link: Link): Promise<void> {
  if (isLinked(link)) return;
  const fail = (why: string, cause?: unknown): EdgeloomError =>
    new EdgeloomError(
      {
        code: 'link-failed',
        what: `The TensorFlow library cannot be linked into node_modules: ${why}`,
        where: link.at,
        fix: 'make node_modules writable, or remove what is in the way and run npm ci',
        exitCode: 3,
      },
      { cause },
    );
  if (occupied(link.at)) throw fail('something else is there');
  const draft = `${link.at}.${process.pid}`;
  try {
    await mkdir(dirname(link.at), { recursive: true });
    await rm(draft, { force: true });
    await symlink(link.to, draft);
    await rename(draft, link.at);
  } catch (error) {
    await rm(draft, { force: true });
    throw fail((error as Error).message, error);
  }
}
