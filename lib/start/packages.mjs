// Packages stay outside a bundle; what is fixed in it is where they lie and how they are loaded.
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** @returns the URL of the file that `import` would load, null when the package is not installed */
function resolvePackage(specifier) {
  try {
    return import.meta.resolve(specifier);
  } catch {
    return null;
  }
}

/** @returns what a bundle has fixed of a package; a later version may be of another kind at the same place */
export function packageState(specifier) {
  const url = resolvePackage(specifier);
  return [specifier, url, url !== null && !url.startsWith('node:') && isCommonJs(url)];
}

/** True for a CommonJS module: what Node tells by extension and by the `type` of the package. */
function isCommonJs(url) {
  const path = fileURLToPath(url);
  if (/\.(cjs|cts|node|json)$/.test(path)) return true;
  if (!path.endsWith('.js')) return false;
  for (let folder = dirname(path); ; folder = dirname(folder)) {
    const manifest = join(folder, 'package.json');
    if (existsSync(manifest)) return JSON.parse(readFileSync(manifest, 'utf8')).type !== 'module';
    if (folder === dirname(folder)) return true;
  }
}
