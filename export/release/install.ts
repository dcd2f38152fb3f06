/**
 * The folder that `pull` fills:
 *
 * ```
 * releases/<release id>/…    whole, verified bundles: the current one and the one before
 * current, previous          links to them; text files with the same words where links are not to be had
 * .partial/<sha256>          verified files of a pull that did not finish
 * .edgeloom-pull             says that the folder is pull's
 * ```
 */
import { join } from 'node:path';
import { EdgeloomError } from '../../lib/errors.ts';
import { MANIFEST_FILE } from '../bundle/manifest.ts';
import { type FileSystem, hasCode } from './file-system.ts';
import { uniqueSuffix } from './repository.ts';

export type Pointer = 'current' | 'previous';

const TARGET = /^releases\/[A-Za-z0-9][A-Za-z0-9._-]*$/;

/** What a pointer points at, as `releases/<id>`, or null. */
export async function readPointer(
  fs: FileSystem,
  outDir: string,
  pointer: Pointer,
): Promise<string | null> {
  const path = join(outDir, pointer);
  const stat = await fs.stat(path);
  if (!stat) return null;
  if (stat.kind !== 'link' && stat.kind !== 'file') throw notOurs(path);
  const target = stat.kind === 'link' ? await fs.readLink(path) : (await fs.readText(path)).trim();
  if (!TARGET.test(target)) throw notOurs(path);
  return target;
}

function notOurs(path: string): EdgeloomError {
  return new EdgeloomError({
    code: 'not-a-pull-folder',
    what: 'The folder holds something that pull did not make',
    where: path,
    fix: 'choose another folder with --out',
  });
}

/** Swaps a pointer in one rename. */
export async function writePointer(
  fs: FileSystem,
  outDir: string,
  pointer: Pointer,
  target: string,
): Promise<void> {
  const path = join(outDir, pointer);
  const temporary = join(outDir, `.${pointer}-${uniqueSuffix()}`);
  try {
    try {
      await fs.link(target, temporary);
    } catch (error) {
      if (!hasCode(error, 'EPERM', 'ENOSYS', 'ENOTSUP', 'EOPNOTSUPP')) throw error;
      await fs.writeNew(temporary, `${target}\n`);
    }
    await fs.rename(temporary, path);
  } catch (error) {
    await fs.remove(temporary);
    throw error;
  }
  await fs.syncFolder(outDir);
}

const MARKER = '.edgeloom-pull';

/**
 * Old releases in the folder are removed, so it must be one that pull made: new, marked, or with a
 * pointer of ours. Writes nothing.
 * @throws EdgeloomError `not-a-pull-folder`
 */
export async function requirePullFolder(fs: FileSystem, outDir: string): Promise<void> {
  const kind = async (path: string) => (await fs.stat(path))?.kind;
  const releases = join(outDir, 'releases');
  const at = await fs.stat(outDir);
  if (at?.kind === 'file' || at?.kind === 'other') throw notOurs(outDir);
  if ((await kind(join(outDir, MARKER))) === 'file') return;
  const there = await kind(releases);
  if (there === undefined) return;
  if (there !== 'folder') throw notOurs(releases);
  if ((await fs.list(releases)).length === 0) return;
  if ((await readPointer(fs, outDir, 'current')) === null) throw notOurs(releases);
}

/** Marks the folder as one that pull fills. */
export async function markPullFolder(fs: FileSystem, outDir: string): Promise<void> {
  const path = join(outDir, MARKER);
  if (await fs.stat(path)) return;
  await fs.writeNew(path, 'edgeloom pull fills this folder and removes old releases from it.\n');
}

/** Removes releases that no pointer names, and what dead pulls left. */
export async function prune(fs: FileSystem, outDir: string): Promise<void> {
  const keep = new Set([
    await readPointer(fs, outDir, 'current'),
    await readPointer(fs, outDir, 'previous'),
  ]);
  for (const name of await fs.list(join(outDir, 'releases'))) {
    if (keep.has(`releases/${name}`)) continue;
    const path = join(outDir, 'releases', name);
    // Whatever else somebody put there stays.
    if (await fs.stat(join(path, MANIFEST_FILE))) await fs.remove(path);
  }
  await fs.remove(join(outDir, '.partial'));
}
