// Which bundles are in use, and the removal of the others. A module that is loaded late is read from the
// bundle that the process began with, however often the sources changed since.
import { readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { threadId } from 'node:worker_threads';

const KEPT = 3;
const UNUSED_MS = 30 * 86_400_000;

/** Leaves a mark in the bundle's folder until this process (or thread) ends. */
export function markUsed(folder) {
  const mark = join(folder, `${process.pid}-${threadId}.user`);
  try {
    writeFileSync(mark, '');
  } catch {
    // Where no mark can be made, nothing can be removed either.
    return;
  }
  process.once('exit', () => rmSync(mark, { force: true }));
}

function isUsed(folder) {
  return readdirSync(folder).some((name) => {
    const pid = /^(\d+)-\d+\.user$/.exec(name)?.[1];
    if (!pid) return false;
    try {
      process.kill(Number(pid), 0);
      return true;
    } catch (error) {
      return error.code === 'EPERM';
    }
  });
}

/** Removes all but the last bundles of a slot, and slots that nobody used for a month. */
export function removeOld(slot, current) {
  // Names begin with the time at which they were made.
  const others = bundlesOf(slot).filter((folder) => folder !== current);
  for (const folder of others
    .sort()
    .reverse()
    .slice(KEPT - 1)) {
    if (!isUsed(folder)) remove(folder);
  }
  const cache = dirname(slot);
  for (const name of readdirSync(cache)) {
    const other = join(cache, name);
    // A mark that is made or removed changes the time of its folder.
    const isRecent = (folder) => Date.now() - statSync(folder).mtimeMs < UNUSED_MS;
    const bundles = bundlesOf(other);
    if (![other, ...bundles].some(isRecent) && !bundles.some(isUsed)) remove(other);
  }
}

const bundlesOf = (slot) =>
  readdirSync(slot)
    .filter((name) => !name.startsWith('state.json'))
    .map((name) => join(slot, name));

const remove = (folder) => rmSync(folder, { recursive: true, force: true });
