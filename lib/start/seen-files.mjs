// Tells whether files are still as they were. A file is read again only when its status changed: size,
// times (a copy may keep the time of writing, not that of the change) and inode.
import { createHash } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';

/** A file written twice within this time may have one status and two contents. */
const SETTLED_NS = 2_000_000_000n;

const hashOf = (bytes) => createHash('sha256').update(bytes).digest('base64');

function statusOf(path) {
  const { size, mtimeNs, ctimeNs, ino } = statSync(path, { bigint: true });
  const settled = BigInt(Date.now()) * 1_000_000n - ctimeNs > SETTLED_NS;
  return settled ? `${size} ${mtimeNs} ${ctimeNs} ${ino}` : '';
}

/** @returns the bytes of a file and what to remember of it: `[path, status, hash]` */
export function see(path) {
  // The status first: a file that changes in between is read again the next time.
  const status = statusOf(path);
  const bytes = readFileSync(path);
  return { bytes, seen: [path, status, hashOf(bytes)] };
}

/**
 * @param seen files as `see` gave them; a status that changed while the content did not is brought up to date
 * @returns the first file that changed or is gone; `renewed` is true when a status was brought up to date
 */
export function findChange(seen) {
  let renewed = false;
  for (const file of seen) {
    const [path, status, hash] = file;
    try {
      const now = statusOf(path);
      if (now === status && now !== '') continue;
      if (hashOf(readFileSync(path)) !== hash) return { changed: path, renewed };
      renewed ||= now !== status;
      file[1] = now;
    } catch {
      return { changed: path, renewed };
    }
  }
  return { changed: undefined, renewed };
}
