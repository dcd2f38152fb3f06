/** Lists of files that came from elsewhere. */
import { z } from 'zod';
import { EdgeloomError } from '../../lib/errors.ts';
import type { HashedFile } from '../../lib/hash-folder.ts';

const fileSchema = z.strictObject({
  path: z.string().min(1),
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
  bytes: z.int().min(0),
});

/** True for a relative path that stays below the folder it is joined to, on every system. */
export function isSafePath(path: string): boolean {
  if (/[\\\0]/.test(path) || /^[a-zA-Z]:/.test(path)) return false;
  return path.split('/').every((name) => name !== '' && name !== '.' && name !== '..');
}

function fault(where: string, what: string): EdgeloomError {
  return new EdgeloomError({
    code: 'artifact-damaged',
    what,
    where,
    fix: 'run the pipeline again with --force: the artifact is made anew',
  });
}

/**
 * @param where told in errors
 * @throws EdgeloomError `artifact-damaged` for what is no list of files, a path that leads out of
 * the folder, a file that is also a folder
 */
export function parseManifest(text: string, where: string): HashedFile[] {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw fault(where, 'A list of files is not JSON');
  }
  const parsed = z.array(fileSchema).safeParse(value);
  if (!parsed.success) {
    throw fault(where, `A list of files does not fit: ${z.prettifyError(parsed.error)}`);
  }
  const folders = new Set<string>();
  const seen = new Set<string>();
  for (const { path } of parsed.data) {
    if (!isSafePath(path)) {
      throw fault(where, `A file's path leads out of its folder: ${JSON.stringify(path)}`);
    }
    if (seen.has(path)) throw fault(where, `A file is listed twice: ${path}`);
    seen.add(path);
    const names = path.split('/');
    for (let i = 1; i < names.length; i += 1) folders.add(names.slice(0, i).join('/'));
  }
  const both = parsed.data.find(({ path }) => folders.has(path));
  if (both) throw fault(where, `A file is also a folder: ${both.path}`);
  return parsed.data;
}
