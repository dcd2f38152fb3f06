// What the entries of processes and threads have in common: makes their TypeScript modules run, from a
// bundle that was made of them, or from the sources with tsx where there can be no bundle.
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { findBundle } from './bundles.mjs';
import { nameSources } from './stack.mjs';

/**
 * @param entryUrl `import.meta.url` of the entry
 * @param module the module to load, from there: `./main.ts`
 * @param together modules that are bundled together: those of processes that start each other
 * @returns what the module exports
 */
export async function load(entryUrl, module, together = [module]) {
  const url = new URL(module, entryUrl);
  const bundle = await lookForBundle(
    together.map((name) => fileURLToPath(new URL(name, entryUrl))),
  );
  const { folder, reason } = bundle;
  globalThis[Symbol.for('edgeloom.start')] = { folder, reason };
  if (process.env.EDGELOOM_BUNDLE === 'tell') {
    const from = folder ? `the bundle ${folder}` : `sources: ${reason}`;
    process.stderr.write(`${fileURLToPath(url)} starts from ${from}\n`);
  }
  if (folder) {
    nameSources(folder);
    return import(pathToFileURL(join(folder, bundle.modules[fileURLToPath(url)])).href);
  }
  const { register } = await import('tsx/esm/api');
  register();
  return import(url.href);
}

async function lookForBundle(entries) {
  if (process.env.EDGELOOM_BUNDLE === 'off') return { reason: 'EDGELOOM_BUNDLE is off' };
  try {
    return await findBundle(entries);
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    return { reason: text.replaceAll(/\s*\n\s*/g, ' ') };
  }
}
