// The bundles of some entries in the cache:
//   bundles/<slot>/state.json     which bundle is the last, and what it was made of
//   bundles/<slot>/<name>/        a bundle; never changed, removed when it is old and nobody runs it
// A slot stands for entries at a place, and a version of Node.
import { createHash, randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { cachePath } from './cache-path.mjs';
import { markUsed, removeOld } from './old-bundles.mjs';
import { packageState } from './packages.mjs';
import { findChange, see } from './seen-files.mjs';

const here = fileURLToPath(import.meta.url);

/**
 * @param entries absolute paths of modules that are bundled together
 * @returns the bundle's folder, and the file of each entry in it
 * @throws when there is none and none can be made
 */
export async function findBundle(entries) {
  const cache = cachePath();
  if (!cache) throw new Error('EDGELOOM_CACHE is not an absolute path');
  const key = createHash('sha256').update([here, process.version, ...entries].join('\n'));
  const slot = join(cache, 'bundles', key.digest('hex').slice(0, 16));
  return readBundle(slot) ?? (await makeBundle(slot, entries));
}

/** @returns the bundle of a slot, undefined when there is none or it is stale or damaged */
function readBundle(slot) {
  const file = join(slot, 'state.json');
  try {
    const { uid } = statSync(file);
    // Code of another user is not run; what the administrator put there is.
    if (process.getuid && uid !== process.getuid() && uid !== 0) return undefined;
    const state = JSON.parse(readFileSync(file, 'utf8'));
    const packages = state.packages.map(([name]) => packageState(name));
    if (JSON.stringify(packages) !== JSON.stringify(state.packages)) return undefined;
    const { changed, renewed } = findChange(state.files);
    if (changed) return undefined;
    if (renewed) tryToKeep(file, state);
    const folder = join(slot, state.folder);
    markUsed(folder);
    return { folder, modules: state.modules };
  } catch {
    return undefined;
  }
}

/** Where it cannot be kept, files are read again the next time. */
function tryToKeep(file, state) {
  try {
    writeAside(file, JSON.stringify(state));
  } catch {
    // A read-only cache.
  }
}

async function makeBundle(slot, entries) {
  const folder = `${Date.now().toString(36)}-${randomBytes(4).toString('hex')}`;
  const path = join(slot, folder);
  // First, because where nothing can be written nothing need be made.
  mkdirSync(path, { recursive: true, mode: 0o700 });
  let made;
  try {
    markUsed(path);
    const { buildBundle } = await import('./build.mjs');
    const { files, modules, inputs, packages } = await buildBundle(entries, path);
    const seen = [...inputs];
    for (const { path: file, contents } of files) {
      writeFileSync(file, contents);
      // A stack trace can do without its map.
      if (!file.endsWith('.map')) seen.push(see(file).seen);
    }
    // The last step: a bundle that is named here is whole.
    const state = { folder, modules, packages, files: seen };
    writeAside(join(slot, 'state.json'), JSON.stringify(state));
    made = { folder: path, modules };
  } finally {
    if (!made) rmSync(path, { recursive: true, force: true });
  }
  try {
    removeOld(slot, path);
  } catch {
    // Another process removes them too.
  }
  return made;
}

function writeAside(file, text) {
  const aside = `${file}.${randomBytes(4).toString('hex')}`;
  try {
    writeFileSync(aside, text, { mode: 0o600 });
    renameSync(aside, file);
  } catch (error) {
    rmSync(aside, { force: true });
    throw error;
  }
}
