// Packages stay outside a bundle; what is fixed in it is where they lie and how they are loaded.
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** @returns the URL of the file that `import` would load, null when the package is not installed */
export function resolvePackage(specifier) {
  try {
    return import.meta.resolve(specifier);
  } catch {
    return null;
  }
}

/** True for a CommonJS module: what Node tells by extension and by the `type` of the package. */
export function isCommonJs(url) {
  const path = fileURLToPath(url);
  if (/\.(cjs|cts|node|json)$/.test(path)) return true;
  if (!path.endsWith('.js')) return false;
  for (let folder = dirname(path); ; folder = dirname(folder)) {
    const manifest = join(folder, 'package.json');
    if (existsSync(manifest)) return JSON.parse(readFileSync(manifest, 'utf8')).type !== 'module';
    if (folder === dirname(folder)) return true;
  }
}
