/** Which file paths a bundle may hold. Everything else is refused before anything is written. */

const SEGMENT = /^[A-Za-z0-9_][A-Za-z0-9._-]*$/;
const WINDOWS_DEVICE = /^(con|prn|aux|nul|com[0-9]|lpt[0-9])(\.|$)/i;
const MAX_LENGTH = 240;

/**
 * Why a path may not be in a bundle, or null when it may. Allowed are relative paths with `/` and
 * plain ASCII names, which mean the same file on every system.
 */
export function pathProblem(path: string): string | null {
  if (path.length === 0) return 'is empty';
  if (path.includes('\0')) return 'holds a NUL byte';
  if (path.includes('\\')) return 'holds a backslash';
  if (path.startsWith('/')) return 'is absolute';
  if (/^[A-Za-z]:/.test(path)) return 'begins with a drive letter';
  if (path.length > MAX_LENGTH) return `is longer than ${MAX_LENGTH} characters`;
  for (const segment of path.split('/')) {
    if (segment === '..') return 'leaves the folder';
    if (segment === '' || segment === '.') return 'is not in its shortest form';
    if (WINDOWS_DEVICE.test(segment)) return 'names a device';
    if (segment.endsWith('.')) return 'ends a name with a dot';
    if (!SEGMENT.test(segment)) return 'holds characters other than letters, digits, . _ -';
  }
  return null;
}

/** Paths that would be one file, or a file and a folder at once, where case does not count. */
export function collidingPaths(paths: string[]): [string, string] | null {
  const seen = new Map<string, string>();
  for (const path of paths) {
    const key = path.toLowerCase();
    const other = seen.get(key);
    if (other !== undefined) return [other, path];
    seen.set(key, path);
  }
  for (const path of paths) {
    const segments = path.toLowerCase().split('/');
    for (let n = 1; n < segments.length; n++) {
      const folder = seen.get(segments.slice(0, n).join('/'));
      if (folder !== undefined) return [folder, path];
    }
  }
  return null;
}
